package namenode

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/hopsqlpb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/election"
	"github.com/hopsql/hopsql/namenode/rpc"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// shared is a store in memory that several NameNodes of this process open, each
// through a way of its own that a test can cut.
type shared struct {
	store dal.Store
	ways  []*faulty.Store
}

// several makes openStore return shared stores, in the order of the starts.
func several(t *testing.T) (*shared, *conf.Config) {
	t.Helper()
	s := &shared{store: memstore.New(func(tr *dal.Traits) { tr.Name, tr.Markers = "innodb", true })}
	keep(t, s.store)
	c := processConf(t, map[string]string{"dfs.namenode.servicerpc-address": "127.0.0.1:0", keyInterval: "200ms"})
	mustFormat(t, c)
	openStore = func(context.Context, *conf.Config) (dal.Store, error) {
		way := faulty.New(s.store)
		s.ways = append(s.ways, way)
		return unclosed{way}, nil
	}
	c.Set(keyStoreURL, "mem:")
	return s, c
}

// nameNodes asks a NameNode who serves.
func (r *running) nameNodes(addr string) []*hopsqlpb.ActiveNodeProto {
	r.t.Helper()
	c := ipc.NewClient(ipc.ClientConfig{User: "nobody"})
	defer c.Close()
	var resp hopsqlpb.GetActiveNamenodesResponseProto
	if err := c.Call(r.t.Context(), addr, rpc.NameNodesProtocol, "getActiveNamenodes", &hopsqlpb.GetActiveNamenodesRequestProto{}, &resp); err != nil {
		r.t.Fatal(err)
	}
	return resp.Namenodes
}

// sees waits until a NameNode knows n of them, and that the one at leader leads.
func (r *running) sees(n int, leader string) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		all := r.nameNodes(r.addr.RPC)
		leads := ""
		for _, one := range all {
			if one.GetLeader() {
				leads += address(one)
			}
		}
		if len(all) == n && leads == leader {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("%s sees %v, want %d with %s as leader\n%s", r.addr.RPC, all, n, leader, r.log)
		}
	}
}

func address(n *hopsqlpb.ActiveNodeProto) string { return join(n.GetRpcHostname(), n.GetRpcPort()) }

// TestDiscovery: each NameNode tells of all, on both ports and without a statement.
func TestDiscovery(t *testing.T) {
	s, c := several(t)
	a := run(t, c)
	b := run(t, c)
	a.sees(2, a.addr.RPC)
	b.sees(2, a.addr.RPC)
	for _, way := range s.ways {
		way.Fail(func(faulty.Call) *faulty.Fault { return &faulty.Fault{Kind: dal.Unavailable} })
	}
	for _, addr := range []string{a.addr.RPC, b.addr.Service} {
		all := a.nameNodes(addr)
		if len(all) != 2 || all[0].GetId() >= all[1].GetId() {
			t.Fatalf("%s tells of %v", addr, all)
		}
		one := all[1]
		if address(one) != b.addr.RPC || one.GetRpcIpAddress() != "127.0.0.1" || one.GetHttpAddress() != b.addr.HTTP || one.GetVersion() != Version ||
			join(one.GetServiceIpAddress(), one.GetServicePort()) != b.addr.Service || one.GetStarted() == 0 || one.Load == nil {
			t.Errorf("%s tells of %v, want %+v", addr, one, b.addr)
		}
	}
	for _, way := range s.ways {
		way.Reset()
	}
	a.end()
	b.sees(1, b.addr.RPC)
	b.end()
}

// TestOneOfTwoLosesTheStore: it does not lead any more, sends clients to the other one,
// those too whose calls wait, and comes back by itself.
func TestOneOfTwoLosesTheStore(t *testing.T) {
	s, c := several(t)
	a := run(t, c)
	b := run(t, c)
	a.sees(2, a.addr.RPC)
	b.sees(2, a.addr.RPC)
	stat := func(r *running) error {
		return r.call("getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: proto.String("/")}, &hdfspb.GetFileInfoResponseProto{})
	}
	s.ways[0].Fail(func(faulty.Call) *faulty.Fault { return &faulty.Fault{Kind: dal.Unavailable} })
	for _, when := range []string{"waiting", "later"} {
		var x *ipc.Exception
		if err := stat(a); !errors.As(err, &x) || x.Class != "org.apache.hadoop.ipc.StandbyException" {
			t.Errorf("%s: %v", when, err)
		}
	}
	if err := stat(b); err != nil {
		t.Errorf("the other one: %v", err)
	}
	b.sees(1, b.addr.RPC)
	s.ways[0].Reset()
	a.sees(2, b.addr.RPC)
	if err := stat(a); err != nil {
		t.Errorf("after it is back: %v", err)
	}
	if !strings.Contains(a.log.String(), "does not lead any more") || !strings.Contains(b.log.String(), "leads now") {
		t.Errorf("the logs:\n%s\n%s", a.log, b.log)
	}
	// Alone it waits for the store.
	b.end()
	a.sees(1, a.addr.RPC)
	s.ways[0].Fail(func(faulty.Call) *faulty.Fault { return &faulty.Fault{Kind: dal.Unavailable} })
	answer := make(chan error, 1)
	go func() { answer <- stat(a) }()
	time.Sleep(time.Second) // several rounds
	s.ways[0].Reset()
	if err := <-answer; err != nil {
		t.Errorf("a call that waited: %v", err)
	}
	a.end()
}

// TestATakenOverLeadIsUsedAtOnce: the loops of the leader do not wait for their time.
func TestATakenOverLeadIsUsedAtOnce(t *testing.T) {
	s, c := several(t)
	a := run(t, c)
	p := &process{log: slog.New(slog.DiscardHandler)}
	id, err := identify(t.Context(), s.store)
	if err != nil {
		t.Fatal(err)
	}
	eng, err := txn.New(s.store, txn.Options{NodeID: 99})
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	p.node, err = election.Join(t.Context(), election.Config{Store: s.store, Engine: eng, NamespaceID: id.NamespaceID,
		Interval: 200 * time.Millisecond, Leads: p.taken.tell, Self: schema.Namenode{ID: 99, RPCAddress: "b:1"}, Logger: p.log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, quit := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	p.every(ctx, "hourly", time.Hour, true, func(ctx context.Context) error {
		ran <- eng.Update(ctx, func(tx *txn.Tx) error {
			tx.Put(schema.Leases, (&schema.Lease{Holder: "h"}).Row())
			return nil
		})
		return nil
	})
	p.loops.Go(func() { _ = p.node.Run(ctx) })
	select {
	case <-ran:
		t.Error("a leader's loop ran where none leads")
	case <-time.After(200 * time.Millisecond):
	}
	a.end()
	if err := <-ran; err != nil {
		t.Errorf("the first round of a new leader: %v", err)
	}
	quit()
	p.loops.Wait()
}

func join(host string, port int32) string { return net.JoinHostPort(host, strconv.Itoa(int(port))) }
