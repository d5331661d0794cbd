package rpc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"os/user"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// ClientConfig configures a Client. Zero values mean the default in brackets.
type ClientConfig struct {
	User     string // effective user [$HADOOP_USER_NAME, else the OS user]
	RealUser string // who impersonates User [nobody]

	ConnectTimeout time.Duration // of one attempt [20 s]
	ConnectRetries int           // further attempts, a second apart, after a failed one [0]
	CallTimeout    time.Duration // of one call, without connecting [120 s; negative: none]
	PingInterval   time.Duration // silence with calls outstanding after which a ping is sent [60 s]
	MaxIdle        time.Duration // a connection without calls is closed after it [10 s]
	WriteTimeout   time.Duration // a server that takes no byte for so long is given up [1 min]
	MaxResponse    int           // bytes, ipc.maximum.response.length [128 MiB]
	CallerContext  string        // sent with each call if not empty

	// Lost is told, with the address, of each connection that the server or the
	// network ended. It must not block. [nobody]
	Lost func(addr string)

	Logger *slog.Logger // [slog.Default()]
}

func (cfg *ClientConfig) setDefaults() {
	if cfg.User == "" {
		cfg.User = os.Getenv("HADOOP_USER_NAME")
	}
	if cfg.User == "" {
		if u, err := user.Current(); err == nil {
			cfg.User = u.Username
		}
	}
	setDefault(&cfg.ConnectTimeout, 20*time.Second)
	setDefault(&cfg.CallTimeout, 120*time.Second)
	setDefault(&cfg.PingInterval, 60*time.Second)
	setDefault(&cfg.MaxIdle, 10*time.Second)
	setDefault(&cfg.WriteTimeout, time.Minute)
	setDefault(&cfg.MaxResponse, 128<<20)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
}

// Client calls servers. All calls to one address share a connection, which is
// made when it is needed and made again when it broke. A Client is safe for
// concurrent use.
type Client struct {
	cfg           ClientConfig
	id            [16]byte
	callerContext []byte
	callID        atomic.Int32

	sent, queued atomic.Int64

	mu     sync.Mutex
	conns  map[string]*clientConn   // for new calls, by address
	all    map[*clientConn]struct{} // also those that only end what they began
	closed bool
}

// NewClient makes a client with a random client id. It does not connect.
func NewClient(cfg ClientConfig) *Client {
	cfg.setDefaults()
	c := &Client{
		cfg: cfg, callerContext: []byte(cfg.CallerContext),
		conns: make(map[string]*clientConn), all: make(map[*clientConn]struct{}),
	}
	rand.Read(c.id[:])         // never fails
	c.id[6] = c.id[6]&0xf | 64 // a UUID of version 4, as Java's
	c.id[8] = c.id[8]&0x3f | 128
	c.callID.Store(-1)
	return c
}

// ID is the client id, which together with a call id names a call to servers.
func (c *Client) ID() [16]byte { return c.id }

// CallID returns a call id that was not used before (by the last 2^31 calls).
func (c *Client) CallID() int32 { return c.callID.Add(1) & math.MaxInt32 }

// Call sends a call with a fresh id to addr (host:port) and waits for its
// answer, which it decodes into resp. Errors are *Exception (the server's),
// ErrConnect, ErrConnectionLost, ErrTimeout, ErrClosed or that of ctx. A call
// that is given up leaves the connection to the others.
func (c *Client) Call(ctx context.Context, addr, protocol, method string, req, resp proto.Message) error {
	return c.CallAs(ctx, addr, protocol, method, c.CallID(), 0, req, resp)
}

// CallAs is Call with an id of the caller's and a retry count: retries of one
// logical call keep the id, so that a server can tell.
func (c *Client) CallAs(ctx context.Context, addr, protocol, method string, callID, retry int32, req, resp proto.Message) error {
	frame := c.newFrame(protocol, method, callID, retry)
	defer frame.free()
	var err error
	if frame.b, err = appendMessage(frame.b, req); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	answer, body, err := c.roundTrip(ctx, addr, protocol, method, callID, frame)
	if err != nil {
		return err
	}
	defer answer.free()
	if err := proto.Unmarshal(body, resp); err != nil {
		return undecodable(addr, method, err)
	}
	return nil
}

// CallEncoded is Call for one who encodes and decodes messages himself. The
// encoded answer is appended to dst.
func (c *Client) CallEncoded(ctx context.Context, addr, protocol, method string, req, dst []byte) ([]byte, error) {
	id := c.CallID()
	frame := c.newFrame(protocol, method, id, 0)
	defer frame.free()
	frame.b = append(protowire.AppendVarint(frame.b, uint64(len(req))), req...)
	answer, body, err := c.roundTrip(ctx, addr, protocol, method, id, frame)
	if err != nil {
		return dst, err
	}
	dst = append(dst, body...)
	answer.free()
	return dst, nil
}

// newFrame begins the frame of a call, to which the request is appended.
func (c *Client) newFrame(protocol, method string, callID, retry int32) *buffer {
	frame := newBuffer()
	h := requestHeader{callID: callID, retry: retry, clientID: c.id[:], callerContext: c.callerContext}
	frame.b = appendRequestHeader(beginFrame(frame.b), h)
	frame.b = appendMethodHeader(frame.b, protocol, method)
	return frame
}

// roundTrip sends a call and returns the encoded message of its answer, which
// lies in the buffer beside it; the caller frees that.
func (c *Client) roundTrip(ctx context.Context, addr, protocol, method string, callID int32, frame *buffer) (*buffer, []byte, error) {
	a, err := c.exchange(ctx, addr, protocol, callID, endFrame(frame.b, 0))
	if err != nil {
		return nil, nil, err
	}
	body, _, err := cutMessage(a.body)
	if err != nil {
		a.frame.free()
		return nil, nil, undecodable(addr, method, err)
	}
	return a.frame, body, nil
}

func undecodable(addr, method string, err error) error {
	return fmt.Errorf("cannot decode the answer of %s to %s: %w", addr, method, err)
}

// exchange sends frame and waits for its answer.
func (c *Client) exchange(ctx context.Context, addr, protocol string, callID int32, frame []byte) (answer, error) {
	w, err := c.send(ctx, addr, protocol, callID, frame)
	if err != nil {
		return answer{}, err
	}
	late := w.deadline(c.cfg.CallTimeout)
	select {
	case a := <-w.answer:
		w.free()
		return a, a.err
	case <-ctx.Done():
		w.conn.forget(callID)
		return answer{}, ctx.Err()
	case <-late:
		w.conn.forget(callID)
		w.conn.suspect(w.sent)
		return answer{}, timeoutError(addr, c.cfg.CallTimeout)
	}
}

// send puts frame on a connection. A connection that broke before is replaced once.
func (c *Client) send(ctx context.Context, addr, protocol string, callID int32, frame []byte) (*waiter, error) {
	for try := 0; ; try++ {
		conn, err := c.connect(ctx, addr, protocol)
		if err != nil {
			return nil, err
		}
		w, err := conn.send(callID, frame)
		if !errors.Is(err, errNotSent) {
			return w, err
		}
		c.drop(conn)
		if try > 0 {
			return nil, lostError(addr, err)
		}
	}
}

// connect returns the connection to addr, making it if there is none. Callers
// that come while it is made wait for it.
func (c *Client) connect(ctx context.Context, addr, protocol string) (*clientConn, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	conn := c.conns[addr]
	if conn == nil {
		conn = newClientConn(c, addr)
		c.conns[addr] = conn
		c.all[conn] = struct{}{}
		go func() {
			conn.run(protocol)
			c.mu.Lock()
			delete(c.all, conn)
			c.mu.Unlock()
		}()
	}
	c.mu.Unlock()
	select {
	case <-conn.ready:
		return conn, conn.dialErr
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// drop takes conn out of the pool.
func (c *Client) drop(conn *clientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conns[conn.addr] == conn {
		delete(c.conns, conn.addr)
	}
}

// Close ends every call with ErrClosed and closes the connections.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	clear(c.conns)
	conns := slices.Collect(maps.Keys(c.all))
	c.mu.Unlock()
	for _, conn := range conns {
		conn.stop()
		conn.end(ErrClosed)
	}
	return nil
}
