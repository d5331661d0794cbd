package datatransfer

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

const (
	defaultTimeout   = 60 * time.Second // dfs.client.socket-timeout
	defaultKeepAlive = 3 * time.Second  // a DataNode keeps an idle connection for 4 s
	// readBuffer is small on purpose: it takes lengths and headers, while bodies of
	// packets pass by it straight into the packet.
	readBuffer  = 4 << 10
	maxIdlePeer = 16 // idle connections kept per DataNode
)

// PeerConfig says how DataNodes are reached. The zero value is usable.
type PeerConfig struct {
	// Dial opens a connection; nil means net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Timeout bounds connecting, and each wait for the other side; 0 means 60 s.
	Timeout time.Duration
	// KeepAlive is how long an idle connection is used again; 0 means 3 s, less than 0 never.
	KeepAlive time.Duration
	// UseHostname dials DataNodes by name instead of address (dfs.client.use.datanode.hostname).
	UseHostname bool
}

// Peers opens connections to DataNodes and keeps idle ones for a moment. It is
// safe for use by several goroutines.
type Peers struct {
	cfg PeerConfig

	mu     sync.Mutex
	idle   map[string][]*peer
	closed bool
}

// NewPeers returns a pool; Close it to drop the idle connections.
func NewPeers(cfg PeerConfig) *Peers {
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.KeepAlive == 0 {
		cfg.KeepAlive = defaultKeepAlive
	}
	return &Peers{cfg: cfg, idle: make(map[string][]*peer)}
}

// peer is one connection to a DataNode.
type peer struct {
	net.Conn
	br      *bufio.Reader
	addr    string
	timeout time.Duration
	reused  bool
	since   time.Time
}

// expect sets the time that the next reads and writes may take.
func (p *peer) expect(d time.Duration) error { return p.SetDeadline(time.Now().Add(d)) }

// Address returns the host:port at which a client reaches a DataNode's data port.
func (p *Peers) Address(id *hdfspb.DatanodeIDProto) string {
	host := id.GetIpAddr()
	if p.cfg.UseHostname && id.GetHostName() != "" {
		host = id.GetHostName()
	}
	return net.JoinHostPort(host, strconv.Itoa(int(id.GetXferPort())))
}

// XferAddr is the ip:port by which pipelines name a DataNode.
func XferAddr(id *hdfspb.DatanodeIDProto) string {
	return id.GetIpAddr() + ":" + strconv.Itoa(int(id.GetXferPort()))
}

func (p *Peers) dial(ctx context.Context, addr string) (*peer, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	conn, err := p.cfg.Dial(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect to datanode %s: %w", addr, err)
	}
	return &peer{Conn: conn, br: bufio.NewReaderSize(conn, readBuffer), addr: addr, timeout: p.cfg.Timeout}, nil
}

// get returns an idle connection if there is one, else a new one.
func (p *Peers) get(ctx context.Context, addr string) (*peer, error) {
	p.mu.Lock()
	var dead []*peer
	for list := p.idle[addr]; len(list) > 0; list = p.idle[addr] {
		c := list[len(list)-1]
		p.idle[addr] = list[:len(list)-1]
		if time.Since(c.since) < p.cfg.KeepAlive {
			p.mu.Unlock()
			closeAll(dead)
			c.reused = true
			return c, nil
		}
		dead = append(dead, c)
	}
	delete(p.idle, addr)
	p.mu.Unlock()
	closeAll(dead)
	return p.dial(ctx, addr)
}

// put gives a connection back after an operation that ended in good order.
func (p *Peers) put(c *peer) {
	c.since = time.Now()
	p.mu.Lock()
	keep := !p.closed && p.cfg.KeepAlive > 0 && len(p.idle[c.addr]) < maxIdlePeer && c.br.Buffered() == 0
	if keep {
		p.idle[c.addr] = append(p.idle[c.addr], c)
	}
	p.mu.Unlock()
	if !keep {
		c.Close()
	}
}

// Close drops the idle connections. Readers and writers in use go on.
func (p *Peers) Close() error {
	p.mu.Lock()
	p.closed = true
	var all []*peer
	for _, list := range p.idle {
		all = append(all, list...)
	}
	p.idle = make(map[string][]*peer)
	p.mu.Unlock()
	closeAll(all)
	return nil
}

func closeAll(list []*peer) {
	for _, c := range list {
		c.Close()
	}
}

// start sends an operation to a DataNode and reads the answer. A connection from
// the pool may have died meanwhile: then the next one is tried. On success the
// caller owns the connection; ctx ends it when cancelled, until stop is called.
func (p *Peers) start(ctx context.Context, addr string, op Op, m proto.Message, block *hdfspb.ExtendedBlockProto) (c *peer, resp *hdfspb.BlockOpResponseProto, stop func() bool, err error) {
	for {
		c, err = p.get(ctx, addr)
		if err != nil {
			return nil, nil, nil, err
		}
		conn := c
		stop = context.AfterFunc(ctx, func() { conn.Close() })
		resp, err = c.ask(op, m)
		if err == nil {
			break
		}
		stop()
		c.Close()
		if ctx.Err() != nil {
			return nil, nil, nil, context.Cause(ctx)
		}
		if !c.reused {
			return nil, nil, nil, fmt.Errorf("%s of %s at datanode %s: %w", op, BlockName(block), addr, err)
		}
	}
	if resp.GetStatus() != hdfspb.Status_SUCCESS {
		stop()
		c.Close()
		return nil, nil, nil, refusal(op, addr, block, resp)
	}
	return c, resp, stop, nil
}

func (c *peer) ask(op Op, m proto.Message) (*hdfspb.BlockOpResponseProto, error) {
	if err := c.expect(c.timeout); err != nil {
		return nil, err
	}
	if err := WriteOp(c, op, m); err != nil {
		return nil, err
	}
	return c.answer()
}

// answer reads responses until one is final: a DataNode at a long operation says IN_PROGRESS meanwhile.
func (c *peer) answer() (*hdfspb.BlockOpResponseProto, error) {
	for {
		resp, err := ReadResponse(c.br)
		if err != nil {
			return nil, unexpected(err)
		}
		if resp.GetStatus() != hdfspb.Status_IN_PROGRESS {
			return resp, nil
		}
		if err := c.expect(c.timeout); err != nil {
			return nil, err
		}
	}
}

func refusal(op Op, addr string, block *hdfspb.ExtendedBlockProto, resp *hdfspb.BlockOpResponseProto) *StatusError {
	return &StatusError{Op: op, Node: addr, Block: BlockName(block), Status: resp.GetStatus(),
		Message: resp.GetMessage(), FirstBadLink: resp.GetFirstBadLink()}
}
