// Package proxy puts a TCP proxy between a client and a server of a test, which can
// be cut, stalled, and made to lose an answer.
//
// It promises that what passes is passed unchanged and in order, that a cut looks to
// both sides as if the other one's machine had reset its connections, and that a
// lost answer is one to a request which the server got whole. It knows no protocol:
// what is looked for in the bytes are texts.
package proxy

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/process"
)

// silence is how long a server must have said nothing until its answer, which
// nobody gets, counts as whole.
const silence = 100 * time.Millisecond

// Proxy passes connections on to one server. Its methods may be called from several
// goroutines.
type Proxy struct {
	addr, target string

	mu       sync.Mutex
	moved    *sync.Cond // stalled or the set of connections has changed
	listener net.Listener
	links    map[*link]bool
	stalled  bool
	traps    map[*trap]bool
	counts   map[string]int
	closed   bool
}

// trap waits for texts to pass one after another in one connection.
type trap struct {
	texts  [][]byte
	sprung chan struct{}
}

// Start starts a proxy to the server at target (host:port). It ends with the test.
func Start(tb testing.TB, target string) *Proxy {
	tb.Helper()
	p := &Proxy{addr: fmt.Sprintf("127.0.0.1:%d", process.FreePort(tb)), target: target,
		links: map[*link]bool{}, traps: map[*trap]bool{}, counts: map[string]int{}}
	p.moved = sync.NewCond(&p.mu)
	if err := p.listen(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.close)
	return p
}

// Addr is where the proxy listens, host:port.
func (p *Proxy) Addr() string { return p.addr }

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Cut()
}

func (p *Proxy) listen() error {
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		return fmt.Errorf("proxy to %s: %w", p.target, err)
	}
	p.mu.Lock()
	p.listener = l
	p.mu.Unlock()
	go p.accept(l)
	return nil
}

func (p *Proxy) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return // closed by Cut
		}
		go p.serve(c)
	}
}

// Cut resets all connections and refuses new ones until Mend.
func (p *Proxy) Cut() {
	p.mu.Lock()
	l := p.listener
	p.listener = nil
	var links []*link
	for c := range p.links {
		links = append(links, c)
	}
	p.stalled = false
	p.moved.Broadcast()
	p.mu.Unlock()
	if l != nil {
		l.Close()
	}
	for _, c := range links {
		c.reset()
	}
}

// Stall lets nothing pass until Mend; connections stay open and silent, and new ones
// are taken and stay without an answer.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = true
}

// Mend undoes Cut and Stall. The error is that of listening again.
func (p *Proxy) Mend() error {
	p.mu.Lock()
	p.stalled = false
	p.moved.Broadcast()
	cut := p.listener == nil && !p.closed
	p.mu.Unlock()
	if !cut {
		return nil
	}
	return p.listen()
}

// LoseAnswer waits until a client has sent the texts, one after another, in one
// connection. What the server answers from then on is thrown away, and when it has
// fallen silent the connection is reset. It does so once; the channel is closed when
// it is done.
func (p *Proxy) LoseAnswer(texts ...string) <-chan struct{} {
	t := &trap{sprung: make(chan struct{})}
	for _, s := range texts {
		t.texts = append(t.texts, []byte(s))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.traps[t] = true
	return t.sprung
}

// Count begins to count how often clients send the text.
func (p *Proxy) Count(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.counts[text]; !ok {
		p.counts[text] = 0
	}
}

// Counted is how often clients have sent the text since Count.
func (p *Proxy) Counted(text string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[text]
}

// await blocks while the proxy is stalled.
func (p *Proxy) await() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalled {
		p.moved.Wait()
	}
}

// look notes what passes from a client, before it is passed on. It returns the trap
// that springs, if one does.
func (p *Proxy) look(c *link, data []byte) *trap {
	p.mu.Lock()
	defer p.mu.Unlock()
	for text := range p.counts {
		p.counts[text] += c.finder("count "+text, []byte(text)).count(data)
	}
	for t := range p.traps {
		at, rest := c.reached[t], data
		for at < len(t.texts) {
			n := c.finder(fmt.Sprintf("trap %p %d", t, at), t.texts[at]).first(rest)
			if n < 0 {
				break
			}
			rest, at = rest[n:], at+1
		}
		c.reached[t] = at
		if at == len(t.texts) {
			delete(p.traps, t)
			return t
		}
	}
	return nil
}

// link is one connection through the proxy.
type link struct {
	client, server net.Conn

	finders map[string]*finder
	reached map[*trap]int

	mu    sync.Mutex
	trap  *trap // the server's answers are thrown away for it
	heard time.Time
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		(&link{client: client, server: client}).reset()
		return
	}
	c := &link{client: client, server: server, finders: map[string]*finder{}, reached: map[*trap]int{}}
	p.mu.Lock()
	gone := p.listener == nil
	p.links[c] = true
	p.mu.Unlock()
	if gone {
		c.reset()
	}
	var both sync.WaitGroup
	both.Go(func() { p.requests(c) })
	both.Go(func() { p.answers(c) })
	both.Wait()
	p.mu.Lock()
	delete(p.links, c)
	p.mu.Unlock()
	client.Close()
	server.Close()
}

// requests passes on what the client sends. Either side's end ends both.
func (p *Proxy) requests(c *link) {
	defer c.end()
	buf := make([]byte, 64<<10)
	for {
		n, err := c.client.Read(buf)
		if n > 0 {
			p.await()
			if t := p.look(c, buf[:n]); t != nil {
				c.lose(t)
			}
			if _, err := c.server.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) answers(c *link) {
	defer c.end()
	buf := make([]byte, 64<<10)
	for {
		n, err := c.server.Read(buf)
		if n > 0 && !c.lost() {
			p.await()
			if _, err := c.client.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (c *link) lose(t *trap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trap = t
}

// lost reports whether an answer is to be thrown away. The first one starts the
// clock at whose end the connection is reset.
func (c *link) lost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trap == nil {
		return false
	}
	if c.heard.IsZero() {
		go c.resetWhenSilent()
	}
	c.heard = time.Now()
	return true
}

func (c *link) resetWhenSilent() {
	for {
		c.mu.Lock()
		left := silence - time.Since(c.heard)
		c.mu.Unlock()
		if left <= 0 {
			break
		}
		time.Sleep(left)
	}
	c.reset()
	close(c.trap.sprung)
}

// reset ends both connections as a machine that has forgotten them would.
func (c *link) reset() {
	for _, conn := range []net.Conn{c.client, c.server} {
		if t, ok := conn.(*net.TCPConn); ok {
			_ = t.SetLinger(0) // fails only if it is closed already
		}
		conn.Close()
	}
}

// end makes both copiers end.
func (c *link) end() {
	c.client.Close()
	c.server.Close()
}

func (c *link) finder(key string, text []byte) *finder {
	f := c.finders[key]
	if f == nil {
		f = &finder{text: text}
		c.finders[key] = f
	}
	return f
}

// finder looks for a text in pieces of a stream.
type finder struct {
	text []byte
	tail []byte // the end of what went by, shorter than the text
}

// first returns where in data the text ends for the first time, -1 if it does not.
func (f *finder) first(data []byte) int {
	all := append(bytes.Clone(f.tail), data...)
	at := bytes.Index(all, f.text)
	if at < 0 {
		f.tail = all[max(0, len(all)-len(f.text)+1):]
		return -1
	}
	end := at + len(f.text) - len(f.tail)
	f.tail = nil
	return end
}

func (f *finder) count(data []byte) (n int) {
	for {
		end := f.first(data)
		if end < 0 {
			return n
		}
		n++
		data = data[end:]
	}
}

// WaitLost waits for the channel of LoseAnswer.
func WaitLost(done <-chan struct{}, patience time.Duration) error {
	select {
	case <-done:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("no answer was lost within %v", patience)
	}
}
