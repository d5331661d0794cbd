package blocks

import (
	"context"
	"fmt"
	"sync"

	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Bounds of the work on a report.
const (
	reportWorkers = 32  // changes under way at once; the engine makes batches of them
	reportChunk   = 500 // blocks looked up at once
)

// Incremental takes an incremental report. What calls at this NameNode wait for, and
// at the leader what was deleted, is applied before it returns; after an error part
// of it is, the DataNode sends it again, and what is applied twice changes nothing.
// The rest is kept in memory: see inbox.
func (r *Registry) Incremental(ctx context.Context, datanode string, report []Events) error {
	refs := make([]StorageRef, len(report))
	for i, e := range report {
		refs[i] = e.Storage
	}
	ids, err := r.registeredStorages(ctx, datanode, refs)
	if err != nil {
		return err
	}
	var tasks []func() error
	for _, e := range report {
		storage := ids[e.Storage.UUID]
		more, err := r.eventTasks(ctx, storage, r.sift(storage, e.Events))
		if err != nil {
			return fmt.Errorf("incremental report of %s: %w", datanode, err)
		}
		tasks = append(tasks, more...)
	}
	if err := inParallel(tasks); err != nil {
		return fmt.Errorf("incremental report of %s: %w", datanode, err)
	}
	return nil
}

// sift returns the events of a storage that are to be applied now, behind earlier
// ones of the same replicas. Others go to the inbox.
func (r *Registry) sift(storage int64, events []Event) []note {
	var now []note
	at, leads, alone := r.now(), r.leads(), !r.others()
	for _, e := range events {
		if e.Kind == Receiving {
			continue // its place is known since addBlock or updatePipeline
		}
		r.doubts.dispel(storage, e.ID)
		switch {
		case e.Kind == Deleted && !leads:
			// The leader asked for it, and takes it out of the rows.
			r.inbox.take(storage, e.ID)
			r.deletionDone(storage, e.ID)
			continue
		case e.Kind == Received && !(leads && alone) && r.inbox.keep(storage, e, at, leads):
			r.arrived(storage, true)
			continue
		}
		now = append(now, r.inbox.take(storage, e.ID)...)
		now = append(now, note{storage: storage, event: e, at: at})
	}
	return now
}

// eventTasks returns the changes that the events of a storage ask for, one function
// for each block. Events of one block keep their order.
func (r *Registry) eventTasks(ctx context.Context, storage int64, events []note) ([]func() error, error) {
	byBlock, order := byBlock(events)
	var deleted []int64
	for _, id := range order {
		if es := byBlock[id]; len(es) == 1 && es[0].event.Kind == Deleted {
			deleted = append(deleted, id)
		}
	}
	// Most blocks whose replicas are deleted are gone: their queue rows go together.
	for len(deleted) > 1 {
		chunk := deleted[:min(len(deleted), reportChunk)]
		deleted = deleted[len(chunk):]
		unknown, err := r.forget(r.fenced(ctx), storage, chunk)
		if err != nil {
			return nil, err
		}
		for _, id := range unknown {
			r.deletionDone(storage, id)
			delete(byBlock, id)
		}
	}
	var tasks []func() error
	for _, id := range order {
		if es := byBlock[id]; len(es) > 0 {
			tasks = append(tasks, func() error { return r.events(ctx, es) })
		}
	}
	return tasks, nil
}

// forget removes the queued deletions, on one storage, of blocks that are not there
// any more, and returns those blocks.
func (r *Registry) forget(ctx context.Context, storage int64, ids []int64) ([]int64, error) {
	known, err := r.known(ctx, ids)
	if err != nil {
		return nil, err
	}
	var unknown []int64
	for _, id := range ids {
		if _, ok := known[id]; !ok {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return nil, nil
	}
	return unknown, r.eng.Update(ctx, func(tx *txn.Tx) error {
		for _, id := range unknown {
			tx.Delete(schema.Invalidations, invalidationKey(storage, id))
		}
		return nil
	})
}

// known returns the blocks among ids that belong to a file.
func (r *Registry) known(ctx context.Context, ids []int64) (map[int64]schema.Block, error) {
	var found map[int64]schema.Block
	err := r.eng.View(ctx, func(tx *txn.Tx) error {
		found = map[int64]schema.Block{}
		for _, id := range ids {
			tx.Want(txn.Prefix(schema.BlocksByID, schema.KeyOf(schema.Int(id))))
		}
		for _, id := range ids {
			rows, err := tx.Lookup(schema.BlocksByID, schema.KeyOf(schema.Int(id)))
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				found[id] = schema.BlockOf(rows[0])
			}
		}
		return nil
	})
	return found, err
}

// inParallel runs the tasks, some at once, and returns the first error. After an
// error no further task starts.
func inParallel(tasks []func() error) error {
	if len(tasks) == 1 {
		return tasks[0]()
	}
	var mu sync.Mutex
	var first error
	next := 0
	take := func() func() error {
		mu.Lock()
		defer mu.Unlock()
		if first != nil || next == len(tasks) {
			return nil
		}
		next++
		return tasks[next-1]
	}
	var wg sync.WaitGroup
	for range min(len(tasks), reportWorkers) {
		wg.Go(func() {
			for task := take(); task != nil; task = take() {
				if err := task(); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return first
}

// storagesOf returns the ids of a DataNode's storages: of one, or of all if volume
// is "".
func (r *Registry) storagesOf(datanode, volume string) []int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := r.nodes[datanode]
	if n == nil {
		return nil
	}
	var ids []int64
	for id, s := range n.storages {
		if volume == "" || s.row.UUID == volume {
			ids = append(ids, id)
		}
	}
	return ids
}

// ErrorReport notes an error of a DataNode: code as on the wire (0 notice, 1 disk
// error, 2 invalid block, 3 fatal disk error, which ends the DataNode).
func (r *Registry) ErrorReport(datanode string, code int, message string) {
	r.mu.Lock()
	n := r.nodes[datanode]
	if n != nil && code == 3 {
		// It is about to stop: its replicas count as lost from the next Tick on.
		n.registered, n.lost = false, true
	}
	r.mu.Unlock()
	r.opt.Logger.Warn("a DataNode reports an error", "datanode", datanode, "code", code, "message", message)
}
