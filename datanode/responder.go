package datanode

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

const (
	maxPending    = 1024 // packets received whose ack was not sent; clients wait far below
	unknownSeqno  = -2   // of acks that announce something out of band
	statusSuccess = hdfspb.Status_SUCCESS
	statusError   = hdfspb.Status_ERROR
)

// pending is a packet that is on this node's disk and waits for its ack.
type pending struct {
	seqno  int64
	end    int64 // offset behind its data
	last   bool
	status hdfspb.Status // of this node
}

// responder acks the packets of a client's write, in order, each when this node
// has it and the nodes behind have said so. The receiver goroutine feeds it.
type responder struct {
	*write
	queue      chan pending
	done       chan struct{}
	mirrorLost atomic.Bool // the next node failed: the client is to learn it from the acks
	err        error       // why it ended early; read after done
}

func newResponder(wr *write) *responder {
	return &responder{write: wr, queue: make(chan pending, maxPending), done: make(chan struct{})}
}

// receive takes the packets and returns when the last one is acked.
func (r *responder) receive() error {
	go r.respond()
	last, err := r.packets()
	if err != nil && !last {
		// Nobody is there to be acked: end the wait for the nodes behind.
		if r.mirror != nil {
			r.mirror.Close()
		}
	}
	close(r.queue)
	<-r.done
	if last && err != nil {
		r.s.linger()
	}
	return errors.Join(err, r.err)
}

// packets receives until the last packet. answered says that the responder has
// been told how it ended and must be waited for.
func (r *responder) packets() (answered bool, err error) {
	p := packets.Get().(*datatransfer.Packet)
	defer packets.Put(p)
	for {
		if err := r.next(p); err != nil {
			return false, err
		}
		// Verified before it is passed on, so that the node that got bad data is blamed.
		err := r.verify(p)
		if err == nil && r.mirror != nil && !r.mirrorLost.Load() && r.forward(p) != nil {
			r.mirrorLost.Store(true)
		}
		if err == nil {
			err = r.keep(p)
		}
		item := pending{seqno: p.Seqno, end: p.Offset + int64(len(p.Data())), last: p.Last}
		switch {
		case errors.Is(err, datatransfer.ErrChecksum):
			item.status = hdfspb.Status_ERROR_CHECKSUM
		case err != nil:
			item.status = statusError
		}
		select {
		case r.queue <- item:
		case <-r.done:
			return false, err
		}
		if err != nil || p.Last {
			return true, err
		}
	}
}

// respond sends the acks.
func (r *responder) respond() {
	defer close(r.done)
	var down, up datatransfer.Ack
	for item := range r.queue {
		if err := r.answer(item, &down, &up); err != nil {
			r.err = err
			r.s.conn.Close() // wakes the receiver
			return
		}
		if item.status != statusSuccess {
			return
		}
	}
}

// answer sends the ack of one packet.
func (r *responder) answer(item pending, down, up *datatransfer.Ack) error {
	begin := time.Now()
	down.Replies = down.Replies[:0]
	if item.status == statusSuccess && r.mirror != nil {
		r.awaitMirror(item.seqno, down, up)
	}
	up.Seqno, up.DownstreamNanos = item.seqno, uint64(time.Since(begin))
	up.Replies = append(up.Replies[:0], item.status)
	if r.mirrorLost.Load() {
		up.Replies = append(up.Replies, statusError)
	} else {
		up.Replies = append(up.Replies, down.Replies...)
	}
	if up.Failed() < 0 && item.seqno != datatransfer.HeartbeatSeqno {
		if item.last {
			if err := r.finish(); err != nil {
				r.s.d.log.Error("replica not finalized", "block", r.name, "err", err)
				up.Replies[0] = statusError
			}
		} else {
			r.w.Acked(item.end)
		}
	}
	return r.sendAck(up)
}

func (r *responder) sendAck(a *datatransfer.Ack) error {
	if err := r.s.conn.SetWriteDeadline(time.Now().Add(r.s.d.set.writeTimeout)); err != nil {
		return err
	}
	if err := datatransfer.WriteAck(r.s.conn, a); err != nil {
		return fmt.Errorf("send ack: %w", err)
	}
	return nil
}

// awaitMirror reads the next node's ack of a packet. A node that fails is left to
// the client: every further ack says so.
func (r *responder) awaitMirror(seqno int64, down, up *datatransfer.Ack) {
	for !r.mirrorLost.Load() {
		err := r.mirror.SetReadDeadline(time.Now().Add(r.mirrorWait()))
		if err == nil {
			err = datatransfer.ReadAck(r.mirror.br, down)
		}
		if err == nil && down.Seqno == unknownSeqno { // such as "I restart": pass it on and wait further
			up.Seqno, up.Replies = unknownSeqno, append(append(up.Replies[:0], statusSuccess), down.Replies...)
			if r.sendAck(up) != nil {
				r.mirrorLost.Store(true)
			}
			continue
		}
		if err == nil && down.Seqno != seqno {
			err = fmt.Errorf("ack of packet %d, expected %d", down.Seqno, seqno)
		}
		if err == nil {
			return
		}
		if !errors.Is(err, net.ErrClosed) {
			r.s.d.log.Warn("next node of a pipeline failed", "block", r.name, "node", nodeAddr(r.m.GetTargets()[0].GetId()), "err", err)
		}
		r.mirrorLost.Store(true)
	}
}

// finish makes the replica whole and notes it for the NameNodes, before the
// client hears that it is. The last node of the pipeline gives the NameNode a
// moment to learn it: a client that completes a file sooner is told to come back,
// and stock clients take 400 ms for that.
func (r *responder) finish() error {
	n, err := r.w.Finalize()
	if err != nil {
		return err
	}
	r.s.d.tell(r.w.StorageUUID(), replicas.Block{ID: r.block.ID, Stamp: r.w.Stamp()}, n, datanodepb.ReceivedDeletedBlockInfoProto_RECEIVED, "")
	if r.mirror == nil {
		r.s.d.awaitTold()
	}
	return nil
}
