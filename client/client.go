package client

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/hopsql/hopsql/hadoop/conf"
	"google.golang.org/protobuf/proto"
)

// Client is a connection to one HDFS. It is safe for concurrent use. The zero
// value is not usable; see New.
type Client struct {
	s   *session
	ctx context.Context
}

type options struct {
	uri    string
	user   string
	logger *slog.Logger
	caller caller
}

// Option changes what New makes.
type Option func(*options)

// WithURI names the file system, hdfs://host:port or hdfs://nameservice,
// instead of fs.defaultFS.
func WithURI(uri string) Option { return func(o *options) { o.uri = uri } }

// WithUser acts as user instead of HADOOP_USER_NAME or the process' own.
func WithUser(user string) Option { return func(o *options) { o.user = user } }

// WithLogger sends what happens behind calls (repetitions, replicas left out) to l.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// New makes a Client of the NameNodes that cfg's fs.defaultFS stands for. It
// connects with the first call. Close frees what it holds.
func New(cfg *conf.Config, opts ...Option) (*Client, error) {
	var o options
	for _, f := range opts {
		f(&o)
	}
	s, err := newSession(cfg, o)
	if err != nil {
		return nil, err
	}
	return &Client{s: s, ctx: context.Background()}, nil
}

// Dial is New with defaults for one NameNode, host:port.
func Dial(addr string, opts ...Option) (*Client, error) {
	return New(conf.New(nil), append([]Option{WithURI("hdfs://" + addr)}, opts...)...)
}

// WithContext returns a Client of the same connections whose calls, open files
// included, end when ctx does. It is cheap; http.Request has the same shape.
func (c *Client) WithContext(ctx context.Context) *Client { return &Client{s: c.s, ctx: ctx} }

// Close ends the connections and the renewing of leases. Files still being
// written stay unfinished: close them first.
func (c *Client) Close() error {
	if c.s.closed.Swap(true) {
		return nil
	}
	c.s.leases.stop()
	c.s.finder.stop()
	return errors.Join(c.s.rpc.Close(), c.s.data.peers.Close())
}

// User is whom the calls act for.
func (c *Client) User() string { return c.s.user }

// URI is hdfs://host:port or hdfs://nameservice, no slash at its end.
func (c *Client) URI() string { return c.s.names.URI }

// NameService lists the configured NameNodes behind the Client.
func (c *Client) NameService() NameService { return *c.s.names }

// Umask is the bits that new files and directories lose, fs.permissions.umask-mode.
func (c *Client) Umask() os.FileMode { return os.FileMode(c.s.umask) }

// Invoke sends one call of any protocol of the NameNode with the repetitions of
// a Client: for tools that need more than files. The error is classified as
// all errors of this package are.
func (c *Client) Invoke(protocol, method string, req, resp proto.Message) error {
	return c.s.call(c.ctx, protocol, method, req, resp)
}

// InvokeAt is Invoke at one NameNode, without handing over to another: for
// tools that ask every NameNode in turn.
func (c *Client) InvokeAt(addr, protocol, method string, req, resp proto.Message) error {
	if c.s.closed.Load() {
		return ErrClosed
	}
	err := c.s.rpc.CallAs(c.ctx, addr, protocol, method, c.s.rpc.CallID(), 0, req, resp)
	if err == nil || c.ctx.Err() != nil {
		return err
	}
	return c.s.unreachable(addr, err)
}

// nn is Invoke for ClientProtocol.
func (c *Client) nn(method string, req, resp proto.Message) error {
	return c.s.call(c.ctx, ProtocolClient, method, req, resp)
}
