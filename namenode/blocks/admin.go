package blocks

import (
	"context"
	"errors"
	"fmt"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/hosts"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// wish is what the operator wants with a DataNode.
func (r *Registry) wish(d *schema.Datanode) hosts.Wish {
	if r.opt.Hosts == nil {
		return hosts.Serve
	}
	w, _ := r.opt.Hosts.Wish(d.IP, d.Host, d.XferPort, r.opt.Now())
	return w
}

// admit refuses a DataNode that the lists of hosts do not let in.
func (r *Registry) admit(d *schema.Datanode) error {
	if r.wish(d) != hosts.Refuse {
		return nil
	}
	return fault.New(fault.Disallowed, "Datanode denied communication with namenode because the host is not in the include-list: %s:%d (%s)", d.IP, d.XferPort, d.Host)
}

// RefreshNodes reads the lists of hosts and the racks again, here at once and at the
// other NameNodes a moment later.
func (r *Registry) RefreshNodes(ctx context.Context) error {
	if err := r.reread(ctx); err != nil {
		return err
	}
	fresh, err := r.announce(ctx, schema.VarRefreshNodes, 0)
	if err != nil {
		return err
	}
	r.told.refresh.Store(fresh)
	if !r.leads() {
		return r.Sync(ctx) // the leader may have been told before
	}
	return r.govern(r.fenced(ctx))
}

// SetBalancerBandwidth tells every DataNode how many bytes a second the balancer may
// move: the leader does with the next heartbeats.
func (r *Registry) SetBalancerBandwidth(ctx context.Context, bytes int64) error {
	_, err := r.announce(ctx, schema.VarBandwidth, bytes)
	return err
}

// announce writes a variable that all NameNodes look at in Sync. Its text counts the
// announcements.
func (r *Registry) announce(ctx context.Context, name string, value int64) (count int64, err error) {
	key := schema.KeyOf(schema.Str(name))
	err = r.eng.Update(ctx, func(tx *txn.Tx) error {
		row, err := tx.Get(schema.Variables, key, dal.Exclusive)
		if err != nil {
			return err
		}
		count = 1
		if row != nil {
			count = announced(schema.VariableOf(row)) + 1
		}
		v := schema.Variable{Name: name, Value: value, Text: fmt.Sprint(count)}
		tx.Put(schema.Variables, v.Row())
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("tell the NameNodes: %w", err)
	}
	return count, nil
}

// announced is the number of an announcement, 0 for none.
func announced(v schema.Variable) (n int64) {
	if _, err := fmt.Sscan(v.Text, &n); err != nil {
		return 0
	}
	return n
}

// reread reads the lists of hosts and the racks again.
func (r *Registry) reread(ctx context.Context) error {
	var errs []error
	if r.opt.Hosts != nil {
		errs = append(errs, r.opt.Hosts.Reload(ctx))
	}
	if r.opt.Racks != nil {
		errs = append(errs, r.opt.Racks.Reload())
	}
	return errors.Join(append(errs, r.relocate(ctx))...)
}

// Sync learns what other NameNodes wrote: the admin states of DataNodes, and that an
// operator wants something of all NameNodes.
func (r *Registry) Sync(ctx context.Context) error {
	all := txn.Range{Index: schema.Datanodes.Primary}
	keys := []schema.Key{schema.KeyOf(schema.Str(schema.VarRefreshNodes)), schema.KeyOf(schema.Str(schema.VarBandwidth))}
	var nodes []schema.Row
	var said [2]schema.Variable
	err := r.eng.View(ctx, func(tx *txn.Tx) error {
		tx.Want(all.Ref())
		rows, err := getAll(tx, schema.Variables, keys)
		if err != nil {
			return err
		}
		for i, row := range rows {
			said[i] = schema.Variable{}
			if row != nil {
				said[i] = schema.VariableOf(row)
			}
		}
		d, err := tx.Scan(all)
		nodes = d.Rows
		return err
	})
	if err != nil {
		return fmt.Errorf("read the DataNodes: %w", err)
	}
	r.takeOverStates(nodes)
	r.bandwidth(said[1])
	last := r.told.refresh.Load()
	if n := announced(said[0]); n != last {
		r.told.refresh.Store(n)
		if last >= 0 {
			return r.reread(ctx)
		}
	}
	return nil
}

// takeOverStates takes admin states and racks from rows of datanodes.
func (r *Registry) takeOverStates(rows []schema.Row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, row := range rows {
		d := schema.DatanodeOf(row)
		n := r.nodes[d.UUID]
		if n == nil {
			r.strange.Store(true)
			continue
		}
		if d.AdminState != adminRemoved && n.row.AdminState != adminRemoved {
			n.row.AdminState = d.AdminState
		}
	}
	r.countRacks()
}

// bandwidth queues a new bandwidth of the balancer for all DataNodes.
func (r *Registry) bandwidth(v schema.Variable) {
	n, last := announced(v), r.told.bandwidth.Load()
	r.told.bandwidth.Store(n)
	if n == last || last < 0 || !r.leads() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.nodes {
		d.bandwidth = v.Value
	}
}

// govern brings the DataNodes towards the states that the operator's lists want. Only
// the leader does: its lists count.
func (r *Registry) govern(ctx context.Context) error {
	type step struct {
		uuid  string
		state int64
	}
	var steps []step
	r.mu.RLock()
	now := r.now()
	for uuid, n := range r.nodes {
		state, dead := n.row.AdminState, r.dead(n, now)
		if state == adminRemoved {
			continue
		}
		next := state
		switch r.wish(&n.row) {
		case hosts.Serve:
			next = adminNormal
		case hosts.Empty:
			if state != adminDecommissioning && state != adminDecommissioned {
				next = adminDecommissioning
			}
			if next == adminDecommissioning && dead && state != next {
				next = adminDecommissioned
			}
		case hosts.Maintain:
			if state != adminEntering && state != adminInMaintenance {
				next = adminEntering
			}
			if next == adminEntering && dead {
				next = adminInMaintenance
			}
		case hosts.Refuse:
		}
		if next != state {
			steps = append(steps, step{uuid, next})
		}
	}
	r.mu.RUnlock()
	var errs []error
	for _, s := range steps {
		errs = append(errs, r.setAdmin(ctx, s.uuid, s.state))
	}
	return errors.Join(errs...)
}

// setAdmin gives a DataNode another admin state. Back in service its blocks may have
// too many replicas: they are looked at.
func (r *Registry) setAdmin(ctx context.Context, uuid string, state int64) error {
	volumes := r.volumesOf(uuid)
	err := r.eng.Update(ctx, func(tx *txn.Tx) error {
		row, err := tx.Get(schema.Datanodes, schema.KeyOf(schema.Str(uuid)), dal.Exclusive)
		if err != nil || row == nil {
			return err
		}
		d := schema.DatanodeOf(row)
		if d.AdminState == adminRemoved {
			return nil
		}
		d.AdminState = state
		tx.Put(schema.Datanodes, d.Row())
		if state == adminNormal {
			return markReview(tx, volumes)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("set the state of DataNode %s: %w", uuid, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.nodes[uuid]
	if n == nil || n.row.AdminState == adminRemoved {
		return nil
	}
	r.opt.Logger.Info("a DataNode changes its state", "datanode", uuid, "address", n.row.IP, "port", n.row.XferPort,
		"from", AdminStateName(n.row.AdminState), "to", AdminStateName(state))
	n.row.AdminState = state
	if state == adminNormal {
		r.reviewed(volumes, storageReview)
	}
	return nil
}

// volumesOf returns the ids of a DataNode's storages.
func (r *Registry) volumesOf(uuid string) []int64 { return r.storagesOf(uuid, "") }

// AdminStateName is an admin state as the NameNode's beans show it.
func AdminStateName(state int64) string {
	switch state {
	case adminDecommissioning:
		return "Decommission In Progress"
	case adminDecommissioned:
		return "Decommissioned"
	case adminEntering:
		return "Entering Maintenance"
	case adminInMaintenance:
		return "In Maintenance"
	}
	return "In Service"
}

// Decommissioned reports whether a DataNode has left.
func (d *DatanodeStatus) Decommissioned() bool { return d.AdminState == adminDecommissioned }

// Decommissioning reports whether a DataNode is about to leave.
func (d *DatanodeStatus) Decommissioning() bool { return d.AdminState == adminDecommissioning }

// EnteringMaintenance reports whether a DataNode is about to go under maintenance.
func (d *DatanodeStatus) EnteringMaintenance() bool { return d.AdminState == adminEntering }
