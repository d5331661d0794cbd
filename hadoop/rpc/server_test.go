package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
)

// gated is a method that waits until its gate is closed or its context ends.
func gated(gate <-chan struct{}, entered chan<- string) Method {
	return Handle(func(ctx context.Context, _ *Call, q *pathRequest) (*pathAnswer, error) {
		if entered != nil {
			entered <- q.GetPath()
		}
		select {
		case <-gate:
			return &pathAnswer{TargetPath: q.Path}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func named(name string, callID int32, path string) []byte {
	return callFrame(callID, clientProtocol, name, 1, delimited(&pathRequest{Path: &path}))
}

func TestAnswersOutOfOrder(t *testing.T) {
	gate := make(chan struct{})
	s := serve(t, ServerConfig{}, map[string]Method{"slow": gated(gate, nil)})
	p := dialPeer(t, s)
	p.write(hello, context0, named("slow", 1, "/slow"), echoFrame(2, "/fast"))
	if h, _ := p.answer(); h.GetCallId() != 2 {
		t.Fatalf("first answer is to call %d", h.GetCallId())
	}
	close(gate)
	if h, _ := p.answer(); h.GetCallId() != 1 || h.GetStatus() != statusSuccess {
		t.Fatalf("second answer: %v", h)
	}
}

func TestManyCallsOnOneConnection(t *testing.T) {
	var calls atomic.Int64
	s := serve(t, ServerConfig{Observe: func(c *Call, d time.Duration, err error) {
		if c.Method == "getLinkTarget" && err == nil && d >= 0 {
			calls.Add(1)
		}
	}}, nil)
	c := newTestClient(t, ClientConfig{})
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			for k := range 20 {
				text := fmt.Sprintf("/%d/%d/%s", i, k, strings.Repeat("x", i*k))
				if got, err := echo(t.Context(), c, s.Addr().String(), text); err != nil || got != text {
					t.Errorf("%d.%d: %d bytes, %v", i, k, len(got), err)
					return
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "all answers are accounted for", func() bool { return s.Stats().QueuedBytes == 0 })
	st := s.Stats()
	if st.Connections != 1 || calls.Load() != 4000 || st.SentBytes == 0 || st.ReceivedBytes == 0 {
		t.Errorf("%d calls, %+v", calls.Load(), st)
	}
}

func TestTooBusy(t *testing.T) {
	gate, entered := make(chan struct{}), make(chan string, 1)
	s := serve(t, ServerConfig{Handlers: 1, QueueWait: 30 * time.Millisecond}, map[string]Method{"slow": gated(gate, entered)})
	p := dialPeer(t, s)
	p.write(hello, context0, named("slow", 1, "/slow"))
	<-entered
	p.write(echoFrame(2, "/x"))
	p.fails(statusError, detailApplication, classRetriable, "Server too busy")
	close(gate)
	if h, _ := p.answer(); h.GetCallId() != 1 {
		t.Fatalf("answer to call %d", h.GetCallId())
	}
	p.write(call0)
	p.expect(success0)
	if st := s.Stats(); st.Busy != 1 || st.Waited < 30*time.Millisecond {
		t.Errorf("%+v", s.Stats())
	}
}

func TestPanicHarmsOneCall(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, ServerConfig{Logger: newLogger(&log)}, map[string]Method{
		"panic": Handle(func(context.Context, *Call, *pathRequest) (*pathAnswer, error) { panic("boom") }),
	})
	p := dialPeer(t, s)
	p.write(hello, context0, named("panic", 1, "/"))
	p.fails(statusError, detailApplication, classRuntime, "Internal error in panic: boom")
	p.write(call0)
	p.expect(success0)
	if text := log.String(); !strings.Contains(text, "boom") || !strings.Contains(text, "server_test.go") {
		t.Errorf("no stack in the log: %s", text)
	}
}

func TestErrorsOfHandlers(t *testing.T) {
	s := serve(t, ServerConfig{MaxResponse: 1000}, map[string]Method{
		"plain": Handle(func(context.Context, *Call, *pathRequest) (*pathAnswer, error) { return nil, errors.New("disk full") }),
		"wrapped": Handle(func(context.Context, *Call, *pathRequest) (*pathAnswer, error) {
			return nil, fmt.Errorf("op: %w", &Exception{"a.B$C", "text\nstack"})
		}),
		"invalid": Handle(func(context.Context, *Call, *pathRequest) (*ipcpb.RPCCallerContextProto, error) {
			return &ipcpb.RPCCallerContextProto{}, nil // required field
		}),
		"large": Handle(func(context.Context, *Call, *pathRequest) (*pathAnswer, error) {
			return &pathAnswer{TargetPath: proto.String(strings.Repeat("x", 1000))}, nil
		}),
	})
	p := dialPeer(t, s)
	p.write(hello, context0)
	for _, tc := range []struct {
		name   string
		detail ipcpb.RpcResponseHeaderProto_RpcErrorCodeProto
		class  string
		text   string
	}{
		{"plain", detailApplication, classIO, "disk full"},
		{"wrapped", detailApplication, "a.B$C", "text\nstack"},
		{"invalid", detailSerializingResponse, classIO, "cannot encode"},
		{"large", detailSerializingResponse, classIO, "the most is 1000"},
	} {
		p.write(named(tc.name, 1, "/"))
		p.fails(statusError, tc.detail, tc.class, tc.text)
	}
}

func TestProxyUsers(t *testing.T) {
	seen := make(chan Call, 1)
	s := serve(t, ServerConfig{Authorize: func(c *Call) error {
		switch c.RealUser {
		case "":
			return nil
		case "hive":
			seen <- *c
			return nil
		}
		return fmt.Errorf("User: %s is not allowed to impersonate %s", c.RealUser, c.User)
	}}, map[string]Method{"who": Handle(func(_ context.Context, c *Call, _ *pathRequest) (*pathAnswer, error) {
		return &pathAnswer{TargetPath: proto.String(c.RealUser + " as " + c.User + " " + c.CallerContext)}, nil
	})})
	who := func(s *Server, cfg ClientConfig) (string, error) {
		var a pathAnswer
		err := newTestClient(t, cfg).Call(t.Context(), s.Addr().String(), clientProtocol, "who", &pathRequest{Path: proto.String("/")}, &a)
		return a.GetTargetPath(), err
	}
	if got, err := who(s, ClientConfig{User: "ann", RealUser: "hive", CallerContext: "job 7"}); err != nil || got != "hive as ann job 7" {
		t.Errorf("%q, %v", got, err)
	}
	if c := <-seen; c.Protocol != clientProtocol || c.RemoteIP != "127.0.0.1" || c.User != "ann" {
		t.Errorf("asked about %+v", c)
	}
	refused := func(s *Server) {
		_, err := who(s, ClientConfig{User: "ann", RealUser: "eve"})
		var x *Exception
		if !errors.As(err, &x) || x.Class != classAuthorization || x.Message != "User: eve is not allowed to impersonate ann" {
			t.Errorf("%v", err)
		}
	}
	refused(s)
	refused(serve(t, ServerConfig{}, nil)) // no hook, no proxies
}

func TestLongFrameIsNotAllocatedAtOnce(t *testing.T) {
	s := serve(t, ServerConfig{}, nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 50 { // 50 x 128 MiB announced, 100 KB sent
		p := dialPeer(t, s)
		p.write(hello, context0, binary.BigEndian.AppendUint32(nil, 128<<20), make([]byte, 100<<10))
	}
	eventually(t, "all bytes arrive", func() bool { return s.Stats().ReceivedBytes > 50*100<<10 })
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("%d MiB were allocated", grown>>20)
	}
}

func TestLongRequestAndAnswer(t *testing.T) {
	s := serve(t, ServerConfig{}, nil)
	c := newTestClient(t, ClientConfig{})
	text := strings.Repeat("0123456789abcdef", 1<<20) // 16 MiB
	if got, err := echo(t.Context(), c, s.Addr().String(), text); err != nil || got != text {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func TestClientThatNeverReads(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	blob := map[string]Method{"blob": Handle(func(context.Context, *Call, *pathRequest) (*pathAnswer, error) {
		return &pathAnswer{TargetPath: &big}, nil
	})}
	s := serve(t, ServerConfig{MaxQueued: 64 << 20, WriteTimeout: 300 * time.Millisecond, Handlers: 4}, blob)
	p := dialPeer(t, s)
	p.write(hello, context0)
	var sent int
	p.nc.SetWriteDeadline(time.Now().Add(15 * time.Second))
	for i := range int32(100000) {
		if _, err := p.nc.Write(named("blob", i, "/")); err != nil {
			break
		}
		sent++
		if i%100 == 0 {
			if q := s.Stats().QueuedBytes; q > 16<<20 {
				t.Fatalf("%d MiB are queued", q>>20)
			}
		}
	}
	if sent == 100000 {
		t.Fatal("the server took 100,000 requests without an answer read")
	}
	eventually(t, "the connection is cut off", func() bool { return s.Stats().Connections == 0 })
	if q := s.Stats().QueuedBytes; q != 0 {
		t.Errorf("%d bytes are still queued", q)
	}
	mustEcho(t, newTestClient(t, ClientConfig{}), s.Addr().String())
}

func TestSlowReaderIsNotCutOff(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	blob := map[string]Method{"blob": Handle(func(context.Context, *Call, *pathRequest) (*pathAnswer, error) {
		return &pathAnswer{TargetPath: &big}, nil
	})}
	s := serve(t, ServerConfig{WriteTimeout: 500 * time.Millisecond, MaxQueued: 64 << 20}, blob)
	p := dialPeer(t, s)
	p.write(hello, context0)
	for i := range int32(40) {
		p.write(named("blob", i, "/"))
	}
	for range 40 {
		time.Sleep(30 * time.Millisecond)
		if h, body := p.answer(); h.GetStatus() != statusSuccess || len(body) < 1<<20 {
			t.Fatalf("%v with %d bytes", h, len(body))
		}
	}
}

func TestIdleConnections(t *testing.T) {
	gate, entered := make(chan struct{}), make(chan string, 1)
	s := serve(t, ServerConfig{IdleTimeout: 200 * time.Millisecond}, map[string]Method{"slow": gated(gate, entered)})
	idle, half, fresh, busy := dialPeer(t, s), dialPeer(t, s), dialPeer(t, s), dialPeer(t, s)
	busy.write(hello, context0, named("slow", 1, "/"))
	<-entered
	idle.write(hello, context0, call0)
	idle.expect(success0)
	half.write(hello, context0, call0[:10])
	for _, p := range []*peer{idle, half, fresh} {
		p.closed()
	}
	time.Sleep(300 * time.Millisecond) // twice the timeout for the one with a call
	close(gate)
	if h, _ := busy.answer(); h.GetStatus() != statusSuccess {
		t.Errorf("%v", h)
	}
	busy.closed()
}

func TestThousandsOfIdleConnections(t *testing.T) {
	const n = 3000
	s := serve(t, ServerConfig{}, nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = dialPeer(t, s)
		peers[i].write(hello, context0, call0)
		peers[i].expect(success0)
	}
	eventually(t, "the read buffers are given back", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.conns {
			if c.in.holds.Load() {
				return false
			}
		}
		return true
	})
	runtime.GC()
	runtime.GC() // sync.Pool keeps its contents for one
	runtime.ReadMemStats(&after)
	perConn := (int64(after.HeapInuse+after.StackInuse) - int64(before.HeapInuse+before.StackInuse)) / n
	t.Logf("%d bytes a connection, both ends and the test's own", perConn)
	if perConn > 16<<10 {
		t.Errorf("%d bytes a connection", perConn)
	}
	for _, i := range []int{0, n / 2, n - 1} { // they still work
		peers[i].write(call0)
		peers[i].expect(success0)
	}
}

func TestMaxConnections(t *testing.T) {
	s := serve(t, ServerConfig{MaxConnections: 2}, nil)
	a, b := dialPeer(t, s), dialPeer(t, s)
	for _, p := range []*peer{a, b} {
		p.write(hello, context0, call0)
		p.expect(success0)
	}
	dialPeer(t, s).closed()
	a.nc.Close()
	eventually(t, "the place is free", func() bool { return s.Stats().Connections == 1 })
	c := dialPeer(t, s)
	c.write(hello, context0, call0)
	c.expect(success0)
}

func TestShutdownFinishesCalls(t *testing.T) {
	gate, entered := make(chan struct{}), make(chan string, 1)
	s := serve(t, ServerConfig{}, map[string]Method{"slow": gated(gate, entered)})
	p, idle := dialPeer(t, s), dialPeer(t, s)
	idle.write(hello, context0)
	p.write(hello, context0, named("slow", 7, "/last"))
	<-entered
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(t.Context()) }()
	idle.closed()
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("it still accepts")
	}
	select {
	case err := <-done:
		t.Fatalf("Shutdown did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(gate)
	if h, body := p.answer(); h.GetCallId() != 7 || h.GetStatus() != statusSuccess || !bytes.Contains(body, []byte("/last")) {
		t.Errorf("%v %q", h, body)
	}
	p.closed()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestShutdownRunsOutOfTime(t *testing.T) {
	entered := make(chan string, 1)
	s := serve(t, ServerConfig{}, map[string]Method{"slow": gated(nil, entered)})
	p := dialPeer(t, s)
	p.write(hello, context0, named("slow", 7, "/"))
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	p.closed()
}

func TestListenError(t *testing.T) {
	s := serve(t, ServerConfig{}, nil)
	if _, err := NewServer(ServerConfig{Addr: s.Addr().String()}); err == nil || !strings.Contains(err.Error(), "cannot listen on "+s.Addr().String()) {
		t.Errorf("%v", err)
	}
}

// TestRandomTraffic: whatever some peers send, another is served.
func TestRandomTraffic(t *testing.T) {
	s := serve(t, ServerConfig{MaxRequest: 1 << 16}, nil)
	c := newTestClient(t, ClientConfig{})
	good := bytes.Join([][]byte{hello, context0, ping, call0, echoFrame(9, "/x")}, nil)
	seed := uint32(12345)
	for range 300 {
		b := bytes.Clone(good)
		for range 1 + seed%4 {
			seed = seed*1664525 + 1013904223
			b[int(seed>>8)%len(b)] = byte(seed >> 24)
		}
		nc, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		nc.Write(b) // the server may have closed already
		nc.(*net.TCPConn).CloseWrite()
		nc.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, nc); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("no end after %x", b)
		}
		nc.Close()
	}
	mustEcho(t, c, s.Addr().String())
}

// TestProtocolOfAnotherConnection: the right to one protocol is no right to others.
func TestProtocolOfAnotherConnection(t *testing.T) {
	asked := 0
	s, err := NewServer(ServerConfig{Addr: "127.0.0.1:0", Logger: quiet, Authorize: func(c *Call) error {
		if asked++; c.Protocol == "org.example.Shut" {
			return errors.New("shut")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{clientProtocol, "org.example.Open", "org.example.Shut"} {
		s.Register(protocol, methods())
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	p := dialPeer(t, s)
	request, err := appendMessage(nil, &pathRequest{Path: proto.String("/")})
	if err != nil {
		t.Fatal(err)
	}
	p.write(hello, context0)
	for range 2 {
		p.write(callFrame(3, "org.example.Shut", "getLinkTarget", 1, request))
		p.fails(statusError, detailUnauthorized, classAuthorization, "shut")
	}
	for range 3 {
		for _, protocol := range []string{clientProtocol, "org.example.Open"} {
			p.write(callFrame(3, protocol, "getLinkTarget", 1, request))
			if h, _ := p.answer(); h.GetStatus() != statusSuccess {
				t.Fatalf("answer %v", h)
			}
		}
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil || asked != 4 {
		t.Errorf("asked %d times, want once for each protocol and twice for the one that is shut (%v)", asked, err)
	}
}
