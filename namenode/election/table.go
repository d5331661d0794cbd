package election

import (
	"context"
	"fmt"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// NewID takes an id for a NameNode, which no other one ever gets.
func NewID(ctx context.Context, store dal.Store) (id int64, err error) {
	// An id whose fate is not known is lost, never used twice.
	err = repeat(func() error {
		id, err = takeID(ctx, store)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("take an id for this NameNode: %w", err)
	}
	return id, nil
}

func takeID(ctx context.Context, store dal.Store) (int64, error) {
	tx, err := store.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	key := schema.KeyOf(schema.Str(schema.VarNextNodeID))
	got, err := tx.Fetch(ctx, []dal.Fetch{{Table: schema.Variables, Keys: []schema.Key{key}, Lock: dal.Exclusive}})
	if err != nil {
		return 0, err
	}
	if len(got[0].Rows) == 0 {
		return 0, fmt.Errorf("there is no variable %q: the store is not formatted", schema.VarNextNodeID)
	}
	v := schema.VariableOf(got[0].Rows[0])
	id := v.Value
	v.Value++
	return id, tx.Commit(ctx, []dal.Change{{Op: dal.Put, Table: schema.Variables, Key: key, Row: v.Row()}})
}

// Alive watches the heartbeat table of a store for missed intervals and returns the
// NameNodes whose counters moved. It returns at once if there are no rows, or as
// soon as one moves.
func Alive(ctx context.Context, store dal.Store, interval time.Duration, missed int) ([]schema.Namenode, error) {
	first, err := rows(ctx, store)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	was := map[int64]int64{}
	for _, r := range first {
		was[r.ID] = r.Counter
	}
	t := time.NewTicker(interval / 2)
	defer t.Stop()
	for range 2 * missed {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.C:
		}
		now, err := rows(ctx, store)
		if err != nil {
			return nil, err
		}
		var alive []schema.Namenode
		for _, r := range now {
			if c, ok := was[r.ID]; !ok || c != r.Counter {
				alive = append(alive, r)
			}
		}
		if len(alive) > 0 {
			return alive, nil
		}
	}
	return nil, nil
}

func rows(ctx context.Context, store dal.Store) ([]schema.Namenode, error) {
	got, err := store.Read(ctx, []dal.Fetch{{Table: schema.Namenodes, Scan: &dal.Scan{Limit: maxNodes}}})
	if err != nil {
		return nil, err
	}
	out := make([]schema.Namenode, len(got[0].Rows))
	for i, r := range got[0].Rows {
		out[i] = schema.NamenodeOf(r)
	}
	return out, nil
}
