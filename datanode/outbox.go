package datanode

import (
	"context"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// What is kept for a NameNode that is away is bounded: the notes of bad blocks
// and errors, and the changes, which a full report replaces when there are too many.
const (
	maxNotes   = 1000
	maxChanges = 20_000
)

type received = datanodepb.ReceivedDeletedBlockInfoProto

// outbox is what a NameNode is still to be told: changes of replicas, of each
// block the last one only, and damage. It keeps them until they were told, or a
// full report is the shorter way.
type outbox struct {
	wake chan struct{}

	mu      sync.Mutex
	changes map[string]map[uint64]*received // by storage and block
	noted   uint64                          // changes noted so far
	told    uint64                          // of them, how many were delivered or replaced
	news    chan struct{}                   // closed when told grows
	urgent  bool                            // do not wait for the next heartbeat
	full    bool                            // a full report was asked for
	lost    bool                            // changes were dropped: a full report is due
	bad     []*hdfspb.LocatedBlockProto
	errors  []errorNote
}

type errorNote struct {
	code datanodepb.ErrorReportRequestProto_ErrorCode
	text string
}

func newOutbox() *outbox {
	return &outbox{wake: make(chan struct{}, 1), news: make(chan struct{}), changes: make(map[string]map[uint64]*received)}
}

func (o *outbox) ring() {
	select {
	case o.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// change notes what happened to a replica. RECEIVED goes out at once, the others
// ride along with the next message.
func (o *outbox) change(storage string, b *received) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changes[storage] == nil {
		o.changes[storage] = make(map[uint64]*received)
	}
	for _, m := range o.changes { // a block is on one storage; an older word about it is outdated
		delete(m, b.GetBlock().GetBlockId())
	}
	o.changes[storage][b.GetBlock().GetBlockId()] = b
	o.noted++
	o.bound()
	if b.GetStatus() == datanodepb.ReceivedDeletedBlockInfoProto_RECEIVED {
		o.urgent = true
		o.ring()
	}
}

// bound drops the changes if there are too many. The caller holds mu.
func (o *outbox) bound() {
	n := 0
	for _, m := range o.changes {
		n += len(m)
	}
	if n > maxChanges {
		clear(o.changes)
		o.lost = true
	}
}

// takeLost tells once that changes were dropped.
func (o *outbox) takeLost() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	lost := o.lost
	o.lost = false
	return lost
}

// due tells whether an incremental report should go now.
func (o *outbox) due(beat bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.urgent {
		return true
	}
	for _, m := range o.changes {
		if len(m) > 0 {
			return beat
		}
	}
	return false
}

// take empties the changes. upTo is for delivered, when they are.
func (o *outbox) take() (all map[string]map[uint64]*received, upTo uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	all = o.changes
	o.changes, o.urgent = make(map[string]map[uint64]*received), false
	return all, o.noted
}

// delivered says that the NameNode knows the changes up to a number.
func (o *outbox) delivered(upTo uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = upTo
	close(o.news)
	o.news = make(chan struct{})
}

// await waits until everything noted by now is delivered. It reports false if
// ctx ends before that.
func (o *outbox) await(ctx context.Context) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	want := o.noted
	for o.told < want {
		news := o.news
		o.mu.Unlock()
		select {
		case <-news:
		case <-ctx.Done():
		}
		o.mu.Lock()
		if o.told < want && ctx.Err() != nil {
			return false
		}
	}
	return true
}

// putBack returns changes that were not delivered, unless there is newer word.
func (o *outbox) putBack(all map[string]map[uint64]*received) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for storage, m := range all {
		for id, b := range m {
			if !o.knows(id) {
				if o.changes[storage] == nil {
					o.changes[storage] = make(map[uint64]*received)
				}
				o.changes[storage][id] = b
			}
		}
	}
	o.urgent = true
	o.bound()
}

func (o *outbox) knows(id uint64) bool {
	for _, m := range o.changes {
		if m[id] != nil {
			return true
		}
	}
	return false
}

func (o *outbox) askFull() {
	o.mu.Lock()
	o.full = true
	o.mu.Unlock()
	o.ring()
}

func (o *outbox) takeFull() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	full := o.full
	o.full = false
	return full
}

// hurry makes the next incremental report go now.
func (o *outbox) hurry() {
	o.mu.Lock()
	o.urgent = true
	o.mu.Unlock()
	o.ring()
}

func (o *outbox) noteBad(b *hdfspb.LocatedBlockProto) {
	o.mu.Lock()
	if len(o.bad) < maxNotes {
		o.bad = append(o.bad, b)
	}
	o.mu.Unlock()
	o.ring()
}

func (o *outbox) noteError(code datanodepb.ErrorReportRequestProto_ErrorCode, text string) {
	o.mu.Lock()
	if len(o.errors) < maxNotes {
		o.errors = append(o.errors, errorNote{code, text})
	}
	o.mu.Unlock()
	o.ring()
}

// sendNotes tells of bad blocks and errors. What fails is told again.
func (a *actor) sendNotes(ctx context.Context) error {
	o := a.out
	o.mu.Lock()
	bad, notes := o.bad, o.errors
	o.bad, o.errors = nil, nil
	o.mu.Unlock()
	var err error
	if len(bad) > 0 {
		if err = a.call(ctx, "reportBadBlocks", &datanodepb.ReportBadBlocksRequestProto{Blocks: bad}, &datanodepb.ReportBadBlocksResponseProto{}); err == nil {
			bad = nil
		}
	}
	for err == nil && len(notes) > 0 {
		req := &datanodepb.ErrorReportRequestProto{Registartion: a.reg, ErrorCode: proto.Uint32(uint32(notes[0].code)), Msg: proto.String(notes[0].text)}
		if err = a.call(ctx, "errorReport", req, &datanodepb.ErrorReportResponseProto{}); err == nil {
			notes = notes[1:]
		}
	}
	if err != nil {
		o.mu.Lock()
		o.bad, o.errors = append(bad, o.bad...), append(notes, o.errors...)
		o.mu.Unlock()
	}
	return err
}
