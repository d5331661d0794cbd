package rpc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
)

// httpAnswer is what Hadoop tells a web browser that found the wrong port.
const httpAnswer = "HTTP/1.1 404 Not Found\r\n" +
	"Content-type: text/plain\r\n\r\n" +
	"It looks like you are making an HTTP request to a Hadoop IPC port. " +
	"This is not the correct port for the web interface on this daemon.\r\n"

// releaseAfter is the silence after which a connection loses its read buffer.
const releaseAfter = time.Second

// errGoodbye ends a connection after an answer that says why.
var errGoodbye = errors.New("connection ended by an answer")

// conn is one connection of a server. One goroutine reads it; each call runs in
// its own; output writes.
type conn struct {
	s   *Server
	nc  net.Conn
	in  frameReader
	out output

	ip   string
	port int

	negotiating bool // the SASL byte was sent and SIMPLE not yet agreed
	user        *identity
	allowed     []string // protocols that the user may call

	calls    sync.WaitGroup
	running  atomic.Int32 // calls in progress
	lastRead atomic.Int64 // Unix ns
}

// identity is what the connection context said.
type identity struct{ user, realUser string }

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{s: s, nc: nc}
	host, port, err := net.SplitHostPort(nc.RemoteAddr().String())
	if err == nil {
		c.ip = host
		c.port, _ = strconv.Atoi(port) // not TCP in some tests
	}
	c.in = frameReader{r: nc, timeout: c.woken, arrived: func(n int) {
		c.lastRead.Store(time.Now().UnixNano())
		s.stats.received.Add(int64(n))
	}}
	c.out = output{
		conn: nc, timeout: s.cfg.WriteTimeout, sent: &s.stats.sent,
		soft: s.cfg.MaxQueued / 64, hard: s.cfg.MaxQueued,
		total: &s.stats.queued, limit: int64(s.cfg.MaxQueued / 4),
	}
	c.out.init()
	c.lastRead.Store(time.Now().UnixNano())
	return c
}

// serve reads until the connection ends, and returns when its calls are done.
func (c *conn) serve() {
	err := c.read()
	c.in.release()
	switch {
	case errors.Is(err, errGoodbye):
		c.out.drain()
		c.linger()
	case errors.Is(err, ErrClosed):
		c.calls.Wait()
		c.out.drain()
	case !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed):
		c.s.log.Debug("rpc: connection broke", "remote", c.nc.RemoteAddr(), "err", err)
	}
	c.out.abort(net.ErrClosed)
	c.calls.Wait()
}

// read takes frame after frame and always returns why it stopped.
func (c *conn) read() error {
	if err := c.preamble(); err != nil {
		return err
	}
	for {
		if err := c.out.waitRoom(); err != nil {
			if errors.Is(err, errSlowReader) || errors.Is(err, os.ErrDeadlineExceeded) {
				c.s.log.Warn("rpc: cut off a client that does not read its answers", "remote", c.nc.RemoteAddr(), "err", err)
			}
			return err
		}
		b := newBuffer()
		var err error
		b.b, err = c.in.next(b.b, c.s.cfg.MaxRequest)
		if err != nil {
			b.free()
			return c.badFrame(err)
		}
		if err := c.take(b); err != nil {
			return err
		}
	}
}

// badFrame answers a frame length out of bounds. Hadoop closes without a word;
// an answer tells the user of the client what is wrong, and keeps the client
// from trying the same on every other server.
func (c *conn) badFrame(err error) error {
	var l *lengthError
	if !errors.As(err, &l) {
		return err
	}
	w := &wireError{statusFatal, detailInvalidHeader, classIO, ""}
	if l.length < 0 {
		w.text = fmt.Sprintf("Unexpected data length %d!! from %s", l.length, c.ip)
	} else {
		w.text = fmt.Sprintf("Requested data length %d is longer than maximum configured RPC length %d.  RPC came from %s", l.length, l.max, c.ip)
	}
	c.s.log.Warn("rpc: bad frame length", "remote", c.nc.RemoteAddr(), "length", l.length, "max", l.max)
	return c.fail(idNone, noRetryCount, w)
}

// preamble reads the connection header.
func (c *conn) preamble() error {
	b, err := c.in.need(preambleSize)
	if err != nil {
		return err
	}
	version, auth := int8(b[4]), b[6]
	switch {
	case bytes.HasPrefix(b, []byte("GET ")):
		c.out.send([]byte(httpAnswer)) // an error closed the connection already
		return errGoodbye
	case !bytes.HasPrefix(b, magic), version != ipcVersion:
		c.s.log.Warn("rpc: not a client of this version", "remote", c.nc.RemoteAddr(), "sent", fmt.Sprintf("%q", b))
		return c.badVersion(int(version))
	case auth == authSasl:
		c.negotiating = true
	case auth != authNone:
		return c.fail(idNone, noRetryCount, &wireError{statusFatal, detailUnauthorized, classIPC,
			fmt.Sprintf("Unknown auth protocol:%d", int8(auth))})
	}
	return nil
}

// badVersion answers a client of another IPC version in the form that it
// understands; below 3 there is none that matters.
func (c *conn) badVersion(version int) error {
	text := fmt.Sprintf("Server IPC version %d cannot communicate with client version %d", ipcVersion, version)
	switch {
	case version >= ipcVersion:
		return c.fail(idNone, noRetryCount, &wireError{statusFatal, detailVersion, classVersionMismatch, text})
	case version >= 3:
		// Call id -1, status -1 (fatal), then two strings with 32-bit lengths.
		b := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		for _, s := range []string{classVersionMismatch, text} {
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
		}
		c.out.send(b) // an error closed the connection already
	}
	return errGoodbye
}

// fail answers with w and ends the connection.
func (c *conn) fail(callID, retry int32, w *wireError) error {
	b := newBuffer()
	defer b.free()
	b.b = appendResponseHeader(beginFrame(b.b), callID, retry, nil, w)
	c.out.send(endFrame(b.b, 0)) // an error closed the connection already
	return errGoodbye
}

// establish takes the connection context.
func (c *conn) establish(body []byte) *wireError {
	if c.negotiating {
		return fatalf(detailInvalidHeader, "Connection header sent during SASL negotiation")
	}
	if c.user != nil {
		return fatalf(detailInvalidHeader, "Connection context already processed")
	}
	var m ipcpb.IpcConnectionContextProto
	if err := decodeDelimited(body, &m); err != nil {
		return err
	}
	id := &identity{m.GetUserInfo().GetEffectiveUser(), m.GetUserInfo().GetRealUser()}
	if id.user == "" {
		// Java would run the calls as the server's own user.
		return &wireError{statusFatal, detailUnauthorized, classAccessControl, "The connection names no user"}
	}
	if err := c.authorize(id, m.GetProtocol()); err != nil {
		c.s.log.Info("rpc: connection refused", "remote", c.nc.RemoteAddr(), "user", id.user, "realUser", id.realUser, "err", err)
		return refusal(statusFatal, err)
	}
	c.user, c.allowed = id, []string{m.GetProtocol()}
	return nil
}

// mayCall returns an error if the user may not call a protocol. It may be another one
// than that which the connection was opened for.
func (c *conn) mayCall(protocol string) *wireError {
	if slices.Contains(c.allowed, protocol) {
		return nil
	}
	if err := c.authorize(c.user, protocol); err != nil {
		return refusal(statusError, err)
	}
	c.allowed = append(c.allowed, protocol)
	return nil
}

func refusal(status ipcpb.RpcResponseHeaderProto_RpcStatusProto, err error) *wireError {
	w := &wireError{status, detailUnauthorized, classAuthorization, err.Error()}
	var x *Exception
	if errors.As(err, &x) {
		w.class, w.text = x.Class, x.Message
	}
	return w
}

func (c *conn) authorize(id *identity, protocol string) error {
	if c.s.cfg.Authorize != nil {
		return c.s.cfg.Authorize(&Call{
			Protocol: protocol, User: id.user, RealUser: id.realUser,
			CallID: idContext, RetryCount: noRetryCount, RemoteIP: c.ip, RemotePort: c.port,
		})
	}
	if id.realUser != "" {
		return fmt.Errorf("User: %s is not allowed to impersonate %s", id.realUser, id.user) //nolint:staticcheck // the words of Apache's server
	}
	return nil
}

// tend is called by the server now and then.
func (c *conn) tend(now time.Time) {
	if c.running.Load() > 0 || !c.out.idle() {
		return
	}
	silence := now.Sub(time.Unix(0, c.lastRead.Load()))
	switch {
	case silence > c.s.cfg.IdleTimeout:
		c.s.log.Debug("rpc: closing an idle connection", "remote", c.nc.RemoteAddr())
		c.nc.Close()
	case silence > releaseAfter && c.in.holds.Load():
		c.wake()
	}
}

// wake makes a reader that waits for bytes look around.
func (c *conn) wake() { c.nc.SetReadDeadline(time.Unix(1, 0)) } // fails only if closed

// woken is the reader's answer to wake.
func (c *conn) woken() error {
	c.nc.SetReadDeadline(time.Time{}) // fails only if closed, which the next read reports
	select {
	case <-c.s.quit:
		return ErrClosed
	default:
		return nil
	}
}

// linger lets the peer read the last answer: closing with unread bytes would
// send a reset, which may overtake the answer.
func (c *conn) linger() {
	if t, ok := c.nc.(*net.TCPConn); ok && t.CloseWrite() == nil {
		_ = t.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = io.CopyN(io.Discard, t, 1<<20) // best effort
	}
}
