package rpc

import (
	"context"
	"log/slog"
	"net"
	"time"
)

// ServerConfig configures a Server. Zero values mean the default in brackets.
type ServerConfig struct {
	Listener net.Listener // taken over by the server; if nil, Addr is listened on
	Addr     string       // host:port

	Handlers       int           // calls in progress, all connections together [1024]
	QueueWait      time.Duration // how long a call waits for a handler before "Server too busy" [10 s]
	MaxRequest     int           // bytes of one request [128 MiB]
	MaxResponse    int           // bytes of one response [128 MiB]
	MaxQueued      int           // bytes of unread answers of one connection before it is cut off [64 MiB, at least MaxResponse]
	MaxConnections int           // further connections are closed at once [no limit]
	IdleTimeout    time.Duration // a connection without a call and without a byte is closed [4 min]
	WriteTimeout   time.Duration // a peer that takes no byte of its answers for so long is cut off [1 min]

	Logger *slog.Logger // [slog.Default()]
	// Observe is called after each call with the time from the arrival of the
	// request to the end of its handler.
	Observe func(c *Call, d time.Duration, err error)
	// Authorize is asked once a connection, when it says who its user is.
	// Call holds User, RealUser, Protocol and the remote address. An error
	// closes the connection with FATAL_UNAUTHORIZED; without Authorize a proxy
	// user (RealUser) is refused.
	Authorize func(c *Call) error
}

// Server answers calls on one listener.
type Server struct{ cfg ServerConfig }

// NewServer listens, so that Addr is known, and does not accept yet.
func NewServer(cfg ServerConfig) (*Server, error) { return &Server{cfg}, nil }

// Register adds the methods of a protocol, such as
// "org.apache.hadoop.hdfs.protocol.ClientProtocol". Call it before Serve.
func (s *Server) Register(protocol string, methods map[string]Method) {}

// Serve accepts until Shutdown, then returns nil.
func (s *Server) Serve() error { return nil }

// Addr is the address listened on.
func (s *Server) Addr() net.Addr { return nil }

// Shutdown stops accepting and reading, lets running calls end until ctx is
// done, sends their answers and closes every connection.
func (s *Server) Shutdown(ctx context.Context) error { return nil }
