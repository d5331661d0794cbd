package blocks

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// forgetStorage deletes the row of a removed storage that has no replicas left, its
// queued deletions, and after the last storage its DataNode.
func (r *Registry) forgetStorage(ctx context.Context, id int64) error {
	key := schema.KeyOf(schema.Int(id))
	left := txn.Range{Index: schema.ReplicasByStorage, Prefix: key, Limit: 1}
	queued := txn.Range{Index: schema.Invalidations.Primary, Prefix: key, Limit: scanPage}
	uuid, last := r.lastOf(id)
	var gone bool
	err := r.eng.Update(ctx, func(tx *txn.Tx) error {
		gone = false
		tx.Want(txn.Row(schema.Storages, key, dal.Exclusive), left.Ref(), queued.Ref())
		row, err := tx.Get(schema.Storages, key, dal.Exclusive)
		if err != nil || row == nil || schema.StorageOf(row).State != storageRemoved {
			return err
		}
		reps, err := tx.Scan(left)
		if err != nil || len(reps.Rows) > 0 {
			return err
		}
		invs, err := tx.Scan(queued)
		if err != nil {
			return err
		}
		for _, inv := range invs.Rows {
			tx.Delete(schema.Invalidations, schema.Invalidations.Key(inv))
		}
		if len(invs.Rows) == scanPage {
			return nil
		}
		gone = true
		tx.Delete(schema.Storages, key)
		if last {
			tx.Delete(schema.Datanodes, schema.KeyOf(schema.Str(uuid)))
		}
		return nil
	})
	if err != nil || !gone {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.storages[id]
	delete(r.storages, id)
	delete(r.volumes, s.row.UUID)
	delete(s.node.storages, id)
	if last {
		delete(r.nodes, uuid)
	}
	return nil
}

// lastOf returns the DataNode of a storage, and whether the DataNode is removed
// and has no other storage.
func (r *Registry) lastOf(id int64) (uuid string, last bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := r.storages[id].node
	return n.row.UUID, n.row.AdminState == adminRemoved && len(n.storages) == 1
}

// getAll returns rows by key, nil where there is none.
func getAll(tx *txn.Tx, t *schema.Table, keys []schema.Key) ([]schema.Row, error) {
	for _, k := range keys {
		tx.Want(txn.Row(t, k, dal.None))
	}
	rows := make([]schema.Row, len(keys))
	for i, k := range keys {
		var err error
		if rows[i], err = tx.Get(t, k, dal.None); err != nil {
			return nil, err
		}
	}
	return rows, nil
}
