package limits

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/testkit/cluster"
)

// preamble opens a connection of Hadoop's IPC version 9 without authentication.
var preamble = []byte{'h', 'r', 'p', 'c', 9, 0, 0}

func dial(t *testing.T, c *cluster.Cluster) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", c.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// frame is a length and some messages, each behind its own length.
func frame(t *testing.T, messages ...proto.Message) []byte {
	t.Helper()
	var body bytes.Buffer
	for _, m := range messages {
		if _, err := protodelim.MarshalTo(&body, m); err != nil {
			t.Fatal(err)
		}
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(body.Len())), body.Bytes()...)
}

func header(callID int32) *ipcpb.RpcRequestHeaderProto {
	return &ipcpb.RpcRequestHeaderProto{
		RpcKind: ipcpb.RpcKindProto_RPC_PROTOCOL_BUFFER.Enum(), RpcOp: ipcpb.RpcRequestHeaderProto_RPC_FINAL_PACKET.Enum(),
		CallId: &callID, ClientId: []byte("0123456789abcdef"), RetryCount: proto.Int32(0),
	}
}

func connection(t *testing.T) []byte {
	t.Helper()
	return frame(t, header(-3), &ipcpb.IpcConnectionContextProto{
		UserInfo: &ipcpb.UserInformationProto{EffectiveUser: proto.String("root")}, Protocol: proto.String(cluster.ClientProtocol),
	})
}

// stillServes wants an ordinary call answered soon and the memory within bounds.
func stillServes(t *testing.T, c *cluster.Cluster, when string) {
	t.Helper()
	client := rpc.NewClient(rpc.ClientConfig{})
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	req := &hdfspb.GetFileInfoRequestProto{Src: proto.String("/")}
	if err := client.Call(ctx, c.Address, cluster.ClientProtocol, "getFileInfo", req, &hdfspb.GetFileInfoResponseProto{}); err != nil {
		t.Fatalf("%s: another client gets no answer: %v\n%s", when, err, c.NameNode().Tail())
	}
	if rss, err := c.NameNode().RSS(); err != nil || rss > 512<<20 {
		t.Errorf("%s: the NameNode uses %d MB (%v)", when, rss>>20, err)
	}
}

// closed wants the server to end the connection, with or without a last word.
func closed(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, io.LimitReader(conn, 1<<20))
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection is still open after 10 s (%d bytes came)", n)
	}
}

func TestHostileFrames(t *testing.T) {
	c := cluster.Start(t, cluster.Options{})
	send := func(data ...[]byte) {
		t.Helper()
		conn := dial(t, c)
		for _, d := range data {
			if _, err := conn.Write(d); err != nil {
				return // ended by the server already
			}
		}
		closed(t, conn)
	}
	send(preamble, []byte{0x7f, 0xff, 0xff, 0xff}, make([]byte, 1<<16))
	send(preamble, []byte{0xff, 0xff, 0xff, 0xff})
	send(preamble, connection(t), []byte{0x7f, 0xff, 0xff, 0xff}, make([]byte, 1<<16))
	send([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	send([]byte("hrpc\x63\x00\x00"))
	random := rand.NewChaCha8([32]byte{7})
	for range 50 {
		junk := make([]byte, 1000)
		random.Read(junk)
		junk[0] = 0xff // not the beginning of anything
		send(junk)
		binary.BigEndian.PutUint32(junk, uint32(len(junk)-4))
		send(preamble, junk)
	}
	stillServes(t, c, "after broken frames")
}

func TestUnknownProtocolAndMethod(t *testing.T) {
	c := cluster.Start(t, cluster.Options{})
	client := rpc.NewClient(rpc.ClientConfig{})
	defer client.Close()
	for _, call := range []struct{ protocol, method, class string }{
		{cluster.ClientProtocol, "makeCoffee", "RpcNoSuchMethodException"},
		{"org.example.CoffeeProtocol", "makeCoffee", "RpcNoSuchProtocolException"},
	} {
		err := client.Call(t.Context(), c.Address, call.protocol, call.method, &hdfspb.GetFileInfoRequestProto{Src: proto.String("/")}, &hdfspb.GetFileInfoResponseProto{})
		var remote *rpc.Exception
		if !errors.As(err, &remote) || !strings.HasSuffix(remote.Class, "."+call.class) {
			t.Errorf("%s.%s: %v, want %s", call.protocol, call.method, err, call.class)
		}
	}
	stillServes(t, c, "after unknown calls")
}

func TestBadNames(t *testing.T) {
	c := cluster.Start(t, cluster.Options{})
	client := rpc.NewClient(rpc.ClientConfig{})
	defer client.Close()
	mkdirs := func(path string) error {
		req := &hdfspb.MkdirsRequestProto{Src: &path, Masked: &hdfspb.FsPermissionProto{Perm: proto.Uint32(0o755)}, CreateParent: proto.Bool(true)}
		return client.Call(t.Context(), c.Address, cluster.ClientProtocol, "mkdirs", req, &hdfspb.MkdirsResponseProto{})
	}
	for path, want := range map[string]string{
		"/a/../b":                      "org.apache.hadoop.fs.InvalidPathException",
		"/a/./b":                       "org.apache.hadoop.fs.InvalidPathException",
		"relative":                     "org.apache.hadoop.fs.InvalidPathException",
		"":                             "java.lang.IllegalArgumentException",
		"/a:b":                         "org.apache.hadoop.fs.InvalidPathException",
		"/" + strings.Repeat("n", 256): "org.apache.hadoop.hdfs.protocol.FSLimitException$PathComponentTooLongException",
		strings.Repeat("/"+strings.Repeat("x", 99), 80) + "/": "java.io.IOException", // 8,001 characters
		strings.Repeat("/d", 1001):                            "java.io.IOException",
	} {
		err := mkdirs(path)
		var remote *rpc.Exception
		if !errors.As(err, &remote) || remote.Class != want {
			t.Errorf("mkdirs of %.40q (%d characters): %v, want %s", path, len(path), err, want)
		}
	}
	if got := strings.TrimSpace(c.HDFS(t, "dfs", "-count", "/").OK(t)); strings.Fields(got)[0] != "1" {
		t.Errorf("a bad name left something: -count says %s", got)
	}
}

func TestIdleConnections(t *testing.T) {
	const connections = 10_000
	c := cluster.Start(t, cluster.Options{})
	for i := range connections {
		conn := dial(t, c)
		if _, err := conn.Write(preamble); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if i%2 == 0 { // half of them as a client does, half never say who they are
			if _, err := conn.Write(connection(t)); err != nil {
				t.Fatalf("connection %d: %v", i, err)
			}
		}
	}
	stillServes(t, c, fmt.Sprintf("beside %d idle connections", connections))
}

// TestDeafClient asks for far more than it ever reads.
func TestDeafClient(t *testing.T) {
	c := cluster.Start(t, cluster.Options{})
	client := rpc.NewClient(rpc.ClientConfig{})
	defer client.Close()
	for i := range 500 {
		path := fmt.Sprintf("/d/%s%d", strings.Repeat("n", 200), i)
		req := &hdfspb.MkdirsRequestProto{Src: &path, Masked: &hdfspb.FsPermissionProto{Perm: proto.Uint32(0o755)}, CreateParent: proto.Bool(true)}
		if err := client.Call(t.Context(), c.Address, cluster.ClientProtocol, "mkdirs", req, &hdfspb.MkdirsResponseProto{}); err != nil {
			t.Fatal(err)
		}
	}
	method := &ipcpb.RequestHeaderProto{MethodName: proto.String("getListing"), DeclaringClassProtocolName: proto.String(cluster.ClientProtocol), ClientProtocolVersion: proto.Uint64(1)}
	listing := &hdfspb.GetListingRequestProto{Src: proto.String("/d"), StartAfter: []byte{}, NeedLocation: proto.Bool(false)}
	for range 3 {
		conn := dial(t, c)
		if err := conn.SetWriteDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		hello := append(append([]byte{}, preamble...), connection(t)...)
		if _, err := conn.Write(hello); err != nil {
			t.Fatal(err)
		}
		// 50,000 answers of 150 KB would be 7.5 GB.
		for i := range int32(50_000) {
			if _, err := conn.Write(frame(t, header(i), method, listing)); err != nil {
				break // the server stopped reading, or closed: both are right
			}
		}
		stillServes(t, c, "beside clients that never read")
	}
}
