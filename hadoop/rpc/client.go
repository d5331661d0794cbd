package rpc

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"
)

// ClientConfig configures a Client. Zero values mean the default in brackets.
type ClientConfig struct {
	User     string // effective user [the OS user]
	RealUser string // who impersonates User [nobody]

	ConnectTimeout time.Duration // of one attempt [20 s]
	ConnectRetries int           // further attempts after a refused or timed out one [0]
	CallTimeout    time.Duration // of one call, without connecting [120 s; negative: none]
	PingInterval   time.Duration // silence with calls outstanding after which a ping is sent [60 s]
	MaxIdle        time.Duration // a connection without calls is closed after it [10 s]
	MaxResponse    int           // bytes [128 MiB]
	CallerContext  string        // sent with each call if not empty

	Logger *slog.Logger // [slog.Default()]
}

// Client calls servers. Connections are shared by all calls to one address.
type Client struct{ cfg ClientConfig }

// NewClient makes a client with a random client id. It does not connect.
func NewClient(cfg ClientConfig) *Client { return &Client{cfg} }

// Call sends a call with a fresh id to addr (host:port) and waits for its answer.
func (c *Client) Call(ctx context.Context, addr, protocol, method string, req, resp proto.Message) error {
	return nil
}

// CallID returns a call id that was not used before.
func (c *Client) CallID() int32 { return 0 }

// CallAs is Call with an id of the caller's and a retry count: retries of one
// logical call keep the id, so that the server can tell.
func (c *Client) CallAs(ctx context.Context, addr, protocol, method string, callID, retry int32, req, resp proto.Message) error {
	return nil
}

// Close ends every call with ErrClosed and closes the connections.
func (c *Client) Close() error { return nil }
