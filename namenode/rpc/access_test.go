package rpc_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/rpc"
)

// TestServiceAuthorization shuts users and machines out of protocols.
func TestServiceAuthorization(t *testing.T) {
	const client = "security.client.protocol"
	s := start(t, map[string]string{"hadoop.security.authorization": "true", client + ".acl": "alice,carol supergroup", client + ".acl.blocked": "carol"})
	try := func(real, name, want string) {
		t.Helper()
		_, err := call[hdfspb.GetFileInfoResponseProto](s.proxied(real, name), "getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: proto.String("/")})
		var x *ipc.Exception
		if want == "" && err != nil || want != "" && (!errors.As(err, &x) || x.Class != "org.apache.hadoop.security.authorize.AuthorizationException" || x.Message != want) {
			t.Errorf("%s as %s: %v, want %q", real, name, err, want)
		}
	}
	refresh := func(keys map[string]string) error {
		s.conf.Store(conf.New(keys))
		return s.as("bob").c.Call(t.Context(), s.addr, rpc.RefreshAuthorization, "refreshServiceAcl", &ipcpb.RefreshServiceAclRequestProto{}, discard())
	}
	no := func(who string) string {
		return "User " + who + " (auth:SIMPLE) is not authorized for protocol interface " + rpc.ClientProtocol + ": denied by configured ACL"
	}
	try("", "alice", "")
	try("", "root", "")
	try("", "bob", no("bob"))
	try("", "carol", no("carol"))
	must(t, refresh(map[string]string{client + ".acl": " users", "security.service.authorization.default.hosts": "10.0.0.0/8"}))
	try("", "bob", "Host 127.0.0.1 is not authorized for protocol interface "+rpc.ClientProtocol)
	if err := refresh(nil); err == nil {
		t.Error("a machine without the right to it may refresh")
	}
}

// TestUnknownProtocol is told from one that somebody may not use.
func TestUnknownProtocol(t *testing.T) {
	s := start(t, map[string]string{"hadoop.security.authorization": "true"})
	err := s.as("bob").c.Call(t.Context(), s.addr, "org.example.Other", "x", &ipcpb.RefreshServiceAclRequestProto{}, discard())
	refused(t, err, "org.apache.hadoop.security.authorize.AuthorizationException", "Protocol org.example.Other is not known.")
	if _, err := rpc.New(rpc.Config{Conf: conf.New(map[string]string{"security.client.protocol.hosts": "10.0.0.0/99"})}); err == nil {
		t.Error("a range of addresses that is none is accepted")
	}
}

// TestLifelinePort has nothing but lifelines, which bring nobody in.
func TestLifelinePort(t *testing.T) {
	s := start(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	srv, err := ipc.NewServer(ipc.ServerConfig{Listener: l})
	must(t, err)
	s.svc.RegisterLifeline(srv)
	done := make(chan error, 1)
	go func() { done <- srv.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		must(t, srv.Shutdown(ctx))
		must(t, <-done)
	})
	d := s.join(1)
	send := func(d *datanode) error {
		return d.c.Call(t.Context(), srv.Addr().String(), rpc.LifelineProtocol, "sendLifeline", &datanodepb.HeartbeatRequestProto{Registration: d.reg}, discard())
	}
	must(t, send(d))
	must(t, send(s.datanode(2)))
	if r := s.datanode(2).heartbeat(); len(r.Cmds) != 1 {
		t.Errorf("after a lifeline an unknown DataNode is told %v", r)
	}
	d.reg.StorageInfo.ClusterID = proto.String("another")
	refused(t, send(d), "org.apache.hadoop.hdfs.protocol.UnregisteredNodeException", "belongs to the cluster another")
	if err := d.c.Call(t.Context(), srv.Addr().String(), rpc.DatanodeProtocol, "sendHeartbeat", &datanodepb.HeartbeatRequestProto{Registration: d.reg}, discard()); err == nil {
		t.Error("the port takes heartbeats")
	}
}
