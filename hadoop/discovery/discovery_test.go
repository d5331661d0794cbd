package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/hopsql/hopsql/hadoop/protocols/hopsqlpb"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"google.golang.org/protobuf/proto"
)

func node(id int64, ip, name string, port int32) *hopsqlpb.ActiveNodeProto {
	return &hopsqlpb.ActiveNodeProto{Id: &id, RpcIpAddress: &ip, RpcHostname: &name, RpcPort: &port}
}

func resolve(_ context.Context, host string) ([]string, error) {
	if host == "one.example" {
		return []string{"2001:db8::1", "192.0.2.1"}, nil
	}
	return nil, &net.DNSError{Name: host, IsNotFound: true}
}

func TestSpelled(t *testing.T) {
	known := []string{"one.example:8020", "two.example:8020", "192.0.2.3:8020", "two.example:9000", "five.example:7000"}
	service := node(5, "192.0.2.5", "x", 8020)
	service.ServicePort, service.ServiceIpAddress = proto.Int32(7000), proto.String("0.0.0.0")
	named := node(6, "192.0.2.6", "five.example", 8020)
	named.ServicePort, named.ServiceIpAddress = proto.Int32(7000), proto.String("inside.example")
	other := node(7, "192.0.2.7", "seven.example", 8020)
	other.ServicePort, other.ServiceIpAddress = proto.Int32(7000), proto.String("inside.example")
	for _, c := range []struct {
		node *hopsqlpb.ActiveNodeProto
		from string
		want string // as RPC address, as service address
	}{
		{node(1, "192.0.2.1", "x", 8020), "192.0.2.3:8020", "one.example:8020 one.example:8020"},
		{node(1, "192.0.2.1", "x", 8021), "192.0.2.3:8020", "192.0.2.1:8021 192.0.2.1:8021"},
		{node(1, "2001:db8::1", "x", 8020), "192.0.2.3:8020", "one.example:8020 one.example:8020"},
		{node(1, "192.0.2.9", "two.example", 9000), "192.0.2.3:8020", "two.example:9000 two.example:9000"},
		{node(1, "192.0.2.3", "x", 8020), "192.0.2.3:8020", "192.0.2.3:8020 192.0.2.3:8020"},
		{node(1, "", "z", 1), "192.0.2.3:8020", "z:1 z:1"},
		{node(1, "::", "z", 1), "192.0.2.3:8020", "z:1 z:1"},
		{node(1, "127.0.0.1", "z", 1), "192.0.2.3:8020", "- -"},
		{node(1, "127.0.0.1", "z", 1), "localhost:2", "127.0.0.1:1 127.0.0.1:1"},
		{service, "192.0.2.3:8020", "192.0.2.5:8020 192.0.2.5:7000"},
		{named, "192.0.2.3:8020", "five.example:7000 five.example:7000"},
		{other, "192.0.2.3:8020", "192.0.2.7:8020 inside.example:7000"},
	} {
		list := Decode(&hopsqlpb.GetActiveNamenodesResponseProto{Namenodes: []*hopsqlpb.ActiveNodeProto{c.node}})
		as := func(choose func(NameNode) string) string {
			for addr := range Spelled(context.Background(), resolve, c.from, known, list, choose) {
				return addr
			}
			return "-"
		}
		got := as(func(n NameNode) string { return n.RPCAddr }) + " " + as(func(n NameNode) string { return n.ServiceAddr })
		if got != c.want {
			t.Errorf("%v is %s, want %s", c.node, got, c.want)
		}
	}
}

type answer func() (*hopsqlpb.GetActiveNamenodesResponseProto, error)

func (a answer) Call(_ context.Context, _, protocol, method string, _, resp proto.Message) error {
	if protocol != Protocol || method != Method {
		return errors.New(protocol + "." + method)
	}
	r, err := a()
	if err == nil {
		proto.Merge(resp, r)
	}
	return err
}

func TestAsk(t *testing.T) {
	ask := func(list []*hopsqlpb.ActiveNodeProto, err error) ([]NameNode, error) {
		return Ask(context.Background(), answer(func() (*hopsqlpb.GetActiveNamenodesResponseProto, error) {
			return &hopsqlpb.GetActiveNamenodesResponseProto{Namenodes: list}, err
		}), "h:1")
	}
	got, err := ask([]*hopsqlpb.ActiveNodeProto{node(1, "192.0.2.1", "a", 1), node(2, "192.0.2.2", "b", 2)}, nil)
	if err != nil || !slices.EqualFunc(got, []string{"192.0.2.1:1", "192.0.2.2:2"}, func(n NameNode, want string) bool { return n.RPCAddr == want }) {
		t.Error(got, err)
	}
	if _, err := ask(nil, nil); err == nil {
		t.Error("an empty list was taken")
	}
	for err, want := range map[error]bool{
		&rpc.Exception{Class: "org.apache.hadoop.ipc.RpcNoSuchProtocolException"}:                true,
		&rpc.Exception{Class: "org.apache.hadoop.security.authorize.AuthorizationException"}:     true,
		&rpc.Exception{Class: "org.apache.hadoop.ipc.StandbyException"}:                          false,
		&rpc.Exception{Class: "org.apache.hadoop.ipc.RetriableException", Message: "come again"}: false,
		fmt.Errorf("%w: refused", rpc.ErrConnect):                                                false,
	} {
		if _, got := ask(nil, err); Unknown(got) != want {
			t.Errorf("%v: unknown %v", err, Unknown(got))
		}
	}
}
