package scale

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/mariadb"
	"github.com/hopsql/hopsql/testkit/peers"
)

// workers are the clients of every number of NameNodes. Each works in a directory of
// its own and keeps to one NameNode, as clients do.
const workers = 8

// work is one round of a client: what happens to a file in its life. It calls did
// after each operation.
func work(ctx context.Context, ns *namespace.Namespace, dir string, round int, did func(op string)) error {
	file := fmt.Sprintf("%s/f%d", dir, round)
	steps := []struct {
		op string
		do func() error
	}{
		{"mkdirs", func() error { return ns.Mkdirs(ctx, peers.Root, fmt.Sprintf("%s/d%d", dir, round), 0o755, false) }},
		{"create", func() error {
			_, err := ns.Create(ctx, peers.Root, namespace.CreateRequest{Src: file, Mode: 0o644, ClientName: dir,
				Flags: namespace.FlagCreate, Replication: 1, BlockSize: 1 << 20})
			return err
		}},
		{"complete", func() error { return done(ns.Complete(ctx, peers.Root, file, dir, nil, 0)) }},
		{"stat", func() error {
			_, err := ns.GetFileInfo(ctx, peers.Root, file, false)
			return err
		}},
		{"open", func() error {
			_, err := ns.GetBlockLocations(ctx, peers.Root, file, 0, 1)
			return err
		}},
		{"chmod", func() error { return ns.SetPermission(ctx, peers.Root, file, 0o600) }},
		{"ls", func() error {
			_, err := ns.GetListing(ctx, peers.Root, dir, "", false)
			return err
		}},
		{"mv", func() error {
			return ns.Rename2(ctx, peers.Root, file, fmt.Sprintf("%s/d%d/f", dir, round), namespace.RenameOptions{})
		}},
		{"rm", func() error { return done(ns.Delete(ctx, peers.Root, fmt.Sprintf("%s/d%d/f", dir, round), false)) }},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.op, err)
		}
		did(s.op)
	}
	return nil
}

// cost is what operations of one kind took.
type cost struct{ ops, trips, statements int }

func (c cost) String() string {
	return fmt.Sprintf("%.2f statements in %.2f round trips", float64(c.statements)/float64(c.ops), float64(c.trips)/float64(c.ops))
}

// TestNumberOfNameNodes: with 1, 2 and 4 NameNodes on one database an operation takes
// the same statements. They are counted one operation at a time: at once, those of
// one NameNode share statements, which is better and depends on chance.
func TestNumberOfNameNodes(t *testing.T) {
	const rounds, warmUp = 40, 5
	costs := map[int]map[string]cost{}
	ops := []string{}
	for _, n := range []int{1, 2, 4} {
		var tr trips
		p := peers.Start(t, peers.Options{Nodes: n, Open: traced(mariadb.Database(t), &tr)})
		costs[n] = map[string]cost{}
		ops = ops[:0]
		for w := range workers {
			if err := p.Nodes[w%n].NS.Mkdirs(t.Context(), peers.Root, fmt.Sprintf("/clients/%d", w), 0o755, true); err != nil {
				t.Fatal(err)
			}
		}
		for round := range warmUp + rounds {
			for w := range workers {
				tr.take()
				err := work(t.Context(), p.Nodes[w%n].NS, fmt.Sprintf("/clients/%d", w), round, func(op string) {
					list := tr.take()
					if round < warmUp {
						return
					}
					c := costs[n][op]
					if c.ops == 0 {
						ops = append(ops, op)
					}
					costs[n][op] = cost{c.ops + 1, c.trips + len(list), c.statements + statements(list)}
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, op := range ops {
		one := costs[1][op]
		for _, n := range []int{1, 2, 4} {
			c := costs[n][op]
			t.Logf("%-9s %d NameNodes: %v", op, n, c)
			// A sweep of markers, which one batch in 64 does, may fall on another operation.
			if c.ops != one.ops || c.trips > one.trips || c.statements > one.statements+one.ops/20 {
				t.Errorf("%s with %d NameNodes: %v, with one %v", op, n, c, one)
			}
		}
	}
}

// TestThroughput prints how many operations real NameNodes, each a process with as many
// callers, do on one database, and how many statements the server got for each.
func TestThroughput(t *testing.T) {
	const each, lasting = 16, 4 * time.Second
	for _, n := range []int{1, 2, 4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			server := mariadb.Shared(t)
			c := cluster.New(t, cluster.Options{StoreURL: server.URL(server.Database(t)), NameNodes: n})
			c.Format(t)
			for i := range n {
				c.Start(t, i)
			}
			for _, op := range []string{"create", "stat"} {
				before := questions(t, server)
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), lasting)
				ops := load(ctx, t, c, n, n*each, op)
				cancel()
				took := time.Since(began)
				asked := questions(t, server) - before
				t.Logf("%-6s %d NameNodes, %d callers: %6.0f a second, %.2f statements each", op, n, n*each,
					float64(ops)/took.Seconds(), float64(asked)/float64(ops))
				if ops == 0 {
					t.Errorf("%s: nothing was done", op)
				}
			}
			c.CheckStore(t)
		})
	}
}

// load has callers run one operation, spread over the NameNodes, until ctx ends. It
// returns how often it was done.
func load(ctx context.Context, t *testing.T, c *cluster.Cluster, n, callers int, op string) int {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	total := 0
	for i := range callers {
		client := rpc.NewClient(rpc.ClientConfig{User: "root"})
		wg.Go(func() {
			defer client.Close()
			ops := 0
			var err error
			for ; ctx.Err() == nil; ops++ {
				if err = ask(client, c.AddressAt(i%n), op, i, ops); err != nil {
					break
				}
			}
			mu.Lock()
			defer mu.Unlock()
			total += ops
			if err != nil {
				t.Errorf("%s: %v", op, err)
			}
		})
	}
	wg.Wait()
	return total
}

func ask(client *rpc.Client, address, op string, caller, i int) error {
	ctx := context.Background()
	if op == "stat" {
		path := fmt.Sprintf("/%d/f%d", caller, i%10)
		var resp hdfspb.GetFileInfoResponseProto
		err := client.Call(ctx, address, cluster.ClientProtocol, "getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: &path}, &resp)
		if err == nil && resp.Fs == nil {
			return fmt.Errorf("%s is not there", path)
		}
		return err
	}
	path, name := fmt.Sprintf("/%d/f%d", caller, i), fmt.Sprintf("caller-%d", caller)
	mode, flags, parents, replication, size := uint32(0o644), uint32(1), true, uint32(1), uint64(1<<20)
	req := &hdfspb.CreateRequestProto{Src: &path, Masked: &hdfspb.FsPermissionProto{Perm: &mode}, ClientName: &name, CreateFlag: &flags,
		CreateParent: &parents, Replication: &replication, BlockSize: &size}
	return client.Call(ctx, address, cluster.ClientProtocol, "create", req, &hdfspb.CreateResponseProto{})
}

// questions is how many statements a server has got.
func questions(t *testing.T, s *mariadb.Server) int64 {
	t.Helper()
	n, err := s.Questions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}
