package main

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/hadoop/discovery"
	"github.com/hopsql/hopsql/hadoop/protocols/hopsqlpb"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"google.golang.org/protobuf/proto"
)

// startLister is a stand-in that tells of n NameNodes, itself the first.
func startLister(t *testing.T, n int) *standIn {
	s := &standIn{}
	startStandInWith(t, s, map[string]map[string]rpc.Method{discovery.Protocol: {
		discovery.Method: rpc.Handle(func(context.Context, *rpc.Call, *hopsqlpb.GetActiveNamenodesRequestProto) (*hopsqlpb.GetActiveNamenodesResponseProto, error) {
			resp := &hopsqlpb.GetActiveNamenodesResponseProto{}
			_, port, _ := net.SplitHostPort(s.addr)
			p, err := strconv.Atoi(port)
			for i := range n {
				resp.Namenodes = append(resp.Namenodes, &hopsqlpb.ActiveNodeProto{Id: proto.Int64(int64(7 + i)), RpcHostname: proto.String("127.0.0.1"),
					RpcPort: proto.Int32(int32(p + i)), HttpAddress: proto.String("h:9870"), Leader: proto.Bool(i == 0), Version: proto.String("1.0"),
					Load: proto.Int64(int64(i)), Started: proto.Int64(1700000000000)})
			}
			if n > 1 {
				resp.Namenodes[1].HttpAddress, resp.Namenodes[1].Started = nil, nil
			}
			return resp, err
		}),
	}})
	return s
}

func TestNameNodes(t *testing.T) {
	s := startLister(t, 2)
	configure(t, "fs.defaultFS", "hdfs://"+s.addr)
	_, port, _ := net.SplitHostPort(s.addr)
	p, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	other := net.JoinHostPort("127.0.0.1", strconv.Itoa(p+1))
	want := "7\t" + s.addr + "\th:9870\tleader\t0\t1.0\t2023-11-14T22:13:20Z\n8\t" + other + "\t-\tactive\t1\t1.0\t-\n"
	if out, errOut, code := hdfs(t, "namenodes"); out != want || errOut != "" || code != 0 {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
	for args, want := range map[string]string{"namenodes -help": "Usage: hdfs namenodes", "namenodes --help": "255 wrong use"} {
		if out, errOut, code := hdfs(t, strings.Fields(args)...); !strings.Contains(out, want) || errOut != "" || code != 0 {
			t.Errorf("%s: exit %d\n%s%s", args, code, out, errOut)
		}
	}
	if out, errOut, code := hdfs(t, "namenodes", "x"); out != "" || errOut != "Usage: hdfs namenodes [-help]\n" || code != exitBad {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
}

// What scripts read of the report is what Apache's has; the NameNodes come last,
// and only if there are several.
func TestReportOfNameNodes(t *testing.T) {
	for n, tail := range map[int]string{1: "", 2: "NameNodes (2):\n\nADDR leader\nOTHER active\n\n"} {
		s := startLister(t, n)
		s.safe.Store(true)
		configure(t, "fs.defaultFS", "hdfs://"+s.addr)
		host, port, _ := net.SplitHostPort(s.addr)
		p, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		want := wantReport + strings.NewReplacer("ADDR", s.addr, "OTHER", net.JoinHostPort(host, strconv.Itoa(p+1))).Replace(tail)
		if out, errOut, code := hdfs(t, "dfsadmin", "-report"); out != want || errOut != "" || code != 0 {
			t.Errorf("exit %d\n%s%s", code, out, errOut)
		}
		if out, _, code := hdfs(t, "dfsadmin", "-report", "-live"); strings.Contains(out, "NameNodes") || code != 0 {
			t.Errorf("exit %d\n%s", code, out)
		}
	}
}

func TestNameNodesCannotBeAsked(t *testing.T) {
	configure(t, "fs.defaultFS", "hdfs://"+startStandIn(t).addr) // does not know
	if out, errOut, code := hdfs(t, "namenodes"); out != "" || errOut != "hdfs namenodes: Unknown protocol: org.hopsql.protocol.NameNodesProtocol\n" || code != 1 {
		t.Errorf("exit %d %q %q", code, out, errOut)
	}
	configure(t, "fs.defaultFS", "hdfs://127.0.0.1:1", "ipc.client.connect.max.retries", "0")
	if out, errOut, code := hdfs(t, "namenodes"); out != "" || !strings.Contains(errOut, "Connection refused") || code != 1 {
		t.Errorf("exit %d %q %q", code, out, errOut)
	}
	configure(t, "fs.defaultFS", "hdfs://h", "dfs.namenode.selector-policy", "NEAREST")
	if _, errOut, code := hdfs(t, "namenodes"); !strings.Contains(errOut, "dfs.namenode.selector-policy is \"NEAREST\"") || strings.Count(errOut, "\n") != 1 || code != exitBad {
		t.Errorf("exit %d %q", code, errOut)
	}
}

// A NameNode that was stopped where it is does not hold up the tool for minutes.
func TestStateOfASilentNameNode(t *testing.T) {
	s := startStandIn(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	configure(t, "fs.defaultFS", "hdfs://ns", "dfs.nameservices", "ns", "dfs.ha.namenodes.ns", "a,b", keyCheckTimeout, "200",
		"dfs.namenode.rpc-address.ns.a", silent.Addr().String(), "dfs.namenode.rpc-address.ns.b", s.addr)
	out, errOut, code := hdfs(t, "haadmin", "-getAllServiceState")
	if code != 0 || errOut != "" || !strings.Contains(out, "Failed to connect: ") || !strings.Contains(out, "timed out after 200 ms") || !strings.Contains(out, " active") {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
}
