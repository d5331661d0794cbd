package rpc

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
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

	raw syscall.RawConn // of conn; nil if it has none
	try tryWrite        // of whoever has set writing

	mu      sync.Mutex
	changed sync.Cond // signalled when queued shrinks, writing ends or err is set
	buf     *buffer   // frames that no write took yet, nil if none
	queued  int       // bytes in buf and in the write under way
	due     int       // answers that expect announced and send did not bring yet
	last    int       // length of the latest frame: what each answer that is due may add
	crowd   int       // for so many frames, wait a moment for others before a write
	writing bool
	err     error
}

// tryWrite is a write under way that does not wait.
type tryWrite struct {
	b   []byte
	n   int
	err error
	f   func(fd uintptr) bool // write, made once
}

func (o *output) init() {
	o.changed.L = &o.mu
	o.try.f = o.try.write
	if c, ok := o.conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			o.raw = raw
		}
	}
}

// send writes frame as far as the network takes it at once; a goroutine writes the
// rest. It does not wait, and does not keep frame. An error means that frame will not
// be written.
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
	o.queued += len(frame)
	o.due, o.last = max(o.due-1, 0), len(frame)
	o.total.Add(int64(len(frame)))
	start := !o.writing
	o.writing = true
	if o.due > 0 || !start {
		o.crowd = crowdLasts
	}
	o.crowd = max(o.crowd-1, 0)
	if start && o.crowd == 0 && o.raw != nil {
		o.mu.Unlock()
		o.write(frame)
		return nil
	}
	if o.buf == nil {
		o.buf = newBuffer()
	}
	o.buf.b = append(o.buf.b, frame...)
	o.mu.Unlock()
	switch {
	case !start:
	case o.raw == nil:
		go o.flush()
	default:
		// Let those that are about to answer add their frames to this write.
		runtime.Gosched()
		o.write(nil)
	}
	return nil
}

// writesInARow is how often a sender writes what others queued meanwhile.
const writesInARow = 4

// write writes first, which is queued, and then what is in buf, without waiting for
// the network: flush goes on where that would be needed. The caller has set writing.
func (o *output) write(first []byte) {
	var taken *buffer // holds first
	for range writesInARow {
		if first == nil {
			o.mu.Lock()
			if taken = o.buf; taken == nil || o.err != nil {
				o.writing = false
				o.changed.Broadcast()
				o.mu.Unlock()
				return
			}
			o.buf = nil
			o.mu.Unlock()
			first = taken.b
		}
		n, err := o.tryWrite(first)
		o.mu.Lock()
		o.settle(n)
		switch {
		case err != nil:
			o.fail(err)
		case o.err == nil && n < len(first):
			rest := newBuffer()
			rest.b = append(rest.b, first[n:]...)
			if o.buf != nil {
				rest.b = append(rest.b, o.buf.b...)
				o.buf.free()
			}
			o.buf = rest
		}
		done := o.buf == nil || o.err != nil
		if done {
			o.writing = false
			o.changed.Broadcast()
		}
		o.mu.Unlock()
		if taken != nil {
			taken.free()
			taken = nil
		}
		if done {
			return
		}
		if n < len(first) {
			break
		}
		first = nil
	}
	go o.flush()
}

// tryWrite writes what the network takes at once.
func (o *output) tryWrite(b []byte) (n int, err error) {
	o.try.b = b
	if err := o.raw.Write(o.try.f); err != nil {
		return 0, err
	}
	n, err = o.try.n, o.try.err
	o.try.b, o.try.n, o.try.err = nil, 0, nil
	return n, err
}

// write is called with the file descriptor; true means that it does not want to be
// called again when there is room.
func (t *tryWrite) write(fd uintptr) bool {
	for len(t.b) > t.n {
		n, err := syscall.Write(int(fd), t.b[t.n:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return true
		case err != nil:
			t.err = os.NewSyscallError("write", err)
			return true
		}
		t.n += n
	}
	return true
}

// settle accounts for n bytes written; o.mu is held.
func (o *output) settle(n int) {
	o.sent.Add(int64(n))
	if o.err == nil { // else fail has settled the account
		o.queued -= n
		o.total.Add(-int64(n))
		o.changed.Broadcast()
	}
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

// flush writes until nothing is queued, and waits for the network.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.buf != nil && o.err == nil {
		b := o.buf
		o.buf = nil
		o.mu.Unlock()
		err := o.writeChunks(b.b)
		b.free()
		o.mu.Lock()
		if err != nil {
			o.fail(err)
		}
	}
	_ = o.conn.SetWriteDeadline(time.Time{}) // fails only if closed
	o.writing = false
	o.changed.Broadcast()
}

// writeChunks writes b in chunks.
func (o *output) writeChunks(b []byte) error {
	for len(b) > 0 {
		chunk := b[:min(len(b), writeChunk)]
		if err := o.conn.SetWriteDeadline(time.Now().Add(o.timeout)); err != nil {
			return err
		}
		n, err := o.conn.Write(chunk)
		o.mu.Lock()
		o.settle(n)
		o.mu.Unlock()
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// crowdLasts is for how many frames a connection counts as one of many callers after
// it was seen to be one.
const crowdLasts = 32

// crowded says that there are several callers.
func (o *output) crowded() {
	o.mu.Lock()
	o.crowd = crowdLasts
	o.mu.Unlock()
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
