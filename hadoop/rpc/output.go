package rpc

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// writeChunk is what one deadline is for: a peer that takes so many bytes each
// WriteTimeout is slow, not dead.
const writeChunk = 256 << 10

var errSlowReader = errors.New("peer does not read what it asked for")

// output writes the frames of one connection. Whoever sends while a write is
// under way leaves its frame behind, and the next write takes all of them: many
// small frames share a system call, and no sender waits for the network.
type output struct {
	conn    net.Conn
	timeout time.Duration // of one chunk
	soft    int           // above it waitRoom waits
	hard    int           // above it the connection is given up
	sent    *atomic.Int64 // counts bytes
	total   *atomic.Int64 // bytes queued by all outputs that share it
	limit   int64         // while total is above it, waitRoom waits until nothing is queued here

	mu      sync.Mutex
	changed sync.Cond // signalled when queued shrinks, writing ends or err is set
	buf     *buffer   // frames that no write took yet, nil if none
	queued  int       // bytes in buf and in the write under way
	due     int       // answers that expect announced and send did not bring yet
	last    int       // length of the latest frame: what each answer that is due may add
	writing bool
	err     error
}

func (o *output) init() { o.changed.L = &o.mu }

// send queues a copy of frame. An error means that frame will not be written.
func (o *output) send(frame []byte) error {
	o.mu.Lock()
	if o.err == nil && o.queued > 0 && o.queued+len(frame) > o.hard {
		o.fail(errSlowReader)
	}
	if o.err != nil {
		err := o.err
		o.mu.Unlock()
		return err
	}
	if o.buf == nil {
		o.buf = newBuffer()
	}
	o.buf.b = append(o.buf.b, frame...)
	o.queued += len(frame)
	o.due, o.last = max(o.due-1, 0), len(frame)
	o.total.Add(int64(len(frame)))
	start := !o.writing
	o.writing = true
	o.mu.Unlock()
	if start {
		go o.flush()
	}
	return nil
}

// fail ends the output; o.mu is held.
func (o *output) fail(err error) {
	if o.err == nil {
		o.err = err
		o.conn.Close()
	}
	o.total.Add(-int64(o.queued))
	o.buf, o.queued = nil, 0
	o.changed.Broadcast()
}

// flush writes until nothing is queued.
func (o *output) flush() {
	// Let those that are about to answer add their frames to the first write.
	runtime.Gosched()
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.buf != nil && o.err == nil {
		b := o.buf
		o.buf = nil
		o.mu.Unlock()
		err := o.write(b.b)
		b.free()
		o.mu.Lock()
		if err != nil {
			o.fail(err)
		}
	}
	o.writing = false
	o.changed.Broadcast()
}

// write writes b in chunks.
func (o *output) write(b []byte) error {
	for len(b) > 0 {
		chunk := b[:min(len(b), writeChunk)]
		if err := o.conn.SetWriteDeadline(time.Now().Add(o.timeout)); err != nil {
			return err
		}
		n, err := o.conn.Write(chunk)
		o.sent.Add(int64(n))
		if err != nil {
			return err
		}
		b = b[n:]
		o.mu.Lock()
		if o.err == nil { // else fail has settled the account
			o.queued -= n
			o.total.Add(-int64(n))
			o.changed.Broadcast()
		}
		o.mu.Unlock()
	}
	return nil
}

// expect announces a frame that send will bring.
func (o *output) expect() {
	o.mu.Lock()
	o.due++
	o.mu.Unlock()
}

// minDue answers may be due on a connection however long answers are.
const minDue = 8

// waitRoom waits until few enough bytes are queued, those of the answers due
// included; back-pressure on the peer that asks faster than it reads.
func (o *output) waitRoom() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.err == nil && (o.queued > o.soft || o.queued > 0 && o.total.Load() > o.limit || o.due >= minDue && o.queued+o.due*o.last > o.soft) {
		o.changed.Wait()
	}
	return o.err
}

// drain waits until everything is written or cannot be.
func (o *output) drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing && o.err == nil {
		o.changed.Wait()
	}
}

// idle reports that nothing is queued.
func (o *output) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.queued == 0
}

// abort makes every later send fail with err and closes the connection.
func (o *output) abort(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail(err)
}
