package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"google.golang.org/protobuf/proto"
)

// standIn answers what administrators' tools ask a NameNode.
type standIn struct {
	addr     string
	safe     atomic.Bool
	refreshs atomic.Int32
}

func startStandIn(t *testing.T) *standIn {
	s := &standIn{}
	startStandInWith(t, s, nil)
	return s
}

// startStandInWith starts s, which speaks more protocols than other stand-ins.
func startStandInWith(t *testing.T, s *standIn, more map[string]map[string]rpc.Method) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv, err := rpc.NewServer(rpc.ServerConfig{Listener: l})
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	for name, methods := range more {
		srv.Register(name, methods)
	}
	srv.Register(client.ProtocolClient, map[string]rpc.Method{
		"setSafeMode":       rpc.Handle(s.setSafeMode),
		"getFsStats":        rpc.Handle(s.stats),
		"getDatanodeReport": rpc.Handle(s.datanodes),
		"listOpenFiles":     rpc.Handle(s.openFiles),
		"refreshNodes": rpc.Handle(func(context.Context, *rpc.Call, *hdfspb.RefreshNodesRequestProto) (*hdfspb.RefreshNodesResponseProto, error) {
			s.refreshs.Add(1)
			return &hdfspb.RefreshNodesResponseProto{}, nil
		}),
		"saveNamespace": rpc.Handle(func(context.Context, *rpc.Call, *hdfspb.SaveNamespaceRequestProto) (*hdfspb.SaveNamespaceResponseProto, error) {
			return &hdfspb.SaveNamespaceResponseProto{}, nil
		}),
		"finalizeUpgrade": rpc.Handle(func(context.Context, *rpc.Call, *hdfspb.FinalizeUpgradeRequestProto) (*hdfspb.FinalizeUpgradeResponseProto, error) {
			return &hdfspb.FinalizeUpgradeResponseProto{}, nil
		}),
	})
	srv.Register(client.ProtocolHAService, map[string]rpc.Method{
		"getServiceStatus": rpc.Handle(func(context.Context, *rpc.Call, *ipcpb.GetServiceStatusRequestProto) (*ipcpb.GetServiceStatusResponseProto, error) {
			return &ipcpb.GetServiceStatusResponseProto{State: ipcpb.HAServiceStateProto_ACTIVE.Enum()}, nil
		}),
		"monitorHealth": rpc.Handle(func(context.Context, *rpc.Call, *ipcpb.MonitorHealthRequestProto) (*ipcpb.MonitorHealthResponseProto, error) {
			return &ipcpb.MonitorHealthResponseProto{}, nil
		}),
	})
	srv.Register(client.ProtocolUserMappings, map[string]rpc.Method{
		"getGroupsForUser": rpc.Handle(func(_ context.Context, _ *rpc.Call, q *ipcpb.GetGroupsForUserRequestProto) (*ipcpb.GetGroupsForUserResponseProto, error) {
			if q.GetUser() == "nobody" {
				return &ipcpb.GetGroupsForUserResponseProto{}, nil
			}
			return &ipcpb.GetGroupsForUserResponseProto{Groups: []string{"staff", "wheel"}}, nil
		}),
	})
	served := make(chan error, 1)
	go func() { served <- srv.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		srv.Shutdown(ctx)
		<-served
	})
}

func (s *standIn) setSafeMode(_ context.Context, c *rpc.Call, q *hdfspb.SetSafeModeRequestProto) (*hdfspb.SetSafeModeResponseProto, error) {
	switch q.GetAction() {
	case hdfspb.SafeModeActionProto_SAFEMODE_ENTER:
		if c.User != "root" {
			return nil, &rpc.Exception{Class: "org.apache.hadoop.security.AccessControlException",
				Message: "Access denied for user " + c.User + ". Superuser privilege is required for operation safemode_enter"}
		}
		s.safe.Store(true)
	case hdfspb.SafeModeActionProto_SAFEMODE_LEAVE, hdfspb.SafeModeActionProto_SAFEMODE_FORCE_EXIT:
		s.safe.Store(false)
	}
	return &hdfspb.SetSafeModeResponseProto{Result: proto.Bool(s.safe.Load())}, nil
}

func (s *standIn) stats(context.Context, *rpc.Call, *hdfspb.GetFsStatusRequestProto) (*hdfspb.GetFsStatsResponseProto, error) {
	u := proto.Uint64
	return &hdfspb.GetFsStatsResponseProto{Capacity: u(270553174016), Used: u(159883), Remaining: u(83757256704), UnderReplicated: u(4),
		CorruptBlocks: u(1), MissingBlocks: u(2), MissingReplOneBlocks: u(1), PendingDeletionBlocks: u(5)}, nil
}

func (s *standIn) datanodes(_ context.Context, _ *rpc.Call, q *hdfspb.GetDatanodeReportRequestProto) (*hdfspb.GetDatanodeReportResponseProto, error) {
	node := &hdfspb.DatanodeInfoProto{
		Id: &hdfspb.DatanodeIDProto{IpAddr: proto.String("192.0.2.7"), HostName: proto.String("dn7"), DatanodeUuid: proto.String("u"),
			XferPort: proto.Uint32(9866), InfoPort: proto.Uint32(9864), IpcPort: proto.Uint32(9867)},
		Capacity: proto.Uint64(1 << 40), DfsUsed: proto.Uint64(1 << 30), Remaining: proto.Uint64(1 << 39), NonDfsUsed: proto.Uint64(1 << 20),
		Location: proto.String("/rack1"), XceiverCount: proto.Uint32(3), LastUpdate: proto.Uint64(1700000000000), NumBlocks: proto.Uint32(9),
	}
	resp := &hdfspb.GetDatanodeReportResponseProto{}
	switch q.GetType() {
	case hdfspb.DatanodeReportTypeProto_LIVE, hdfspb.DatanodeReportTypeProto_ALL:
		resp.Di = append(resp.Di, node)
	}
	return resp, nil
}

// openFiles has two pages.
func (s *standIn) openFiles(_ context.Context, _ *rpc.Call, q *hdfspb.ListOpenFilesRequestProto) (*hdfspb.ListOpenFilesResponseProto, error) {
	entry := func(id int64, path string) *hdfspb.OpenFilesBatchResponseProto {
		return &hdfspb.OpenFilesBatchResponseProto{Id: &id, Path: &path, ClientName: proto.String("DFSClient_1"), ClientMachine: proto.String("192.0.2.1")}
	}
	if q.GetPath() != "/w" {
		return nil, errors.New("wrong path " + q.GetPath())
	}
	if q.GetId() == 0 {
		return &hdfspb.ListOpenFilesResponseProto{Entries: []*hdfspb.OpenFilesBatchResponseProto{entry(7, "/w/a")}, HasMore: proto.Bool(true)}, nil
	}
	return &hdfspb.ListOpenFilesResponseProto{Entries: []*hdfspb.OpenFilesBatchResponseProto{entry(q.GetId()+1, "/w/b")}, HasMore: proto.Bool(false)}, nil
}

func TestAdminTools(t *testing.T) {
	s := startStandIn(t)
	configure(t, "fs.defaultFS", "hdfs://"+s.addr)
	t.Setenv("HADOOP_USER_NAME", "root")
	t.Setenv("TZ", "UTC")
	cases := []struct {
		args string
		code int
		out  string
		err  string
	}{
		{"dfsadmin -safemode get", 0, "Safe mode is OFF\n", ""},
		{"dfsadmin -safemode enter", 0, "Safe mode is ON\n", ""},
		{"dfsadmin -safemode leave", 0, "Safe mode is OFF\n", ""},
		{"dfsadmin -safemode wait", 0, "Safe mode is OFF\n", ""},
		{"dfsadmin -safemode forceExit", 0, "Safe mode is OFF\n", ""},
		{"dfsadmin -safemode bad", 0, "", "Usage: hdfs dfsadmin [-safemode enter | leave | get | wait | forceExit]\n"},
		{"dfsadmin -safemode", 255, "", "Usage: hdfs dfsadmin [-safemode enter | leave | get | wait | forceExit]\n"},
		{"dfsadmin -refreshNodes", 0, "Refresh nodes successful\n", ""},
		{"dfsadmin -refreshNodes x", 255, "", "Usage: hdfs dfsadmin [-refreshNodes]\n"},
		{"dfsadmin -saveNamespace", 0, "Save namespace successful\n", ""},
		{"dfsadmin -saveNamespace -beforeShutdown", 0, "Save namespace successful\n", ""},
		{"dfsadmin -saveNamespace x", 255, "", "Usage: hdfs dfsadmin [-saveNamespace [-beforeShutdown]]\n"},
		{"dfsadmin -finalizeUpgrade", 0, "Finalize upgrade successful\n", ""},
		{"dfsadmin -setBalancerBandwidth", 255, "", "Usage: hdfs dfsadmin [-setBalancerBandwidth <bandwidth in bytes per second>]\n"},
		{"dfsadmin -refreshServiceAcl", 255, "", "refreshServiceAcl: Unknown protocol: org.apache.hadoop.security.authorize.RefreshAuthorizationPolicyProtocol\n"},
		{"dfsadmin -refreshCallQueue", 255, "", "refreshCallQueue: Unknown protocol: org.apache.hadoop.ipc.RefreshCallQueueProtocol\n"},
		{"dfsadmin -printTopology", 0, "Rack: /rack1\n   192.0.2.7:9866 In Service\n\n", ""},
		{"dfsadmin -listOpenFiles -path /w", 0, "Client Host         \tClient Name         \tOpen File Path\n" +
			"192.0.2.1           \tDFSClient_1         \t/w/a\n192.0.2.1           \tDFSClient_1         \t/w/b\n", ""},
		{"dfsadmin -listOpenFiles -x", 255, "", "Usage: hdfs dfsadmin [-listOpenFiles [-blockingDecommission] [-path <path>]]\n"},
		{"dfsadmin -refreshUserToGroupsMappings", 255, "", "refreshUserToGroupsMappings: Unknown protocol: org.apache.hadoop.security.RefreshUserMappingsProtocol\n"},
		{"groups bob nobody", 0, "bob : staff wheel\nnobody :\n", ""},
		{"groups", 0, "root : staff wheel\n", ""},
	}
	for _, c := range cases {
		out, errOut, code := hdfs(t, strings.Fields(c.args)...)
		if code != c.code || out != c.out || errOut != c.err {
			t.Errorf("hdfs %s: exit %d\n%q\n%q", c.args, code, out, errOut)
		}
	}
	t.Setenv("HADOOP_USER_NAME", "bob")
	out, errOut, code := hdfs(t, "dfsadmin", "-safemode", "enter")
	if want := "safemode: Access denied for user bob. Superuser privilege is required for operation safemode_enter\n"; code != 255 || out != "" || errOut != want {
		t.Errorf("exit %d %q %q", code, out, errOut)
	}
}

const wantReport = `Safe mode is ON
Configured Capacity: 270553174016 (251.97 GB)
Present Capacity: 83757416587 (78.01 GB)
DFS Remaining: 83757256704 (78.01 GB)
DFS Used: 159883 (156.14 KB)
DFS Used%: 0.00%
Replicated Blocks:
	Under replicated blocks: 4
	Blocks with corrupt replicas: 1
	Missing blocks: 2
	Missing blocks (with replication factor 1): 1
	Low redundancy blocks with highest priority to recover: 0
	Pending deletion blocks: 5
Erasure Coded Block Groups: 
	Low redundancy block groups: 0
	Block groups with corrupt internal blocks: 0
	Missing block groups: 0
	Low redundancy blocks with highest priority to recover: 0
	Pending deletion blocks: 0

-------------------------------------------------
Live datanodes (1):

Name: 192.0.2.7:9866
Hostname: dn7
Rack: /rack1
Decommission Status : Normal
Configured Capacity: 1099511627776 (1 TB)
DFS Used: 1073741824 (1 GB)
Non DFS Used: 1048576 (1 MB)
DFS Remaining: 549755813888 (512 GB)
DFS Used%: 0.10%
DFS Remaining%: 50.00%
Configured Cache Capacity: 0 (0 B)
Cache Used: 0 (0 B)
Cache Remaining: 0 (0 B)
Cache Used%: 100.00%
Cache Remaining%: 0.00%
Xceivers: 3
Last contact: Tue Nov 14 22:13:20 UTC 2023
Last Block Report: Never
Num of Blocks: 9


`

func TestReport(t *testing.T) {
	s := startStandIn(t)
	s.safe.Store(true)
	configure(t, "fs.defaultFS", "hdfs://"+s.addr)
	if out, errOut, code := hdfs(t, "dfsadmin", "-report"); code != 0 || out != wantReport || errOut != "" {
		t.Errorf("exit %d %s\n%s", code, errOut, out)
	}
	if out, _, code := hdfs(t, "dfsadmin", "-report", "-dead"); code != 0 || !strings.HasSuffix(out, "---\nDead datanodes (0):\n\n") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestSeveralNameNodes(t *testing.T) {
	a, b := startStandIn(t), startStandIn(t)
	configure(t, "fs.defaultFS", "hdfs://ns", "dfs.nameservices", "ns", "dfs.ha.namenodes.ns", "a,b,c",
		"dfs.namenode.rpc-address.ns.a", a.addr, "dfs.namenode.rpc-address.ns.b", b.addr, "dfs.namenode.rpc-address.ns.c", "127.0.0.1:1")
	b.safe.Store(true)
	out, errOut, code := hdfs(t, "dfsadmin", "-safemode", "get")
	want := "Safe mode is OFF in /" + a.addr + "\nSafe mode is ON in /" + b.addr + "\n"
	if code != 255 || out != want || !strings.Contains(errOut, "to 127.0.0.1:1 failed on connection exception") {
		t.Errorf("exit %d\n%s\n%s", code, out, errOut)
	}
	out, _, code = hdfs(t, "dfsadmin", "-refreshNodes")
	if want := "Refresh nodes successful for /" + a.addr + "\nRefresh nodes successful for /" + b.addr + "\n"; code != 255 || out != want || a.refreshs.Load() != 1 {
		t.Errorf("exit %d\n%s", code, out)
	}
	for args, want := range map[string]string{
		"-getServiceState a": "active\n", "-checkHealth b": "", "-ns ns -getServiceState b": "active\n",
	} {
		if out, errOut, code := hdfs(t, append([]string{"haadmin"}, strings.Fields(args)...)...); code != 0 || out != want || errOut != "" {
			t.Errorf("haadmin %s: exit %d %q %q", args, code, out, errOut)
		}
	}
	out, _, code = hdfs(t, "haadmin", "-getAllServiceState")
	lines := strings.Split(out, "\n")
	if code != 0 || len(lines) != 4 || !strings.HasPrefix(lines[0], a.addr+strings.Repeat(" ", 50-len(a.addr))+" active") || !strings.Contains(lines[2], "Failed to connect: ") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if _, errOut, code := hdfs(t, "haadmin", "-failover", "a", "b"); code != 255 || !strings.HasPrefix(errOut, "failover: every NameNode is active") {
		t.Errorf("exit %d %q", code, errOut)
	}
	if _, errOut, code := hdfs(t, "haadmin", "-getServiceState", "zz"); code != 255 || !strings.HasPrefix(errOut, "Illegal argument: Unable to determine service address for namenode 'zz'") {
		t.Errorf("exit %d %q", code, errOut)
	}
}
