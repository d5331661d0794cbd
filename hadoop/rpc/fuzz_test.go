package rpc

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
)

// body is a worked frame without its length, and first its first message.
func body(frame []byte) []byte { return frame[4:] }

func first(frame []byte) []byte {
	msg, _, err := cutMessage(body(frame))
	if err != nil {
		panic(err)
	}
	return msg
}

// The header decoders must accept and see just what the generated code does.

func FuzzRequestHeader(f *testing.F) {
	for _, b := range [][]byte{context0, call0, ping, saslNeg} {
		f.Add(first(b))
	}
	h := header(5)
	h.CallerContext = &ipcpb.RPCCallerContextProto{Context: proto.String("job")}
	b, err := proto.Marshal(h)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeRequestHeader(b)
		var want ipcpb.RpcRequestHeaderProto
		// traceInfo is not looked into: what is wrong inside it harms nobody.
		wantErr := proto.Unmarshal(b, &want)
		if err != nil {
			if wantErr == nil {
				t.Fatalf("%v, but the generated code takes it as %v", err, &want)
			}
			return
		}
		if wantErr != nil {
			return
		}
		if got.callID != want.GetCallId() || got.retry != want.GetRetryCount() || !bytes.Equal(got.clientID, want.GetClientId()) ||
			string(got.callerContext) != want.GetCallerContext().GetContext() ||
			!sameEnum(got.kind, want.RpcKind, 2) || !sameEnum(got.op, want.RpcOp, 2) {
			t.Fatalf("got %+v\nwant %v", got, &want)
		}
		again, err := decodeRequestHeader(first(append([]byte{0, 0, 0, 0}, appendRequestHeader(nil, got)...)))
		if err != nil || again.callID != got.callID || again.retry != got.retry || !bytes.Equal(again.clientID, got.clientID) || !bytes.Equal(again.callerContext, got.callerContext) {
			t.Fatalf("round trip: %+v, %v", again, err)
		}
	})
}

// sameEnum compares an enum with what the generated code sees. Go keeps values
// that the enum does not have; here as in Java they are as good as missing.
func sameEnum[E ~int32](got int32, want *E, last int32) bool {
	if want == nil {
		return got == missing
	}
	return got == int32(*want) || int32(*want) < 0 || int32(*want) > last
}

func FuzzMethodHeader(f *testing.F) {
	_, rest, _ := cutMessage(body(call0))
	msg, _, _ := cutMessage(rest)
	f.Add(msg)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeMethodHeader(b)
		var want ipcpb.RequestHeaderProto
		wantErr := proto.Unmarshal(b, &want)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got %v, want %v", err, wantErr)
		}
		if err == nil && (string(got.method) != want.GetMethodName() || string(got.protocol) != want.GetDeclaringClassProtocolName() || got.version != want.GetClientProtocolVersion()) {
			t.Fatalf("got %+v\nwant %v", got, &want)
		}
	})
}

func FuzzResponseHeader(f *testing.F) {
	for _, b := range [][]byte{success0, error0, saslOK} {
		f.Add(first(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeResponseHeader(b)
		var want ipcpb.RpcResponseHeaderProto
		wantErr := proto.Unmarshal(b, &want)
		if status := want.GetStatus(); status < 0 || status > statusFatal {
			return // in Go any number is a status
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got %v, want %v", err, wantErr)
		}
		if err == nil && (uint32(got.callID) != want.GetCallId() || got.status != int32(want.GetStatus()) || got.class != want.GetExceptionClassName() ||
			got.text != want.GetErrorMsg() || !bytes.Equal(got.clientID, want.GetClientId()) || got.retry != want.GetRetryCount()) {
			t.Fatalf("got %+v\nwant %v", got, &want)
		}
	})
}

// FuzzFrames: whatever the stream and however it is cut into reads, the frames
// are the same, and none is longer than the cap or than what came.
func FuzzFrames(f *testing.F) {
	f.Add(bytes.Join([][]byte{context0, ping, call0}, nil), uint8(3))
	f.Add(unhex("7fffffff 00"), uint8(1))
	f.Add(unhex("00000000 00000001 ff"), uint8(200))
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		const max = 1 << 10
		read := func(r io.Reader) (frames [][]byte, err error) {
			in := frameReader{r: r, timeout: func() error { return nil }, arrived: func(int) {}}
			defer in.release()
			for {
				b, err := in.next(nil, max)
				if err != nil {
					return frames, err
				}
				if len(b) > max || cap(b) > 2*max+growStep {
					t.Fatalf("a frame of %d bytes in %d", len(b), cap(b))
				}
				frames = append(frames, b)
			}
		}
		a, errA := read(bytes.NewReader(stream))
		b, errB := read(&stepReader{stream, int(step)%32 + 1})
		if len(a) != len(b) || errA.Error() != errB.Error() {
			t.Fatalf("%d frames and %v, or %d and %v", len(a), errA, len(b), errB)
		}
		n := 0
		for i := range a {
			if !bytes.Equal(a[i], b[i]) {
				t.Fatalf("frame %d differs", i)
			}
			n += 4 + len(a[i])
		}
		if n > len(stream) || errors.Is(errA, io.EOF) != (n == len(stream)) {
			t.Fatalf("%d of %d bytes in frames, then %v", n, len(stream), errA)
		}
	})
}

// stepReader returns a few bytes at a time.
type stepReader struct {
	b []byte
	n int
}

func (r *stepReader) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.n)], r.b)
	r.b = r.b[n:]
	return n, nil
}

// memConn is a connection whose peer has said everything already.
type memConn struct {
	in  *bytes.Reader
	mu  sync.Mutex
	out []byte
}

func (c *memConn) Read(p []byte) (int, error) { return c.in.Read(p) }

func (c *memConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out, p...)
	return len(p), nil
}

func (c *memConn) Close() error                     { return nil }
func (c *memConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *memConn) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (c *memConn) SetDeadline(time.Time) error      { return nil }
func (c *memConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }

// FuzzServer: a connection that carries anything at all ends without a panic,
// and everything the server says is a frame with a header, or plain text.
func FuzzServer(f *testing.F) {
	f.Add(bytes.Join([][]byte{hello, context0, ping, call0}, nil))
	f.Add(bytes.Join([][]byte{helloDF, saslNeg, context0, call0, echoFrame(3, "/x")}, nil))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(bytes.Join([][]byte{hello, context0, unhex("7fffffff")}, nil))
	s, err := NewServer(ServerConfig{Addr: "127.0.0.1:0", Logger: quiet, MaxRequest: 1 << 16})
	if err != nil {
		f.Fatal(err)
	}
	s.Register(clientProtocol, methods())
	f.Cleanup(func() { s.listener.Close() })
	f.Fuzz(func(t *testing.T, stream []byte) {
		mem := &memConn{in: bytes.NewReader(stream)}
		done := make(chan struct{})
		go func() { newConn(s, mem).serve(); close(done) }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("the connection does not end")
		}
		mem.mu.Lock()
		said := mem.out
		mem.mu.Unlock()
		if bytes.HasPrefix(stream, []byte("GET ")) || !bytes.HasPrefix(stream, magic) {
			return
		}
		if len(stream) >= preambleSize && stream[4] != ipcVersion {
			return
		}
		for len(said) >= 4 {
			n := int(said[0])<<24 | int(said[1])<<16 | int(said[2])<<8 | int(said[3])
			if n > len(said)-4 {
				t.Fatalf("the server said %x", said)
			}
			msg, _, err := cutMessage(said[4 : 4+n])
			if err == nil {
				_, err = decodeResponseHeader(msg)
			}
			if err != nil {
				t.Fatalf("the server said %x: %v", said, err)
			}
			said = said[4+n:]
		}
	})
}
