package rpc

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// task is one call from its frame to its answer.
type task struct {
	c       *conn
	frame   *buffer // holds request
	request []byte
	method  *boundMethod
	call    *Call
	began   time.Time
}

var tasks = sync.Pool{New: func() any { return new(task) }}

// take acts on one frame and owns b. An error ends the connection.
func (c *conn) take(b *buffer) error {
	h, rest, w := splitFrame(b.b)
	if w == nil && h.callID >= 0 {
		if c.user != nil {
			return c.begin(h, rest, b)
		}
		w = fatalf(detailInvalidHeader, "Connection context not established")
	}
	if w == nil {
		switch h.callID {
		case idContext:
			w = c.establish(rest)
		case idSasl:
			w = c.sasl(rest)
		case idPing:
		default:
			w = fatalf(detailInvalidHeader, "Unknown out of band call #%d", h.callID)
		}
	}
	b.free()
	if w != nil {
		return c.fail(h.callID, h.retry, w)
	}
	return nil
}

// splitFrame decodes and checks the header that begins every frame.
func splitFrame(frame []byte) (h requestHeader, rest []byte, w *wireError) {
	h = requestHeader{callID: idNone, retry: noRetryCount}
	msg, rest, err := cutMessage(frame)
	if err == nil {
		var decoded requestHeader
		if decoded, err = decodeRequestHeader(msg); err == nil {
			h = decoded
		}
	}
	switch {
	case err != nil:
		return h, nil, fatalf(detailDeserializing, "Error decoding RpcRequestHeaderProto: %v", err)
	case h.op == missing:
		return h, nil, fatalf(detailInvalidHeader, " IPC Server: No rpc op in rpcRequestHeader")
	case h.op != opFinalPacket:
		return h, nil, fatalf(detailInvalidHeader, "IPC Server does not implement rpc header operation%d", h.op)
	case h.kind == missing:
		return h, nil, fatalf(detailInvalidHeader, " IPC Server: No rpc kind in rpcRequestHeader")
	case h.kind != kindProtobuf && h.callID >= 0:
		return h, nil, fatalf(detailInvalidHeader, "Unknown rpc kind in rpc header%d", h.kind)
	}
	return h, rest, nil
}

// begin waits for a handler and starts the call.
func (c *conn) begin(h requestHeader, rest []byte, b *buffer) error {
	call := &Call{
		CallID: h.callID, RetryCount: h.retry, User: c.user.user, RealUser: c.user.realUser,
		RemoteIP: c.ip, RemotePort: c.port, CallerContext: string(h.callerContext),
	}
	if len(h.clientID) == len(call.ClientID) {
		call.HasClientID = true
		copy(call.ClientID[:], h.clientID)
	}
	t := tasks.Get().(*task)
	*t = task{c: c, frame: b, call: call, began: time.Now()}
	c.out.expect()
	if err := t.find(rest); err != nil {
		t.answer(err)
		t.free()
		return nil
	}
	c.running.Add(1) // also while it waits, so that the connection is not idle
	if err := c.s.acquire(); err != nil {
		c.running.Add(-1)
		if w := (*wireError)(nil); errors.As(err, &w) {
			t.answer(w)
			err = nil
		}
		t.free()
		return err
	}
	c.calls.Add(1)
	c.s.workers.run(t)
	return nil
}

// acquire waits for a handler; *wireError means too busy, ErrClosed shutdown.
func (s *Server) acquire() error {
	select {
	case s.slots <- struct{}{}:
		return nil
	default:
	}
	s.stats.waiting.Add(1)
	began := time.Now()
	defer func() {
		s.stats.waiting.Add(-1)
		s.stats.waited.Add(int64(time.Since(began)))
	}()
	patience := time.NewTimer(s.cfg.QueueWait)
	defer patience.Stop()
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-s.quit:
		return ErrClosed
	case <-patience.C:
		s.stats.busy.Add(1)
		return &wireError{statusError, detailApplication, classRetriable, "Server too busy"}
	}
}

// find decodes the method header and looks the method up. Its errors leave the
// connection alone, as in Hadoop, where they arise in the handler.
func (t *task) find(rest []byte) *wireError {
	msg, rest, err := cutMessage(rest)
	var h methodHeader
	if err == nil {
		h, err = decodeMethodHeader(msg)
	}
	if err == nil {
		t.request, _, err = cutMessage(rest)
	}
	if err != nil {
		return &wireError{statusError, detailApplication, classInvalidProtobuf, fmt.Sprintf("Error decoding the request: %v", err)}
	}
	methods := t.c.s.protocols[string(h.protocol)]
	if methods == nil {
		return &wireError{statusError, detailNoSuchProtocol, classNoSuchProtocol, fmt.Sprintf("Unknown protocol: %s", h.protocol)}
	}
	if h.version != 1 {
		return &wireError{statusError, detailProtocolVersion, classVersionMismatch,
			fmt.Sprintf("Protocol %s version mismatch. (client = %d, server = 1)", h.protocol, h.version)}
	}
	m := methods[string(h.method)]
	if m == nil {
		return &wireError{statusError, detailNoSuchMethod, classNoSuchMethod,
			fmt.Sprintf("Unknown method %s called on %s protocol.", h.method, h.protocol)}
	}
	if err := t.c.mayCall(m.protocol); err != nil {
		return err
	}
	t.method = m
	t.call.Protocol, t.call.Method = m.protocol, m.name
	return nil
}

// run runs the handler, frees its place and sends the answer.
func (t *task) run() {
	c := t.c
	out := newBuffer()
	out.b = t.appendSuccess(beginFrame(out.b))
	from := len(out.b)
	b, err := t.invoke(out.b)
	if c.s.cfg.Observe != nil {
		c.s.cfg.Observe(t.call, time.Since(t.began), err)
	}
	<-c.s.slots
	if err == nil && len(b) > c.s.cfg.MaxResponse {
		err = &wireError{statusError, detailSerializingResponse, classIO,
			fmt.Sprintf("The response of %s has %d bytes and the most is %d", t.call.Method, len(b)-from, c.s.cfg.MaxResponse)}
	}
	if err != nil {
		t.answer(toWire(err))
	} else {
		out.b = b
		c.out.send(endFrame(b, 0)) // an error closed the connection already
	}
	out.free()
	t.free()
	c.running.Add(-1)
	c.calls.Done()
}

// invoke calls the handler and turns a panic into an error of this call only.
func (t *task) invoke(dst []byte) (b []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			t.c.s.log.Error("rpc: handler panicked", "method", t.call.Method, "panic", p, "stack", string(debug.Stack()))
			err = &Exception{classRuntime, fmt.Sprintf("Internal error in %s: %v", t.call.Method, p)}
		}
	}()
	return t.method.run(t.c.s.base, t.call, t.request, dst)
}

func (t *task) clientID() []byte {
	if t.call.HasClientID {
		return t.call.ClientID[:]
	}
	return nil
}

func (t *task) appendSuccess(b []byte) []byte {
	return appendResponseHeader(b, t.call.CallID, t.call.RetryCount, t.clientID(), nil)
}

// answer sends an error.
func (t *task) answer(w *wireError) {
	b := newBuffer()
	defer b.free()
	b.b = appendResponseHeader(beginFrame(b.b), t.call.CallID, t.call.RetryCount, t.clientID(), w)
	t.c.out.send(endFrame(b.b, 0)) // an error closed the connection already
}

func (t *task) free() {
	t.frame.free()
	*t = task{}
	tasks.Put(t)
}
