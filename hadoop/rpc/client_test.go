package rpc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
)

// fake accepts connections and hands each to f, one after the other.
func fake(t *testing.T, f func(i int, p *peer)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			nc.SetDeadline(time.Now().Add(20 * time.Second))
			wg.Go(func() {
				defer nc.Close()
				f(i, &peer{t, nc})
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// skip reads the preamble and n frames.
func (p *peer) skip(n int) error {
	in := frameReader{r: p.nc, timeout: func() error { return io.ErrNoProgress }, arrived: func(int) {}}
	if _, err := in.need(preambleSize); err != nil {
		return err
	}
	for range n {
		if _, err := in.next(nil, 1<<20); err != nil {
			return err
		}
	}
	return nil
}

func TestClientErrors(t *testing.T) {
	s := serve(t, ServerConfig{}, nil)
	c := newTestClient(t, ClientConfig{})
	stat := func(protocol, method, path string) error {
		return c.Call(t.Context(), s.Addr().String(), protocol, method, &statRequest{Src: &path}, new(statAnswer))
	}
	var x *Exception
	if err := stat(clientProtocol, "getFileInfo", "/gone"); !errors.As(err, &x) || *x != (Exception{"java.io.FileNotFoundException", "File does not exist: /gone"}) {
		t.Errorf("%v", err)
	}
	if err := stat(clientProtocol, "fly", "/"); !errors.As(err, &x) || x.Class != classNoSuchMethod {
		t.Errorf("%v", err)
	}
	if err := stat("x.Y", "fly", "/"); !errors.As(err, &x) || x.Class != classNoSuchProtocol {
		t.Errorf("%v", err)
	}
	if err := stat(clientProtocol, "getFileInfo", "/"); err != nil {
		t.Errorf("%v", err)
	}
	if err := c.Call(t.Context(), s.Addr().String(), clientProtocol, "getFileInfo", new(statRequest), new(statAnswer)); err == nil || !strings.Contains(err.Error(), "cannot encode") {
		t.Errorf("a request without its required field: %v", err)
	}
	if n := s.Stats().Connections; n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestConnectRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	c := newTestClient(t, ClientConfig{})
	_, err = echo(t.Context(), c, addr, "/")
	if !errors.Is(err, ErrConnect) || errors.Is(err, ErrConnectionLost) {
		t.Errorf("kind of %v", err)
	}
	text := err.Error()
	if !strings.HasPrefix(text, "Call From ") || !strings.HasSuffix(text, " to "+addr+" failed on connection exception: java.net.ConnectException: Connection refused; For more details see:  http://wiki.apache.org/hadoop/ConnectionRefused") {
		t.Errorf("text %q", text)
	}
	for _, bad := range []string{"nn", "", "a:b:c"} {
		if _, err := echo(t.Context(), c, bad, "/"); !errors.Is(err, ErrConnect) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	// It connects as soon as there is a server.
	l, err = net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(ServerConfig{Listener: l, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	s.Register(clientProtocol, methods())
	go s.Serve()
	defer s.Shutdown(context.Background())
	mustEcho(t, c, addr)
}

func TestConnectRetries(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	c := newTestClient(t, ClientConfig{ConnectRetries: 5})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := echo(ctx, c, addr, "/"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	c.Close() // ends the retries
}

func TestConnectionLost(t *testing.T) {
	s := serve(t, ServerConfig{}, nil)
	lost := fake(t, func(_ int, p *peer) { p.skip(2) })
	c := newTestClient(t, ClientConfig{})
	_, err := echo(t.Context(), c, lost, "/")
	if !errors.Is(err, ErrConnectionLost) || errors.Is(err, ErrConnect) || !strings.Contains(err.Error(), "java.io.EOFException") {
		t.Errorf("%v", err)
	}
	// A connection that the server closed while it was idle costs nothing.
	addr := s.Addr().String()
	mustEcho(t, c, addr)
	s.mu.Lock()
	for conn := range s.conns {
		conn.nc.Close()
	}
	s.mu.Unlock()
	eventually(t, "the client notices", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.conns[addr] == nil
	})
	mustEcho(t, c, addr)
}

func TestBadAnswers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer []byte
		says   string
	}{
		{"long", unhex("7fffffff"), "ipc.maximum.response.length"},
		{"negative", unhex("ffffffff"), "ipc.maximum.response.length"},
		{"empty", unhex("00000000"), "cannot decode an answer"},
		{"garbage", frame([]byte{4, 1, 2, 3, 4}), "cannot decode an answer"},
		{"other client", frame(appendResponseHeader(nil, 0, 0, bytes.Repeat([]byte{7}, 16), nil), []byte{0}), "another client"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr := fake(t, func(_ int, p *peer) { p.skip(2); p.write(tc.answer); p.closed() })
			_, err := echo(t.Context(), newTestClient(t, ClientConfig{}), addr, "/")
			if !errors.Is(err, ErrConnectionLost) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("fatal", func(t *testing.T) {
		addr := fake(t, func(_ int, p *peer) {
			p.skip(2)
			p.write(endFrame(appendResponseHeader(beginFrame(nil), idNone, -1, nil, &wireError{statusFatal, detailVersion, classVersionMismatch, "no"}), 0))
			p.closed()
		})
		_, err := echo(t.Context(), newTestClient(t, ClientConfig{}), addr, "/")
		var x *Exception
		if !errors.As(err, &x) || x.Class != classVersionMismatch {
			t.Errorf("%v", err)
		}
	})
	t.Run("no message", func(t *testing.T) {
		addr := fake(t, func(_ int, p *peer) { p.skip(2); p.write(success0[:3], []byte{27}, success0[4:31]); p.closed() })
		_, err := echo(t.Context(), newTestClient(t, ClientConfig{}), addr, "/")
		if err == nil {
			t.Error("no error")
		}
	})
}

func TestGivenUpCallsLeaveTheConnection(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	s := serve(t, ServerConfig{}, map[string]Method{"slow": gated(gate, nil)})
	addr := s.Addr().String()
	c := newTestClient(t, ClientConfig{CallTimeout: 100 * time.Millisecond})
	slow := func(ctx context.Context) error {
		return c.Call(ctx, addr, clientProtocol, "slow", &pathRequest{Path: proto.String("/")}, new(pathAnswer))
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := slow(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	mustEcho(t, c, addr)
	if err := slow(t.Context()); !errors.Is(err, ErrTimeout) {
		t.Errorf("%v", err)
	}
	mustEcho(t, c, addr)
}

func TestSilentServerIsReplaced(t *testing.T) {
	addr := fake(t, func(i int, p *peer) {
		if i == 0 {
			p.closed() // reads all and answers nothing
			return
		}
		p.skip(1)
		io.Copy(io.Discard, p.nc)
	})
	c := newTestClient(t, ClientConfig{CallTimeout: 50 * time.Millisecond})
	if _, err := echo(t.Context(), c, addr, "/"); !errors.Is(err, ErrTimeout) {
		t.Fatalf("%v", err)
	}
	c.mu.Lock()
	old := c.conns[addr]
	c.mu.Unlock()
	if old != nil {
		t.Error("the connection that said nothing is still used")
	}
}

func TestPings(t *testing.T) {
	pinged := make(chan error, 1)
	addr := fake(t, func(_ int, p *peer) {
		pinged <- p.skip(4) // context, call and two pings
		p.write(success0)
	})
	c := newTestClient(t, ClientConfig{PingInterval: 30 * time.Millisecond})
	c.id = testID
	if err := c.Call(t.Context(), addr, clientProtocol, "getFileInfo", &statRequest{Src: proto.String("/a")}, new(statAnswer)); err != nil {
		t.Fatal(err)
	}
	if err := <-pinged; err != nil {
		t.Error(err)
	}
}

func TestIdleClientConnectionCloses(t *testing.T) {
	s := serve(t, ServerConfig{}, nil)
	c := newTestClient(t, ClientConfig{MaxIdle: 50 * time.Millisecond})
	mustEcho(t, c, s.Addr().String())
	eventually(t, "the connection closes", func() bool { return s.Stats().Connections == 0 })
	mustEcho(t, c, s.Addr().String())
}

// TestIdleRace: calls that come just when the connection falls idle are not lost.
func TestIdleRace(t *testing.T) {
	s := serve(t, ServerConfig{}, nil)
	c := newTestClient(t, ClientConfig{MaxIdle: 2 * time.Millisecond})
	for range 200 {
		mustEcho(t, c, s.Addr().String())
		time.Sleep(2 * time.Millisecond)
	}
}

func TestCallIDs(t *testing.T) {
	seen := make(chan Call, 1)
	s := serve(t, ServerConfig{}, map[string]Method{"see": Handle(func(_ context.Context, c *Call, _ *pathRequest) (*pathAnswer, error) {
		seen <- *c
		return nil, &Exception{"a.B", "x"}
	})})
	c := newTestClient(t, ClientConfig{})
	id := c.CallID()
	for retry := range int32(2) {
		c.CallAs(t.Context(), s.Addr().String(), clientProtocol, "see", id, retry, &pathRequest{Path: proto.String("/")}, new(pathAnswer))
		if got := <-seen; got.CallID != id || got.RetryCount != retry || !got.HasClientID || got.ClientID != c.ID() {
			t.Errorf("%+v", got)
		}
	}
	if next := c.CallID(); next == id {
		t.Error("the id came twice")
	}
	c.callID.Store(1<<31 - 2)
	if a, b := c.CallID(), c.CallID(); a != 1<<31-1 || b != 0 {
		t.Errorf("wrap: %d %d", a, b)
	}
}

func TestCloseEndsCalls(t *testing.T) {
	entered := make(chan string, 1)
	gate := make(chan struct{})
	defer close(gate)
	s := serve(t, ServerConfig{}, map[string]Method{"slow": gated(gate, entered)})
	c := newTestClient(t, ClientConfig{})
	done := make(chan error, 1)
	go func() {
		done <- c.Call(t.Context(), s.Addr().String(), clientProtocol, "slow", &pathRequest{Path: proto.String("/")}, new(pathAnswer))
	}()
	<-entered
	c.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, err := echo(t.Context(), c, s.Addr().String(), "/"); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

func BenchmarkCall(b *testing.B) {
	s := serve(b, ServerConfig{}, nil)
	c := newTestClient(b, ClientConfig{})
	addr := s.Addr().String()
	path := "/user/hdfs/file"
	b.ReportAllocs()
	b.SetParallelism(32) // times GOMAXPROCS: 64 callers on two cores
	b.RunParallel(func(pb *testing.PB) {
		req, resp := &statRequest{Src: &path}, new(statAnswer)
		for pb.Next() {
			if err := c.Call(b.Context(), addr, clientProtocol, "getFileInfo", req, resp); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func TestCallEncoded(t *testing.T) {
	s := serve(t, ServerConfig{}, nil)
	c := newTestClient(t, ClientConfig{})
	addr := s.Addr().String()
	for _, size := range []int{0, 3, 300, 100_000} { // lengths of one byte and more
		path := strings.Repeat("x", size)
		q, err := proto.Marshal(&pathRequest{Path: &path})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.CallEncoded(t.Context(), addr, clientProtocol, "getLinkTarget", q, []byte("before"))
		rest, found := bytes.CutPrefix(got, []byte("before"))
		var a pathAnswer
		if err != nil || !found || proto.Unmarshal(rest, &a) != nil || a.GetTargetPath() != path {
			t.Errorf("a path of %d bytes: %d bytes after %q, %v", size, len(a.GetTargetPath()), got[:6], err)
		}
	}
	gone := "/gone"
	q, _ := proto.Marshal(&statRequest{Src: &gone})
	var x *Exception
	if got, err := c.CallEncoded(t.Context(), addr, clientProtocol, "getFileInfo", q, []byte("kept")); !errors.As(err, &x) || string(got) != "kept" {
		t.Errorf("of a file that is gone: %q, %v", got, err)
	}
}

// TestTimersAreUsedAgain: a timer that a call of before has set must not end a later
// one, nor one that is used again fail to.
func TestTimersAreUsedAgain(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, ServerConfig{}, map[string]Method{
		"slow": Handle(func(context.Context, *Call, *pathRequest) (*pathAnswer, error) {
			<-release
			return nil, nil
		}),
	})
	defer close(release)
	c := newTestClient(t, ClientConfig{CallTimeout: 150 * time.Millisecond})
	path := "/x"
	for range 3 {
		for range 4 {
			mustEcho(t, c, s.Addr().String())
			time.Sleep(60 * time.Millisecond)
		}
		err := c.Call(t.Context(), s.Addr().String(), clientProtocol, "slow", &pathRequest{Path: &path}, &pathAnswer{})
		if !errors.Is(err, ErrTimeout) {
			t.Fatalf("a call without an answer: %v", err)
		}
	}
}
