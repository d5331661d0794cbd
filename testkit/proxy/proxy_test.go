package proxy

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// echo is a server that answers each line with "got " and the line.
type echo struct {
	addr  string
	lines atomic.Int64
}

func startEcho(t *testing.T) *echo {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	e := &echo{addr: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for in := bufio.NewScanner(c); in.Scan(); {
					e.lines.Add(1)
					fmt.Fprintln(c, "got", in.Text())
				}
			}()
		}
	}()
	return e
}

type peer struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, p *Proxy) *peer {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &peer{c, bufio.NewReader(c)}
}

// ask sends text as it is and returns the next line of the answer.
func (c *peer) ask(text string) (string, error) {
	if _, err := c.Write([]byte(text)); err != nil {
		return "", err
	}
	line, err := c.in.ReadString('\n')
	return strings.TrimSpace(line), err
}

func (c *peer) want(t *testing.T, text string) {
	t.Helper()
	if got, err := c.ask(text + "\n"); err != nil || got != "got "+text {
		t.Fatalf("answer %q, %v", got, err)
	}
}

func TestCutAndMend(t *testing.T) {
	p := Start(t, startEcho(t).addr)
	c := dial(t, p)
	c.want(t, "one")
	p.Cut()
	if got, err := c.ask("two\n"); err == nil {
		t.Errorf("answer %q through a cut connection", got)
	}
	if d, err := net.Dial("tcp", p.Addr()); err == nil {
		d.Close()
		t.Error("a new connection is taken while the proxy is cut")
	}
	if err := p.Mend(); err != nil {
		t.Fatal(err)
	}
	dial(t, p).want(t, "three")
}

func TestStall(t *testing.T) {
	e := startEcho(t)
	p := Start(t, e.addr)
	c := dial(t, p)
	c.want(t, "one")
	p.Stall()
	answer := make(chan string, 1)
	go func() {
		got, err := c.ask("two\n")
		answer <- fmt.Sprint(got, err)
	}()
	select {
	case got := <-answer:
		t.Fatalf("answer %q though the proxy is stalled", got)
	case <-time.After(50 * time.Millisecond):
	}
	if err := p.Mend(); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got != "got two<nil>" {
		t.Errorf("after the stall: %q", got)
	}
}

// The texts come in pieces, and on two connections: those of one count.
func TestLostAnswer(t *testing.T) {
	e := startEcho(t)
	p := Start(t, e.addr)
	other, c := dial(t, p), dial(t, p)
	lost := p.LoseAnswer("transfer 7", "COMMIT")
	other.want(t, "COMMIT")
	c.want(t, "COMMIT")
	if _, err := c.Write([]byte("trans")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond)
	if got, err := c.ask("fer 7\n"); err != nil || got != "got transfer 7" {
		t.Fatalf("answer %q, %v", got, err)
	}
	before := e.lines.Load()
	if got, err := c.ask("COMMIT\n"); err == nil {
		t.Errorf("answer %q, it should be lost", got)
	}
	if err := WaitLost(lost, 5*time.Second); err != nil {
		t.Error(err)
	}
	if n := e.lines.Load() - before; n != 1 {
		t.Errorf("the server got %d requests, want the one whose answer is lost", n)
	}
	again := dial(t, p)
	again.want(t, "transfer 7")
	again.want(t, "COMMIT")
	if err := WaitLost(p.LoseAnswer("never sent"), time.Millisecond); err == nil {
		t.Error("an answer was lost to a request that nobody sent")
	}
}

func TestCount(t *testing.T) {
	p := Start(t, startEcho(t).addr)
	c := dial(t, p)
	c.want(t, "purge")
	p.Count("purge")
	c.want(t, "purge and purge")
	dial(t, p).want(t, "a purge")
	if n := p.Counted("purge"); n != 3 {
		t.Errorf("counted %d, want 3", n)
	}
}
