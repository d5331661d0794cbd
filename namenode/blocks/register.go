package blocks

import (
	"context"
	"fmt"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Register notes a DataNode that starts, or comes back. d.IP is the address that
// it called from. One that has another's address and transfer port takes its place:
// the other's replicas count as lost.
func (r *Registry) Register(ctx context.Context, d schema.Datanode) error {
	if d.UUID == "" || len(d.UUID) > 64 || len(d.IP) > 64 || len(d.Host) > 255 || len(d.Version) > 64 {
		return fault.New(fault.InvalidArgument, "a DataNode's UUID, address or version is missing or too long: %.80q", d.UUID)
	}
	if d.Location == "" {
		d.Location = DefaultRack
	}
	if err := r.admit(&d); err != nil {
		return err
	}
	others, volumes := r.replacedBy(d)
	own, wasDead := r.volumesOf(d.UUID), r.isLost(d.UUID)
	moved := false
	err := r.eng.Update(ctx, func(tx *txn.Tx) error {
		moved = false
		old, err := tx.Get(schema.Datanodes, schema.KeyOf(schema.Str(d.UUID)), dal.Exclusive)
		if err != nil {
			return err
		}
		d.Registered, d.AdminState = tx.Now(), adminNormal
		if old != nil && schema.DatanodeOf(old).AdminState != adminRemoved {
			d.AdminState = schema.DatanodeOf(old).AdminState
			if wasDead && d.AdminState == adminDecommissioned {
				d.AdminState = adminDecommissioning // it may have blocks that nobody else has
			}
			if schema.DatanodeOf(old).Location != d.Location {
				if err := markReview(tx, own); err != nil {
					return err
				}
				moved = true
			}
		}
		tx.Put(schema.Datanodes, d.Row())
		for _, other := range others {
			other.AdminState = adminRemoved
			tx.Put(schema.Datanodes, other.Row())
		}
		for _, s := range volumes {
			s.State = storageRemoved
			tx.Put(schema.Storages, s.Row())
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("register DataNode %s: %w", d.UUID, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.setNode(d)
	n.registered, n.again, n.lost, n.heard = true, false, false, r.now()
	n.failures = 0
	n.copies, n.recoveries, n.deletions = nil, nil, map[int64]*deletion{}
	r.endLease(n)
	for _, s := range n.storages {
		s.seen, s.failed = n.heard, false
	}
	if moved {
		r.reviewed(own, storageReview)
	}
	r.countRacks()
	for _, other := range others {
		if o := r.nodes[other.UUID]; o != nil {
			o.row.AdminState, o.registered, o.lost = adminRemoved, false, true
		}
	}
	for _, s := range volumes {
		if st := r.storages[s.StorageID]; st != nil {
			st.row.State = storageRemoved
		}
	}
	return nil
}

// Superseded returns an error if another DataNode has registered with the UUID of d from
// another address since. The one that comes second stays, as in HDFS. An empty address is
// not looked at.
func (r *Registry) Superseded(d schema.Datanode) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := r.nodes[d.UUID]
	if n == nil || !n.registered || (d.IP == "" || n.row.IP == d.IP) && n.row.XferPort == d.XferPort {
		return nil
	}
	return fault.New(fault.Unregistered, "Data node %s:%d is attempting to report storage ID %s. Node %s:%d is expected to serve this storage.",
		d.IP, d.XferPort, d.UUID, n.row.IP, n.row.XferPort)
}

// isLost reports whether a DataNode was found dead.
func (r *Registry) isLost(uuid string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := r.nodes[uuid]
	return n != nil && n.lost
}

// replacedBy returns the DataNodes that had the address of d, and their storages.
func (r *Registry) replacedBy(d schema.Datanode) (nodes []schema.Datanode, volumes []schema.Storage) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, n := range r.nodes {
		o := n.row
		if o.UUID == d.UUID || o.IP != d.IP || o.XferPort != d.XferPort || o.AdminState == adminRemoved {
			continue
		}
		nodes = append(nodes, o)
		for _, s := range n.storages {
			volumes = append(volumes, s.row)
		}
	}
	return nodes, volumes
}

// registered returns the ids of the volumes that a registered DataNode names, and
// makes rows for those that are new.
func (r *Registry) registeredStorages(ctx context.Context, datanode string, refs []StorageRef) (map[string]int64, error) {
	ids := make(map[string]int64, len(refs))
	var fresh []StorageRef
	r.mu.RLock()
	n := r.nodes[datanode]
	known := n != nil && n.registered && !n.lost
	for _, ref := range refs {
		s := r.volumes[ref.UUID]
		if s != nil && s.node == n && s.row.State != storageRemoved && s.row.Type == ref.Type {
			ids[ref.UUID] = s.row.StorageID
		} else {
			fresh = append(fresh, ref)
		}
	}
	r.mu.RUnlock()
	if !known {
		return nil, fault.New(fault.IO, "report from dead or unregistered node: %s", datanode)
	}
	for _, ref := range fresh {
		row, err := r.addStorage(ctx, datanode, ref)
		if err != nil {
			return nil, fmt.Errorf("add storage %s: %w", ref.UUID, err)
		}
		ids[ref.UUID] = row.StorageID
	}
	return ids, nil
}

// addStorage writes the row of a volume that is new, has moved to another DataNode
// or comes back.
func (r *Registry) addStorage(ctx context.Context, datanode string, ref StorageRef) (schema.Storage, error) {
	if ref.UUID == "" || len(ref.UUID) > 64 {
		return schema.Storage{}, fault.New(fault.InvalidArgument, "the UUID of a storage is empty or too long: %.80q", ref.UUID)
	}
	var row schema.Storage
	err := r.eng.Update(ctx, func(tx *txn.Tx) error {
		rows, err := tx.Lookup(schema.StoragesByUUID, schema.KeyOf(schema.Str(ref.UUID)))
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			row = schema.StorageOf(rows[0])
			row.DatanodeUUID, row.Type, row.State = datanode, ref.Type, storageNormal
			tx.Put(schema.Storages, row.Row())
			return nil
		}
		id, err := tx.NewID(schema.VarNextStorageID)
		if err != nil {
			return err
		}
		row = schema.Storage{StorageID: id, UUID: ref.UUID, DatanodeUUID: datanode, Type: ref.Type, State: storageNormal}
		return tx.Insert(schema.Storages, row.Row())
	})
	if err != nil {
		return row, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.setStorage(row)
	s.failed, s.seen = false, max(r.now(), s.node.heard)
	return row, nil
}
