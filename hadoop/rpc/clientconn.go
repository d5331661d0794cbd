package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
)

// errNotSent: the connection broke before the call was queued on it.
var errNotSent = errors.New("not sent")

// answer is what ends a call: an error or the body of a frame.
type answer struct {
	frame *buffer // holds body; the receiver frees it
	body  []byte
	err   error
}

// waiter is a call that waits for its answer, which arrives once at most.
type waiter struct {
	conn   *clientConn
	sent   time.Time
	answer chan answer
	timer  *time.Timer // of one call after another
}

var waiters = sync.Pool{New: func() any {
	w := &waiter{answer: make(chan answer, 1), timer: time.NewTimer(time.Hour)}
	w.timer.Stop()
	return w
}}

// deadline is when the call is late; a timeout of 0 or less is none.
func (w *waiter) deadline(timeout time.Duration) <-chan time.Time {
	if timeout <= 0 {
		return nil
	}
	w.timer.Reset(timeout)
	return w.timer.C
}

// free is called after the answer was received, so that none can follow.
func (w *waiter) free() {
	w.timer.Stop()
	w.conn = nil
	waiters.Put(w)
}

// clientConn is one connection of a client.
type clientConn struct {
	c    *Client
	addr string
	ctx  context.Context // ends dialling
	stop context.CancelFunc

	ready   chan struct{} // closed when out may be used or dialErr is set
	dialErr error

	in     frameReader
	out    output
	looked time.Time // when the reader's deadline was set; the reader's

	mu       sync.Mutex
	calls    map[int32]*waiter
	err      error     // why it ended
	lastRead time.Time // when the last bytes came
	lastUsed time.Time // when the last call began or ended
}

func newClientConn(c *Client, addr string) *clientConn {
	conn := &clientConn{c: c, addr: addr, ready: make(chan struct{}), calls: make(map[int32]*waiter)}
	conn.ctx, conn.stop = context.WithCancel(context.Background())
	return conn
}

// run dials and reads until the connection ends.
func (n *clientConn) run(protocol string) {
	defer n.stop()
	nc, err := n.c.dial(n.ctx, n.addr)
	if err != nil {
		n.c.drop(n)
		n.dialErr = err
		close(n.ready)
		return
	}
	now := time.Now()
	n.lastRead, n.lastUsed = now, now
	n.in = frameReader{r: nc, timeout: n.silent, arrived: n.arrived}
	n.out = output{
		conn: nc, timeout: n.c.cfg.WriteTimeout, soft: 1 << 30, hard: 1 << 30,
		sent: &n.c.sent, total: &n.c.queued, limit: 1 << 40,
	}
	n.out.init()
	n.out.send(preambleAndContext(n.c, protocol)) // an error shows in the first read
	close(n.ready)
	n.setDeadline(now)
	n.mu.Lock()
	err = n.err // set if the client was closed meanwhile
	n.mu.Unlock()
	if err == nil {
		err = n.read()
	}
	n.in.release()
	n.c.drop(n)
	n.end(err)
	if n.c.cfg.Lost != nil && !errors.Is(err, errIdle) && !errors.Is(err, ErrClosed) && n.ctx.Err() == nil {
		n.c.cfg.Lost(n.addr)
	}
}

// preambleAndContext is what a client says first.
func preambleAndContext(c *Client, protocol string) []byte {
	b := append([]byte{}, magic...)
	b = append(b, ipcVersion, 0, authNone)
	from := len(b)
	b = appendRequestHeader(beginFrame(b), requestHeader{callID: idContext, retry: noRetryCount, clientID: c.id[:]})
	user := &ipcpb.UserInformationProto{EffectiveUser: proto.String(c.cfg.User)}
	if c.cfg.RealUser != "" {
		user.RealUser = proto.String(c.cfg.RealUser)
	}
	b, err := appendMessage(b, &ipcpb.IpcConnectionContextProto{UserInfo: user, Protocol: proto.String(protocol)})
	if err != nil {
		panic(err) // no required fields, nothing to fail
	}
	return endFrame(b, from)
}

// send queues the frame of a call.
func (n *clientConn) send(callID int32, frame []byte) (*waiter, error) {
	w := waiters.Get().(*waiter)
	w.conn, w.sent = n, time.Now()
	n.mu.Lock()
	if n.err != nil {
		err := n.err
		n.mu.Unlock()
		return nil, fmt.Errorf("%w: %w", errNotSent, err)
	}
	if n.calls[callID] != nil {
		n.mu.Unlock()
		return nil, fmt.Errorf("call id %d is in use by a call that has not ended", callID)
	}
	n.calls[callID] = w
	n.lastUsed = w.sent
	if len(n.calls) > 1 {
		n.out.crowded()
	}
	n.mu.Unlock()
	if err := n.out.send(frame); err != nil && n.forget(callID) {
		return nil, fmt.Errorf("%w: %w", errNotSent, err)
	}
	return w, nil
}

// forget gives a call up; its answer will be ignored. It reports whether no
// answer was under way.
func (n *clientConn) forget(callID int32) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, waiting := n.calls[callID]
	delete(n.calls, callID)
	return waiting
}

// suspect is told that a call sent at a time was not answered in time. If
// nothing at all came since, the peer may be gone without a word, and the calls
// to come get another connection. Those outstanding keep this one.
func (n *clientConn) suspect(sent time.Time) {
	n.mu.Lock()
	dead := n.lastRead.Before(sent)
	n.mu.Unlock()
	if dead {
		n.c.drop(n)
	}
}

func (n *clientConn) arrived(int) {
	now := time.Now()
	n.mu.Lock()
	n.lastRead = now
	n.mu.Unlock()
	// A deadline for each read would cost more than decoding its answers.
	if now.Sub(n.looked) >= n.look() {
		n.setDeadline(now)
	}
}

// look is how old the reader's deadline gets before it is moved. The deadline is twice
// that away, so silence is noticed a quarter later at most than configured.
func (n *clientConn) look() time.Duration {
	return min(n.c.cfg.PingInterval, n.c.cfg.MaxIdle) / 8
}

// setDeadline lets the reader look around if nothing comes.
func (n *clientConn) setDeadline(now time.Time) {
	n.looked = now
	n.out.conn.SetReadDeadline(now.Add(2 * n.look())) // fails only if closed
}

// silent is called when nothing came for a while: it pings while calls wait,
// and ends a connection that nobody uses.
func (n *clientConn) silent() error {
	now := time.Now()
	n.mu.Lock()
	outstanding := len(n.calls)
	unread, unused := now.Sub(n.lastRead), now.Sub(n.lastUsed)
	if outstanding == 0 && unused >= n.c.cfg.MaxIdle && n.err == nil {
		n.err = errIdle // from here on calls take another connection
	}
	ended := n.err
	n.mu.Unlock()
	switch {
	case ended != nil:
		return ended
	case outstanding > 0 && unread >= n.c.cfg.PingInterval:
		b := appendRequestHeader(beginFrame(nil), requestHeader{callID: idPing, retry: noRetryCount, clientID: n.c.id[:]})
		if err := n.out.send(endFrame(b, 0)); err != nil {
			return err
		}
	}
	n.setDeadline(now)
	return nil
}

var errIdle = errors.New("idle")

// read delivers answers until the connection ends.
func (n *clientConn) read() error {
	for {
		b := newBuffer()
		var err error
		if b.b, err = n.in.next(b.b, n.c.cfg.MaxResponse); err == nil {
			err = n.deliver(b)
		} else {
			b.free()
		}
		if err != nil {
			var l *lengthError
			if errors.As(err, &l) {
				err = fmt.Errorf("an answer of %d bytes, the most is %d (ipc.maximum.response.length)", l.length, l.max)
			}
			return err
		}
	}
}

// deliver hands one frame to its call and owns b. An error ends the connection.
func (n *clientConn) deliver(b *buffer) error {
	msg, body, err := cutMessage(b.b)
	var h responseHeader
	if err == nil {
		h, err = decodeResponseHeader(msg)
	}
	if err == nil && len(h.clientID) > 0 && !bytes.Equal(h.clientID, n.c.id[:]) {
		err = errors.New("an answer to another client's call")
	}
	if err != nil {
		b.free()
		return fmt.Errorf("cannot decode an answer: %v", err) //nolint:errorlint // a truncated message is no end of the stream
	}
	a := answer{frame: b, body: body}
	var remote *Exception
	if h.status != int32(statusSuccess) {
		remote = &Exception{h.class, h.text}
		a = answer{err: remote}
		defer b.free()
	}
	n.mu.Lock()
	w := n.calls[h.callID]
	delete(n.calls, h.callID)
	n.lastUsed = n.lastRead
	n.mu.Unlock()
	if w != nil {
		w.answer <- a
	} else if remote == nil {
		b.free() // of a call that was given up
	}
	if h.status == int32(statusFatal) {
		if h.callID < 0 {
			return remote // about the connection, and so about every call on it
		}
		return fmt.Errorf("the server ended the connection: %w", io.EOF)
	}
	return nil
}

// end closes the connection and ends its calls.
func (n *clientConn) end(err error) {
	n.mu.Lock()
	if n.err == nil {
		n.err = err
	}
	calls := n.calls
	n.calls = make(map[int32]*waiter)
	n.mu.Unlock()
	select {
	case <-n.ready:
		if n.dialErr == nil {
			n.out.abort(net.ErrClosed)
		}
	default: // dialling; stop ends it
	}
	if len(calls) == 0 {
		return
	}
	var remote *Exception
	if !errors.As(err, &remote) && !errors.Is(err, ErrClosed) {
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
			err = n.writeError(err)
		}
		err = lostError(n.addr, err)
	}
	for _, w := range calls {
		w.answer <- answer{err: err}
	}
}

// writeError is why writing ended, if that is why reading did.
func (n *clientConn) writeError(err error) error {
	n.out.mu.Lock()
	defer n.out.mu.Unlock()
	if n.out.err != nil {
		return n.out.err
	}
	return err
}
