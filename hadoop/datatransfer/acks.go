package datatransfer

import (
	"context"
	"fmt"
	"time"
)

// readAcks takes the acks of one pipeline until the last packet's or a failure.
func (w *BlockWriter) readAcks(pl *pipeline) {
	defer close(pl.done)
	ended := false
	defer func() {
		if !ended { // wakes a send that waits for a peer which reads no more
			pl.c.Close()
		}
	}()
	var ack Ack
	for {
		if err := pl.c.SetReadDeadline(time.Now().Add(pl.timeout)); err != nil {
			w.fail(pl.fault(0, err))
			return
		}
		if err := ReadAck(pl.c.br, &ack); err != nil {
			w.fail(pl.fault(0, fmt.Errorf("waiting for an ack: %w", unexpected(err))))
			return
		}
		if i := ack.Failed(); i >= 0 {
			status := ack.Replies[i]
			w.fail(pl.fault(min(i, len(pl.nodes)-1), &StatusError{Op: OpWriteBlock, Node: pl.c.addr,
				Block: BlockName(w.located.GetB()), Status: status, Message: fmt.Sprintf("ack of packet %d", ack.Seqno)}))
			return
		}
		if ack.Seqno == HeartbeatSeqno {
			continue
		}
		last, err := w.ackHead(ack.Seqno)
		if err != nil {
			w.fail(pl.fault(0, err))
			return
		}
		if last {
			ended = true
			return
		}
	}
}

// ackHead drops the oldest packet of the queue, which must have that number.
func (w *BlockWriter) ackHead(seqno int64) (last bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 || w.queue[0].Seqno != seqno {
		return false, frameError("ack of packet %d out of order", seqno)
	}
	p := w.queue[0]
	w.queue = append(w.queue[:0], w.queue[1:]...)
	w.acked = max(w.acked, p.Offset+int64(len(p.Data())))
	w.free = append(w.free, p)
	w.moved.Broadcast()
	return p.Last, nil
}

// fail notes why the pipeline is down; the first reason counts.
func (w *BlockWriter) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
		if w.ctx.Err() != nil {
			w.err = context.Cause(w.ctx)
		}
	}
	w.moved.Broadcast()
}

func (w *BlockWriter) broken() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	return w.err
}

// drain waits until everything sent is acked.
func (w *BlockWriter) drain() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > 0 && w.err == nil {
		w.moved.Wait()
	}
	return w.err
}
