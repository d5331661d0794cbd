package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
)

const clientProtocol = "org.apache.hadoop.hdfs.protocol.ClientProtocol"

// testID is the client id 00..0f of the worked examples.
var testID = func() (id [16]byte) {
	for i := range id {
		id[i] = byte(i)
	}
	return id
}()

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func newLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

type (
	statRequest = hdfspb.GetFileInfoRequestProto
	statAnswer  = hdfspb.GetFileInfoResponseProto
	pathRequest = hdfspb.GetLinkTargetRequestProto
	pathAnswer  = hdfspb.GetLinkTargetResponseProto
)

// methods are what the test server serves besides those of the test:
// getFileInfo knows no file but fails for /a, getLinkTarget is an echo.
func methods() map[string]Method {
	return map[string]Method{
		"getFileInfo": Handle(func(_ context.Context, c *Call, q *statRequest) (*statAnswer, error) {
			if q.GetSrc() == "/gone" {
				return nil, &Exception{"java.io.FileNotFoundException", "File does not exist: /gone"}
			}
			return nil, nil
		}),
		"getLinkTarget": Handle(func(_ context.Context, c *Call, q *pathRequest) (*pathAnswer, error) {
			return &pathAnswer{TargetPath: q.Path}, nil
		}),
	}
}

// serve starts a server with methods() and more.
func serve(t testing.TB, cfg ServerConfig, more map[string]Method) *Server {
	t.Helper()
	cfg.Addr = "127.0.0.1:0"
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Register(clientProtocol, methods())
	s.Register(clientProtocol, more)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

func newTestClient(t testing.TB, cfg ClientConfig) *Client {
	if cfg.User == "" {
		cfg.User = "hdfs"
	}
	cfg.Logger = quiet
	c := NewClient(cfg)
	t.Cleanup(func() { c.Close() })
	return c
}

func echo(ctx context.Context, c *Client, addr, text string) (string, error) {
	var a pathAnswer
	err := c.Call(ctx, addr, clientProtocol, "getLinkTarget", &pathRequest{Path: &text}, &a)
	return a.GetTargetPath(), err
}

func mustEcho(t testing.TB, c *Client, addr string) {
	t.Helper()
	if got, err := echo(t.Context(), c, addr, "/x"); err != nil || got != "/x" {
		t.Fatalf("echo: %q, %v", got, err)
	}
}

// peer is a raw connection to a server.
type peer struct {
	t  testing.TB
	nc net.Conn
}

func dialPeer(t testing.TB, s *Server) *peer {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	return &peer{t, nc}
}

func (p *peer) write(b ...[]byte) {
	p.t.Helper()
	if _, err := p.nc.Write(bytes.Join(b, nil)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) expect(want []byte) {
	p.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(p.nc, got)
	if err != nil || !bytes.Equal(got, want) {
		p.t.Fatalf("got  %x (%v)\nwant %x", got[:n], err, want)
	}
}

// answer reads one frame.
func (p *peer) answer() (*ipcpb.RpcResponseHeaderProto, []byte) {
	p.t.Helper()
	var size [4]byte
	if _, err := io.ReadFull(p.nc, size[:]); err != nil {
		p.t.Fatalf("no answer: %v", err)
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(p.nc, b); err != nil {
		p.t.Fatal(err)
	}
	msg, body, err := cutMessage(b)
	if err != nil {
		p.t.Fatal(err)
	}
	var h ipcpb.RpcResponseHeaderProto
	if err := proto.Unmarshal(msg, &h); err != nil {
		p.t.Fatal(err)
	}
	return &h, body
}

// closed waits for the end of the connection.
func (p *peer) closed() {
	p.t.Helper()
	n, err := io.Copy(io.Discard, p.nc)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		p.t.Fatalf("the connection is still open after %d bytes", n)
	}
}

// fails reads an answer that must be an error and then the end if it is FATAL.
func (p *peer) fails(status ipcpb.RpcResponseHeaderProto_RpcStatusProto, detail ipcpb.RpcResponseHeaderProto_RpcErrorCodeProto, class, text string) {
	p.t.Helper()
	h, body := p.answer()
	if h.GetStatus() != status || h.GetErrorDetail() != detail || h.GetExceptionClassName() != class || !strings.Contains(h.GetErrorMsg(), text) {
		p.t.Fatalf("got %v %v %s %q\nwant %v %v %s %q", h.GetStatus(), h.GetErrorDetail(), h.GetExceptionClassName(), h.GetErrorMsg(), status, detail, class, text)
	}
	if len(body) > 0 {
		p.t.Fatalf("%d bytes follow an error", len(body))
	}
	if status == statusFatal {
		p.closed()
	}
}

// unhex is for the worked examples: spaces and | are for the reader.
func unhex(parts ...any) (b []byte) {
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			x, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "").Replace(p))
			if err != nil {
				panic(err)
			}
			b = append(b, x...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

// The worked bytes: client id 00..0f, user hdfs.
var (
	idBytes  = testID[:]
	hello    = unhex("68 72 70 63 09 00 00")
	helloDF  = unhex("68 72 70 63 09 00 DF")
	context0 = unhex("00 00 00 54 | 1a  08 02 10 00 18 05 22 10", idBytes, "28 01 | 38  12 06 0a 04", []byte("hdfs"), "1a 2e", []byte(clientProtocol))
	call0    = unhex("00 00 00 60 | 1a  08 02 10 00 18 00 22 10", idBytes, "28 00 | 3f  0a 0b", []byte("getFileInfo"), "12 2e", []byte(clientProtocol), "18 01 | 04  0a 02", []byte("/a"))
	success0 = unhex("00 00 00 1c | 1a  08 00 10 00 18 09 3a 10", idBytes, "40 00 | 00")
	error0   = unhex("00 00 00 55 | 54  08 00 10 01 18 09 22 1d", []byte("java.io.FileNotFoundException"), "2a 17", []byte("File does not exist: /a"), "30 01 3a 10", idBytes, "40 00")
	ping     = unhex("00 00 00 1b | 1a  08 02 10 00 18 07 22 10", idBytes, "28 01")
	saslNeg  = unhex("00 00 00 0e | 0a  08 02 10 00 18 41 22 00 28 01 | 02  10 01")
	saslOK   = unhex("00 00 00 12 | 0e  08 df ff ff ff 0f 10 00 18 09 3a 00 40 01 | 02  10 00")
)

// frame puts a length in front.
func frame(parts ...[]byte) []byte {
	b := bytes.Join(parts, nil)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// delimited encodes a message behind its length.
func delimited(m proto.Message) []byte {
	b, err := appendMessage(nil, m)
	if err != nil {
		panic(err)
	}
	return b
}

func header(callID int32) *ipcpb.RpcRequestHeaderProto {
	return &ipcpb.RpcRequestHeaderProto{
		RpcKind: ipcpb.RpcKindProto_RPC_PROTOCOL_BUFFER.Enum(), RpcOp: ipcpb.RpcRequestHeaderProto_RPC_FINAL_PACKET.Enum(),
		CallId: &callID, ClientId: idBytes, RetryCount: proto.Int32(0),
	}
}

func callFrame(callID int32, protocol, method string, version uint64, request []byte) []byte {
	m := &ipcpb.RequestHeaderProto{MethodName: &method, DeclaringClassProtocolName: &protocol, ClientProtocolVersion: &version}
	return frame(delimited(header(callID)), delimited(m), request)
}

func echoFrame(callID int32, text string) []byte {
	return callFrame(callID, clientProtocol, "getLinkTarget", 1, delimited(&pathRequest{Path: &text}))
}
