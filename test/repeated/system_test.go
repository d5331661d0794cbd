package repeated

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/groups"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/namenode/rpc"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fakecluster"
	"github.com/hopsql/hopsql/testkit/mariadb"
	"github.com/hopsql/hopsql/testkit/peers"
)

const pool = "BP-1-127.0.0.1-1"

// A system is two NameNodes on their ports, over one store, and a client.
type system struct {
	*fakecluster.Cluster
	addr   [2]string
	client *ipc.Client
}

func start(t *testing.T, store dal.Store) *system {
	t.Helper()
	s := &system{Cluster: fakecluster.New(t, fakecluster.Options{Store: store})}
	s.Second()
	for i := range s.addr {
		s.addr[i] = serve(t, s.NN[i])
	}
	s.client = ipc.NewClient(ipc.ClientConfig{User: "root", CallTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { s.client.Close() })
	return s
}

// onStores runs a test over a store in memory and, unless it is the short run, over
// a database server.
func onStores(t *testing.T, test func(t *testing.T, s *system)) {
	t.Run("memory", func(t *testing.T) {
		test(t, start(t, memstore.New(func(tr *dal.Traits) { tr.Markers = true })))
	})
	if testing.Short() {
		return
	}
	t.Run("mariadb", func(t *testing.T) {
		store := peers.At(mariadb.Database(t))(t)
		if err := store.Admin().Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		test(t, start(t, store))
	})
}

// serve puts the protocols of a NameNode on a port.
func serve(t *testing.T, n *fakecluster.NameNode) string {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	mapping := groups.New(groups.Config{Static: map[string][]string{"root": {"supergroup"}},
		Lookup: func(string) ([]string, error) { return nil, nil }})
	cfg := conf.New(nil)
	svc, err := rpc.New(rpc.Config{Namespace: n.NS, Blocks: n.Reg, Safe: n.Safe, Groups: mapping,
		Identity: rpc.Identity{NamespaceID: 1, ClusterID: "CID-test", BlockPoolID: pool, CTime: 1},
		Defaults: namespace.ServerDefaults{BlockSize: fakecluster.BlockSize, Replication: 3},
		Leader:   func() (bool, int64) { return n.Leads, 1 }, Conf: cfg,
		Reload: func() (*conf.Config, error) { return cfg, nil }, Build: "test", Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	srv, err := ipc.NewServer(ipc.ServerConfig{Addr: "127.0.0.1:0", Authorize: svc.Authorize, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	svc.Register(srv)
	done := make(chan error, 1)
	go func() { done <- srv.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return srv.Addr().String()
}

// A reply is what came of a call.
type reply struct {
	resp proto.Message
	err  error
}

// send sends a call with an id of the caller's to a NameNode, 0 or 1. try counts the
// repetitions of the call.
func (s *system) send(node int, c *call, id, try int32) reply {
	resp := c.resp.ProtoReflect().New().Interface()
	err := s.client.CallAs(s.T.Context(), s.addr[node], rpc.ClientProtocol, c.method, id, try, c.req, resp)
	return reply{resp, err}
}

// same fails the test unless b is a, both without an error. The locations of a block
// may come in any order: each NameNode chooses its own for a client that is near none.
func same(t *testing.T, when string, a, b reply) {
	t.Helper()
	if a.err != nil || b.err != nil {
		t.Errorf("%s: errors %v and %v", when, a.err, b.err)
		return
	}
	if x, y := inOrder(a.resp), inOrder(b.resp); !proto.Equal(x, y) {
		t.Errorf("%s: the answers differ:\n%v\n%v", when, x, y)
	}
}

// inOrder returns an answer with the locations of its block sorted.
func inOrder(m proto.Message) proto.Message {
	with, ok := m.(interface {
		GetBlock() *hdfspb.LocatedBlockProto
	})
	if !ok || with.GetBlock() == nil {
		return m
	}
	b := with.GetBlock()
	order := make([]int, len(b.GetLocs()))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(b.StorageIDs[i], b.StorageIDs[j]) })
	sorted := proto.CloneOf(b)
	for to, from := range order {
		sorted.Locs[to], sorted.StorageIDs[to] = b.Locs[from], b.StorageIDs[from]
		sorted.StorageTypes[to] = b.StorageTypes[from]
	}
	switch m := proto.Clone(m).(type) {
	case *hdfspb.AddBlockResponseProto:
		m.Block = sorted
		return m
	case *hdfspb.AppendResponseProto:
		m.Block = sorted
		return m
	}
	return m
}

// rows are all rows but those that every transaction leaves behind.
func (s *system) rows() map[string][]schema.Row {
	all := map[string][]schema.Row{}
	for _, t := range schema.Tables {
		if t != schema.BatchMarkers && t != schema.Variables {
			all[t.Name] = s.Rows(t)
		}
	}
	return all
}

// counts is how many rows the tables have, but that of leases, where the first call of
// a client leaves a row for all.
func (s *system) counts() map[string]int {
	n := map[string]int{}
	for name, rows := range s.rows() {
		if name != schema.Leases.Name {
			n[name] = len(rows)
		}
	}
	return n
}

// growth is by how many rows tables grew or shrank.
func (s *system) growth(before map[string]int) map[string]int {
	n := map[string]int{}
	for name, now := range s.counts() {
		if now != before[name] {
			n[name] = now - before[name]
		}
	}
	return n
}

// differences names the tables whose rows are not the same.
func differences(a, b map[string][]schema.Row) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if !slices.EqualFunc(a[name], b[name], func(x, y schema.Row) bool { return slices.Equal(x, y) }) {
			names = append(names, name)
		}
	}
	return names
}

// hold stops the next round trip of a kind at a NameNode, and all behind it there,
// until release is called. reached is closed when one is stopped.
func (s *system) hold(node int, op faulty.Op) (reached <-chan struct{}, release func()) {
	there, gone := make(chan struct{}), make(chan struct{})
	var once, free sync.Once
	s.NN[node].Store.Observe(func(c faulty.Call) {
		if c.Op == op {
			once.Do(func() { close(there) })
			<-gone
		}
	})
	return there, func() { free.Do(func() { close(gone) }) }
}
