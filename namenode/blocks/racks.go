package blocks

import (
	"context"
	"fmt"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// countRacks counts the racks of the DataNodes that are in service and not dead. The
// caller holds mu.
func (r *Registry) countRacks() {
	racks := map[string]bool{}
	for _, n := range r.nodes {
		if n.row.AdminState == adminNormal && !n.lost && n.row.Location != "" {
			racks[n.row.Location] = true
		}
	}
	if r.racks == 1 && len(racks) > 1 {
		r.spread.Store(true)
	}
	r.racks = len(racks)
}

// spreadOut has all blocks looked at after a first DataNode came up on a second rack:
// they were all written to one.
func (r *Registry) spreadOut(ctx context.Context) error {
	if !r.spread.Load() {
		return nil
	}
	var all []int64
	r.mu.RLock()
	for id, s := range r.storages {
		if s.row.State != storageRemoved {
			all = append(all, id)
		}
	}
	r.mu.RUnlock()
	if err := r.review(ctx, all); err != nil {
		return err
	}
	r.spread.Store(false)
	return nil
}

// relocate finds out again on which racks the DataNodes are.
func (r *Registry) relocate(ctx context.Context) error {
	if r.opt.Racks == nil {
		return nil
	}
	var rows []schema.Datanode
	r.mu.RLock()
	for _, n := range r.nodes {
		if n.registered && n.row.AdminState != adminRemoved {
			rows = append(rows, n.row)
		}
	}
	r.mu.RUnlock()
	for _, d := range rows {
		rack, _ := r.opt.Racks.Rack(ctx, d.IP, d.Host)
		if rack == d.Location {
			continue
		}
		if err := r.moveTo(ctx, d.UUID, rack); err != nil {
			return fmt.Errorf("move DataNode %s to rack %s: %w", d.UUID, rack, err)
		}
	}
	return nil
}

// moveTo notes that a DataNode is on another rack.
func (r *Registry) moveTo(ctx context.Context, uuid, rack string) error {
	volumes := r.volumesOf(uuid)
	err := r.eng.Update(ctx, func(tx *txn.Tx) error {
		row, err := tx.Get(schema.Datanodes, schema.KeyOf(schema.Str(uuid)), dal.Exclusive)
		if err != nil || row == nil {
			return err
		}
		d := schema.DatanodeOf(row)
		d.Location = rack
		tx.Put(schema.Datanodes, d.Row())
		return markReview(tx, volumes)
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.nodes[uuid]; n != nil {
		n.row.Location = rack
	}
	r.reviewed(volumes, storageReview)
	r.countRacks()
	return nil
}
