package rpc

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
)

func TestGoldenConversation(t *testing.T) {
	missing := map[string]Method{"getFileInfo": Handle(func(_ context.Context, c *Call, q *statRequest) (*statAnswer, error) {
		want := Call{Protocol: clientProtocol, Method: "getFileInfo", ClientID: testID, HasClientID: true, User: "hdfs", RemoteIP: "127.0.0.1", RemotePort: c.RemotePort}
		if *c != want || c.RemotePort == 0 {
			t.Errorf("call is %+v", *c)
		}
		if q.GetSrc() != "/a" {
			t.Errorf("path is %q", q.GetSrc())
		}
		return nil, &Exception{"java.io.FileNotFoundException", "File does not exist: /a"}
	})}
	for _, tc := range []struct {
		name   string
		hello  []byte
		more   map[string]Method
		answer []byte
	}{
		{"success", hello, nil, success0},
		{"error", hello, missing, error0},
		{"sasl", helloDF, nil, success0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := dialPeer(t, serve(t, ServerConfig{}, tc.more))
			p.write(tc.hello)
			if bytes.Equal(tc.hello, helloDF) {
				p.write(saslNeg)
				p.expect(saslOK)
			}
			p.write(context0, ping, call0)
			p.expect(tc.answer)
			for _, b := range append(call0, ping...) { // split anywhere
				p.write([]byte{b})
			}
			p.expect(tc.answer)
		})
	}
}

func TestSaslInitiateSimple(t *testing.T) {
	s := serve(t, ServerConfig{}, nil)
	initiate := func(method string) []byte {
		h := header(idSasl)
		h.ClientId, h.RetryCount = []byte{}, nil
		return frame(delimited(h), delimited(&ipcpb.RpcSaslProto{State: ipcpb.RpcSaslProto_INITIATE.Enum(),
			Auths: []*ipcpb.RpcSaslProto_SaslAuth{{Method: &method, Mechanism: proto.String("")}}}))
	}
	p := dialPeer(t, s)
	p.write(helloDF, initiate("SIMPLE"), context0, call0)
	p.expect(success0)
	p = dialPeer(t, s)
	p.write(helloDF, initiate("TOKEN"))
	p.fails(statusFatal, detailUnauthorized, classAccessControl, "TOKEN authentication is not enabled.  Available:[SIMPLE]")
}

func TestBadStarts(t *testing.T) {
	s := serve(t, ServerConfig{MaxRequest: 1 << 20}, nil)
	h := func(change func(h *ipcpb.RpcRequestHeaderProto)) []byte {
		h := header(3)
		change(h)
		return frame(delimited(h), []byte{0}, []byte{0})
	}
	for _, tc := range []struct {
		name   string
		send   [][]byte
		status ipcpb.RpcResponseHeaderProto_RpcStatusProto
		detail ipcpb.RpcResponseHeaderProto_RpcErrorCodeProto
		class  string
		text   string
	}{
		{"version 10", [][]byte{[]byte("hrpc\x0a\x00\x00")}, statusFatal, detailVersion, classVersionMismatch, "Server IPC version 9 cannot communicate with client version 10"},
		{"unknown auth", [][]byte{[]byte("hrpc\x09\x00\x11")}, statusFatal, detailUnauthorized, classIPC, "Unknown auth protocol:17"},
		{"random bytes", [][]byte{bytes.Repeat([]byte("\x7f\x31"), 100000)}, statusFatal, detailVersion, classVersionMismatch, "client version 127"},
		{"call before context", [][]byte{hello, call0}, statusFatal, detailInvalidHeader, classFatal, "Connection context not established"},
		{"second context", [][]byte{hello, context0, context0}, statusFatal, detailInvalidHeader, classFatal, "Connection context already processed"},
		{"context while negotiating", [][]byte{helloDF, context0}, statusFatal, detailInvalidHeader, classFatal, "during SASL negotiation"},
		{"sasl on simple", [][]byte{hello, saslNeg}, statusFatal, detailInvalidHeader, classFatal, "SASL protocol not requested"},
		{"2 GB frame", [][]byte{hello, context0, unhex("7fffffff")}, statusFatal, detailInvalidHeader, classIO, "Requested data length 2147483647 is longer than maximum configured RPC length 1048576.  RPC came from 127.0.0.1"},
		{"negative frame", [][]byte{hello, unhex("80000000")}, statusFatal, detailInvalidHeader, classIO, "Unexpected data length -2147483648!! from 127.0.0.1"},
		{"empty frame", [][]byte{hello, unhex("00000000")}, statusFatal, detailDeserializing, classFatal, "Error decoding RpcRequestHeaderProto"},
		{"garbage header", [][]byte{hello, frame([]byte{5, 1, 2, 3, 4, 5})}, statusFatal, detailDeserializing, classFatal, "Error decoding RpcRequestHeaderProto"},
		{"no op", [][]byte{hello, context0, h(func(h *ipcpb.RpcRequestHeaderProto) { h.RpcOp = nil })}, statusFatal, detailInvalidHeader, classFatal, "No rpc op"},
		{"other op", [][]byte{hello, context0, h(func(h *ipcpb.RpcRequestHeaderProto) {
			h.RpcOp = ipcpb.RpcRequestHeaderProto_RPC_CLOSE_CONNECTION.Enum()
		})}, statusFatal, detailInvalidHeader, classFatal, "does not implement"},
		{"no kind", [][]byte{hello, context0, h(func(h *ipcpb.RpcRequestHeaderProto) { h.RpcKind = nil })}, statusFatal, detailInvalidHeader, classFatal, "No rpc kind"},
		{"writable", [][]byte{hello, context0, h(func(h *ipcpb.RpcRequestHeaderProto) { h.RpcKind = ipcpb.RpcKindProto_RPC_WRITABLE.Enum() })}, statusFatal, detailInvalidHeader, classFatal, "Unknown rpc kind"},
		{"out of band", [][]byte{hello, context0, h(func(h *ipcpb.RpcRequestHeaderProto) { h.CallId = proto.Int32(-7) })}, statusFatal, detailInvalidHeader, classFatal, "Unknown out of band call #-7"},
		{"garbage context", [][]byte{hello, frame(delimited(header(idContext)), []byte{3, 1, 2, 3})}, statusFatal, detailDeserializing, classFatal, "Error decoding IpcConnectionContextProto"},
		{"no user", [][]byte{hello, frame(delimited(header(idContext)), []byte{0})}, statusFatal, detailUnauthorized, classAccessControl, "names no user"},
		{"no protocol", [][]byte{hello, context0, callFrame(3, "a.b.C", "m", 1, []byte{0})}, statusError, detailNoSuchProtocol, classNoSuchProtocol, "Unknown protocol: a.b.C"},
		{"no method", [][]byte{hello, context0, callFrame(3, clientProtocol, "fly", 1, []byte{0})}, statusError, detailNoSuchMethod, classNoSuchMethod, "Unknown method fly called on " + clientProtocol + " protocol."},
		{"protocol version", [][]byte{hello, context0, callFrame(3, clientProtocol, "getFileInfo", 2, []byte{0})}, statusError, detailProtocolVersion, classVersionMismatch, "(client = 2, server = 1)"},
		{"required field", [][]byte{hello, context0, callFrame(3, clientProtocol, "getFileInfo", 1, []byte{0})}, statusError, detailApplication, classInvalidProtobuf, "src"},
		{"no request", [][]byte{hello, context0, callFrame(3, clientProtocol, "getFileInfo", 1, nil)}, statusError, detailApplication, classInvalidProtobuf, "Error decoding"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bystander := dialPeer(t, s)
			bystander.write(hello, context0)
			p := dialPeer(t, s)
			p.write(tc.send...)
			p.fails(tc.status, tc.detail, tc.class, tc.text)
			if tc.status == statusError { // the connection lives
				p.write(call0)
				p.expect(success0)
			}
			bystander.write(call0)
			bystander.expect(success0)
		})
	}
}

func TestOldVersion(t *testing.T) {
	p := dialPeer(t, serve(t, ServerConfig{}, nil))
	p.write([]byte("hrpc\x04\x50\x00"))
	text := "Server IPC version 9 cannot communicate with client version 4"
	p.expect(bytes.Join([][]byte{unhex("ffffffff ffffffff"), frame([]byte(classVersionMismatch)), frame([]byte(text))}, nil))
	p.closed()
}

func TestHTTPProbe(t *testing.T) {
	p := dialPeer(t, serve(t, ServerConfig{}, nil))
	p.write([]byte("GET / HTTP/1.1\r\nHost: nn:8020\r\n\r\n"))
	p.expect([]byte(httpAnswer))
	p.closed()
}

func TestMetaProtocol(t *testing.T) {
	s := serve(t, ServerConfig{}, nil)
	c := newTestClient(t, ClientConfig{})
	addr := s.Addr().String()
	var v ipcpb.GetProtocolVersionsResponseProto
	if err := c.Call(t.Context(), addr, metaProtocol, "getProtocolVersions", &ipcpb.GetProtocolVersionsRequestProto{Protocol: proto.String(clientProtocol)}, &v); err != nil {
		t.Fatal(err)
	}
	if vs := v.GetProtocolVersions(); len(vs) != 1 || vs[0].GetRpcKind() != kindName || len(vs[0].GetVersions()) != 1 || vs[0].GetVersions()[0] != 1 {
		t.Errorf("versions: %v", vs)
	}
	var sig ipcpb.GetProtocolSignatureResponseProto
	if err := c.Call(t.Context(), addr, metaProtocol, "getProtocolSignature", &ipcpb.GetProtocolSignatureRequestProto{Protocol: proto.String(clientProtocol), RpcKind: proto.String(kindName)}, &sig); err != nil {
		t.Fatal(err)
	}
	if len(sig.GetProtocolSignature()) != 1 || sig.GetProtocolSignature()[0].GetVersion() != 1 {
		t.Errorf("signature: %v", &sig)
	}
	err := c.Call(t.Context(), addr, metaProtocol, "getProtocolVersions", &ipcpb.GetProtocolVersionsRequestProto{Protocol: proto.String("x.Y")}, &v)
	var x *Exception
	if !errors.As(err, &x) || x.Class != classNotFound {
		t.Errorf("unknown protocol: %v", err)
	}
}

// TestClientBytes: the client says byte for byte what the examples say.
func TestClientBytes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := newTestClient(t, ClientConfig{})
	c.id = testID
	done := make(chan error, 1)
	go func() {
		done <- c.Call(t.Context(), l.Addr().String(), clientProtocol, "getFileInfo", &statRequest{Src: proto.String("/a")}, new(statAnswer))
	}()
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t, nc}
	p.expect(bytes.Join([][]byte{hello, context0, call0}, nil))
	p.write(error0)
	var x *Exception
	if err := <-done; !errors.As(err, &x) || x.Class != "java.io.FileNotFoundException" || err.Error() != "File does not exist: /a" {
		t.Errorf("got %v", err)
	}
}
