package datatransfer

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// Flush makes everything written visible to new readers (hflush): it returns when
// all nodes have acked it.
func (w *BlockWriter) Flush() error { return w.flush(false) }

// Sync is Flush with an fsync on every node (hsync).
func (w *BlockWriter) Sync() error { return w.flush(true) }

func (w *BlockWriter) flush(sync bool) error {
	if err := w.broken(); err != nil {
		return err
	}
	switch {
	case w.cur != nil && w.fresh:
		if err := w.sendKeepingTail(sync); err != nil {
			return err
		}
	case sync && w.pos > 0:
		p := w.newPacket()
		p.Offset = w.pos
		p.Frame(0, 0)
		if err := w.enqueue(p, false, true); err != nil {
			return err
		}
	}
	return w.drain()
}

// sendKeepingTail sends the packet being filled and starts the next one with the
// bytes of its unfinished last chunk, so that a DataNode always gets whole chunks
// with the checksum over all of them. A packet that does not start a chunk (an
// append) cannot do so: the next one then starts in the middle of it too.
func (w *BlockWriter) sendKeepingTail(sync bool) error {
	p := w.cur
	bpc := int64(w.cfg.Checksum.BytesPerChecksum)
	if part := int(w.pos % bpc); part != 0 && p.Offset%bpc == 0 {
		tail := p.Data()[w.n-part : w.n]
		filled := w.n
		w.startPacket(w.pos - int64(part))
		copy(w.cur.Data(), tail)
		next := w.cur
		w.cur, w.n = p, filled
		defer func() { w.cur, w.n = next, part }()
	}
	return w.sendCurrent(sync)
}

// Close ends the block: it sends what is left, waits for all acks, sends the last
// packet and waits for its ack. After a *PipelineError call Recover and Close
// again. The NameNode still has to be told.
func (w *BlockWriter) Close() error {
	if err := w.broken(); err != nil {
		if errors.Is(err, ErrClosed) {
			return nil
		}
		return err
	}
	if !w.closing {
		if w.cur != nil && w.fresh {
			if err := w.sendCurrent(false); err != nil {
				return err
			}
		}
		if err := w.drain(); err != nil {
			return err
		}
		w.closing = true
		p := w.newPacket()
		p.Offset = w.pos
		p.Frame(0, 0)
		if err := w.enqueue(p, true, w.cfg.SyncOnClose); err != nil {
			return err
		}
	}
	if err := w.drain(); err != nil {
		return err
	}
	w.release()
	return nil
}

// Abort gives up: the connection is closed and nothing more is sent.
func (w *BlockWriter) Abort() { w.release() }

func (w *BlockWriter) release() {
	w.pl.close()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.closed = true
	for _, p := range w.free {
		packets.Put(p)
	}
	w.free, w.queue, w.cur = nil, nil, nil
}

// Recover goes on with another pipeline after a *PipelineError. lb holds the
// nodes to use from now on (those that failed left out; a new one must have got
// the bytes through Peers.TransferBlock), newStamp the new generation stamp.
// commit, if not nil, runs when the pipeline is up and before anything is sent
// again: the place to tell the NameNode (updatePipeline).
//
// On a *PipelineError call it again, with a newer stamp and other nodes.
func (w *BlockWriter) Recover(lb *hdfspb.LocatedBlockProto, newStamp uint64, commit func(ctx context.Context) error) error {
	w.pl.close()
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return ErrClosed
	}
	s := setup{size: w.size, newStamp: newStamp, min: w.acked, max: w.acked,
		stage: hdfspb.OpWriteBlockProto_PIPELINE_SETUP_STREAMING_RECOVERY}
	for _, p := range w.queue {
		s.max = max(s.max, p.Offset+int64(len(p.Data())))
	}
	closing := w.closing
	queue := append([]*Packet(nil), w.queue...)
	w.mu.Unlock()
	if closing {
		s.stage, s.max = hdfspb.OpWriteBlockProto_PIPELINE_CLOSE_RECOVERY, s.min
	}
	s.located = proto.Clone(lb).(*hdfspb.LocatedBlockProto)
	s.located.B = proto.Clone(w.located.GetB()).(*hdfspb.ExtendedBlockProto) // the old stamp: nodes check it

	pl, err := w.cfg.connect(w.ctx, s)
	if err != nil {
		w.mu.Lock()
		w.err = err
		w.mu.Unlock()
		return err
	}
	w.mu.Lock()
	w.err = nil
	w.mu.Unlock()
	if closing { // the nodes have finished the replica: nothing is left to send or to listen to
		w.queue = nil
		w.adopt(s)
		pl.stop()
		pl.c.Close()
	} else {
		w.attach(pl, s)
	}
	if commit != nil {
		if err := commit(w.ctx); err != nil {
			w.fail(err)
			return err
		}
	}
	if closing {
		return nil
	}
	for _, p := range queue {
		if err := w.transmit(p); err != nil {
			return err
		}
	}
	return w.broken()
}
