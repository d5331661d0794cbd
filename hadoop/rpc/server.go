package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ServerConfig configures a Server. Zero values mean the default in brackets.
type ServerConfig struct {
	Listener net.Listener // taken over by the server; if nil, Addr is listened on
	Addr     string       // host:port

	Handlers       int           // calls in progress, all connections together [1024]
	QueueWait      time.Duration // how long a call waits for a handler before "Server too busy" [30 s]
	MaxRequest     int           // bytes of one request, ipc.maximum.data.length [128 MiB]
	MaxResponse    int           // bytes of one response, ipc.maximum.response.length of clients [128 MiB]
	MaxQueued      int           // bytes of unread answers of one connection before it is cut off [256 MiB]
	MaxConnections int           // further connections are closed at once [no limit]
	IdleTimeout    time.Duration // a connection without a call and without a byte is closed [4 min]
	WriteTimeout   time.Duration // a peer that takes nothing of its answers for so long is cut off [1 min]

	Logger *slog.Logger // [slog.Default()]
	// Observe is called after each call with the time from the arrival of the
	// request to the end of its handler, and what the handler returned.
	Observe func(c *Call, d time.Duration, err error)
	// Authorize is asked once a connection, when it says who its user is.
	// Call holds User, RealUser, Protocol and the remote address. An error
	// closes the connection with FATAL_UNAUTHORIZED. Without Authorize a proxy
	// user (RealUser set) is refused.
	Authorize func(c *Call) error
}

func (cfg *ServerConfig) setDefaults() {
	setDefault(&cfg.Handlers, 1024)
	setDefault(&cfg.QueueWait, 30*time.Second)
	setDefault(&cfg.MaxRequest, 128<<20)
	setDefault(&cfg.MaxResponse, 128<<20)
	setDefault(&cfg.MaxQueued, 256<<20)
	setDefault(&cfg.IdleTimeout, 4*time.Minute)
	setDefault(&cfg.WriteTimeout, time.Minute)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
}

func setDefault[T int | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// Server answers calls on one listener.
//
// When all handlers are taken, the reader of a connection that has a call to
// run stops reading; TCP then slows the client down. A call that finds no
// handler within QueueWait is answered RetriableException "Server too busy", at
// which Hadoop's clients of a logical (HA) name back off and try the same server
// again; clients of a plain host:port report it as an error.
//
// A client that asks faster than it reads is not read from while more than
// 1/64 of MaxQueued waits for it (or anything, while all connections together
// have MaxQueued/4 waiting). The calls in progress count with the size of the
// latest answer, so answers take about that much memory.
type Server struct {
	cfg       ServerConfig
	log       *slog.Logger
	listener  net.Listener
	protocols map[string]map[string]*boundMethod
	slots     chan struct{} // one element for each call in progress
	workers   workers

	base   context.Context // of all handlers
	cancel context.CancelFunc
	quit   chan struct{} // closed by Shutdown

	mu      sync.Mutex
	conns   map[*conn]struct{}
	closing bool
	running sync.WaitGroup // connections

	stats struct {
		waiting, waited, busy, received, sent, queued atomic.Int64
	}
}

// boundMethod is a registered method with its names, so that calls share them.
type boundMethod struct {
	Method
	protocol, name string
}

// NewServer listens, so that Addr is known, and does not accept yet.
func NewServer(cfg ServerConfig) (*Server, error) {
	cfg.setDefaults()
	if cfg.Handlers < 0 || cfg.MaxRequest < 0 || cfg.MaxResponse < 0 || cfg.MaxQueued < 0 {
		return nil, errors.New("rpc: handlers and sizes of a server must be positive")
	}
	l := cfg.Listener
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", cfg.Addr); err != nil {
			return nil, fmt.Errorf("cannot listen on %s: %w", cfg.Addr, err)
		}
	}
	s := &Server{
		cfg: cfg, log: cfg.Logger, listener: l,
		protocols: make(map[string]map[string]*boundMethod),
		slots:     make(chan struct{}, cfg.Handlers),
		quit:      make(chan struct{}),
		conns:     make(map[*conn]struct{}),
	}
	s.base, s.cancel = context.WithCancel(context.Background())
	s.registerMeta()
	return s, nil
}

// Register adds the methods of a protocol, such as
// "org.apache.hadoop.hdfs.protocol.ClientProtocol", to those it has. Call it
// before Serve.
func (s *Server) Register(protocol string, methods map[string]Method) {
	bound := s.protocols[protocol]
	if bound == nil {
		bound = make(map[string]*boundMethod, len(methods))
		s.protocols[protocol] = bound
	}
	for name, m := range methods {
		bound[name] = &boundMethod{m, protocol, name}
	}
}

// Methods are the names of all registered methods, each once.
func (s *Server) Methods() []string {
	names := map[string]bool{}
	for _, methods := range s.protocols {
		for name := range methods {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Context is that of the handlers. It ends when Shutdown runs out of time.
func (s *Server) Context() context.Context { return s.base }

// Addr is the address listened on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Stats are counters of a server for its metrics.
type Stats struct {
	Connections   int           // open now
	Running       int           // calls in progress now
	Waiting       int           // connections now held up because all handlers are taken
	Waited        time.Duration // of all calls together, for a handler
	Busy          int64         // calls answered "Server too busy"
	ReceivedBytes int64
	SentBytes     int64
	QueuedBytes   int64 // of answers that clients have not read yet
}

// Stats returns the counters as they are now.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	n := len(s.conns)
	s.mu.Unlock()
	return Stats{
		Connections: n, Running: len(s.slots), Waiting: int(s.stats.waiting.Load()), Busy: s.stats.busy.Load(),
		Waited:        time.Duration(s.stats.waited.Load()),
		ReceivedBytes: s.stats.received.Load(), SentBytes: s.stats.sent.Load(),
		QueuedBytes: s.stats.queued.Load(),
	}
}

// Serve accepts until Shutdown, then returns nil. It returns an error if the
// listener breaks.
func (s *Server) Serve() error {
	go s.tend()
	pause := 5 * time.Millisecond
	for {
		nc, err := s.listener.Accept()
		if err == nil {
			pause = 5 * time.Millisecond
			s.start(nc)
			continue
		}
		select {
		case <-s.quit:
			return nil
		default:
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("accept on %s: %w", s.Addr(), err)
		}
		// Out of file descriptors, most likely: wait for connections to go.
		s.log.Warn("rpc: accept failed, trying again", "addr", s.Addr(), "err", err)
		select {
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		case <-s.quit:
			return nil
		}
	}
}

// start serves one new connection.
func (s *Server) start(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	full := s.cfg.MaxConnections > 0 && len(s.conns) >= s.cfg.MaxConnections
	if full || s.closing {
		s.mu.Unlock()
		nc.Close()
		if full {
			s.log.Warn("rpc: too many connections, closing a new one", "remote", nc.RemoteAddr(), "max", s.cfg.MaxConnections)
		}
		return
	}
	s.conns[c] = struct{}{}
	s.running.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.running.Done()
		c.serve()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
}

// tend looks at all connections now and then: it closes those that are idle
// for too long and takes the read buffers of those that are idle for a moment.
// Doing it here spares a deadline for each read.
func (s *Server) tend() {
	tick := time.NewTicker(max(min(time.Second, s.cfg.IdleTimeout/4), time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-s.quit:
			s.workers.close()
			return
		case now := <-tick.C:
			s.workers.trim()
			s.mu.Lock()
			for c := range s.conns {
				c.tend(now)
			}
			s.mu.Unlock()
		}
	}
}

// Shutdown stops accepting and reading, lets running calls end, sends their
// answers and closes every connection. If ctx ends first it cancels the calls,
// closes the connections at once and returns the context's error without
// waiting further.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closing
	s.closing = true
	if first {
		close(s.quit)
		s.listener.Close()
		for c := range s.conns {
			c.wake()
		}
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		s.cancel()
		return nil
	case <-ctx.Done():
	}
	s.cancel()
	s.mu.Lock()
	for c := range s.conns {
		c.out.abort(ErrClosed)
	}
	s.mu.Unlock()
	return ctx.Err()
}
