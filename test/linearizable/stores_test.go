package linearizable

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// A slow store pauses between the statements of a transaction, so that those of
// several NameNodes interleave in more ways than they would by themselves.
type slow struct {
	dal.Store
	unlocked bool // the planted bug: rows above a target are not locked
}

// paused makes the store of a NameNode slow, for peers.Options.
func paused(_ int, store dal.Store) dal.Store { return &slow{Store: store} }

// maxPause is the longest pause before a commit.
const maxPause = 3 * time.Millisecond

// Begin is part of dal.Store.
func (s *slow) Begin(ctx context.Context) (dal.Tx, error) {
	tx, err := s.Store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &slowTx{tx, s.unlocked}, nil
}

type slowTx struct {
	dal.Tx
	unlocked bool
}

// Fetch is part of dal.Tx.
func (t *slowTx) Fetch(ctx context.Context, fetches []dal.Fetch) ([]dal.Rows, error) {
	if t.unlocked {
		fetches = slices.Clone(fetches)
		for i := range fetches {
			if fetches[i].Table == schema.Inodes && fetches[i].Lock == dal.Shared {
				fetches[i].Lock = dal.None
			}
		}
	}
	return t.Tx.Fetch(ctx, fetches)
}

// Commit is part of dal.Tx.
func (t *slowTx) Commit(ctx context.Context, changes []dal.Change) error {
	time.Sleep(rand.N(maxPause))
	return t.Tx.Commit(ctx, changes)
}
