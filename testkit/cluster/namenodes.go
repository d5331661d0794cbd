package cluster

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/hadoop"
	"github.com/hopsql/hopsql/testkit/process"
)

// Nameservice is the logical name of a file system with several NameNodes; their
// ids are nn1, nn2 and so on.
const Nameservice = "ns"

// namenode is one NameNode, running or not. Each is configured as if it were the
// only one: that there are others it learns from the store.
type namenode struct {
	name    string // of its process and its log
	address string // host:port of its RPC
	web     string // host:port of its HTTP
	args    []string

	mu   sync.Mutex
	proc *process.Process // the newest run of it
}

func (n *namenode) process() *process.Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc
}

// addNameNodes chooses their addresses.
func (c *Cluster) addNameNodes(tb testing.TB, opt Options) {
	tb.Helper()
	many := max(opt.NameNodes, 1)
	if many > 1 && c.SQLite() {
		tb.Fatal("SQLite has one NameNode: several need the StoreURL of a database server")
	}
	for i := range many {
		n := &namenode{name: "namenode", address: address(tb), web: address(tb)}
		if many > 1 {
			n.name = fmt.Sprintf("namenode%d", i+1)
			n.args = []string{
				"-D", "fs.defaultFS=hdfs://" + n.address, "-D", "dfs.nameservices=",
				"-D", "dfs.namenode.rpc-address=" + n.address, "-D", "dfs.namenode.http-address=" + n.web,
			}
		}
		if i < len(opt.StoreURLs) && opt.StoreURLs[i] != "" {
			n.args = append(n.args, "-D", "dfs.storage.driver.url="+opt.StoreURLs[i])
		}
		c.nns = append(c.nns, n)
	}
	c.Address, c.Web = c.nns[0].address, c.nns[0].web
}

// Names are the configuration keys by which clients and DataNodes of Hadoop find
// the NameNodes.
func (c *Cluster) Names() map[string]string {
	if len(c.nns) == 1 {
		return map[string]string{"dfs.namenode.rpc-address": c.Address, "dfs.namenode.http-address": c.Web}
	}
	props := map[string]string{
		"dfs.nameservices": Nameservice,
		"dfs.client.failover.proxy.provider." + Nameservice: "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider",
		"dfs.client.failover.random.order":                  "true",
	}
	var ids []string
	for i, n := range c.nns {
		id := fmt.Sprintf("nn%d", i+1)
		ids = append(ids, id)
		props["dfs.namenode.rpc-address."+Nameservice+"."+id] = n.address
		props["dfs.namenode.http-address."+Nameservice+"."+id] = n.web
	}
	props["dfs.ha.namenodes."+Nameservice] = strings.Join(ids, ",")
	return props
}

// NameNode is the process of the NameNode, the first one's if there are many.
func (c *Cluster) NameNode() *process.Process { return c.NameNodeAt(0) }

// NameNodeAt is the newest process of the i-th NameNode, from 0; nil before its
// first start.
func (c *Cluster) NameNodeAt(i int) *process.Process { return c.nns[i].process() }

// AddressAt is host:port of the i-th NameNode's RPC.
func (c *Cluster) AddressAt(i int) string { return c.nns[i].address }

// StartNameNode starts the NameNode, waits until it is up, and returns how long
// that took.
func (c *Cluster) StartNameNode(tb testing.TB, args ...string) time.Duration {
	tb.Helper()
	began := time.Now()
	c.waitUp(tb, c.LaunchNameNode(tb, args...), "NameNode up:")
	return time.Since(began)
}

// LaunchNameNode starts the NameNode and does not wait.
func (c *Cluster) LaunchNameNode(tb testing.TB, args ...string) *process.Process {
	tb.Helper()
	return c.launchNameNode(tb, 0, args...)
}

func (c *Cluster) launchNameNode(tb testing.TB, i int, args ...string) *process.Process {
	tb.Helper()
	n := c.nns[i]
	line := append([]string{"namenode"}, n.args...)
	p := c.launch(tb, n.name, append(line, args...))
	n.mu.Lock()
	defer n.mu.Unlock()
	n.proc = p
	return p
}

// StopNameNode ends the NameNode with SIGTERM and fails the test if it does not
// end cleanly.
func (c *Cluster) StopNameNode(tb testing.TB) {
	tb.Helper()
	c.Stop(tb, 0)
}

// Start starts the i-th NameNode, from 0, and waits until it is up.
func (c *Cluster) Start(tb testing.TB, i int) {
	tb.Helper()
	c.waitUp(tb, c.launchNameNode(tb, i), "NameNode up:")
}

// Stop ends the i-th NameNode with SIGTERM and fails the test if it does not end
// cleanly.
func (c *Cluster) Stop(tb testing.TB, i int) {
	tb.Helper()
	p := c.NameNodeAt(i)
	if err := p.Stop(stopPatience); err != nil {
		tb.Fatal(err)
	}
	if code := p.ExitCode(); code != 0 {
		tb.Fatalf("%s ended with exit status %d after SIGTERM; its output:\n%s", c.nns[i].name, code, p.Tail())
	}
}

// Kill ends the i-th NameNode with SIGKILL. One that does not run stays as it is.
func (c *Cluster) Kill(i int) {
	if p := c.NameNodeAt(i); p != nil {
		p.Kill()
	}
}

// Pause stops the i-th NameNode where it is (SIGSTOP); its connections stay open
// and silent.
func (c *Cluster) Pause(i int) { c.NameNodeAt(i).Pause() }

// Resume undoes Pause.
func (c *Cluster) Resume(i int) { c.NameNodeAt(i).Continue() }

// Leadership is what the store says about who leads.
type Leadership struct {
	NameNode int   // the one that took the lead last, from 0; -1 if its row is gone
	ID       int64 // of that run of it
	Epoch    int64
}

// Leadership reads the epoch row and the heartbeat table through a store of the
// caller's: see OpenStore.
func (c *Cluster) Leadership(ctx context.Context, store dal.Store) (Leadership, error) {
	got, err := store.Read(ctx, []dal.Fetch{
		{Table: schema.Variables, Keys: []schema.Key{schema.KeyOf(schema.Str(schema.VarEpoch))}},
		{Table: schema.Namenodes, Scan: &dal.Scan{}},
	})
	if err != nil {
		return Leadership{}, fmt.Errorf("who leads: %w", err)
	}
	l := Leadership{NameNode: -1}
	for _, r := range got[0].Rows {
		v := schema.VariableOf(r)
		l.Epoch = v.Value
		l.ID, _ = strconv.ParseInt(v.Text, 10, 64) // empty before the first leader
	}
	for _, r := range got[1].Rows {
		row := schema.NamenodeOf(r)
		for i, n := range c.nns {
			if row.ID == l.ID && row.RPCAddress == n.address {
				l.NameNode = i
			}
		}
	}
	return l, nil
}

// NameNodeConf writes a configuration folder for the i-th NameNode alone, for the
// scripts, and returns it.
func (c *Cluster) NameNodeConf(tb testing.TB, i int) string {
	tb.Helper()
	n := c.nns[i]
	props := maps.Clone(c.props)
	maps.DeleteFunc(props, func(key, _ string) bool {
		return strings.HasSuffix(key, "."+Nameservice) || strings.Contains(key, "."+Nameservice+".")
	})
	for k := 1; k < len(n.args); k += 2 {
		key, value, _ := strings.Cut(n.args[k], "=")
		props[key] = value
	}
	dir := filepath.Join(c.Dir, "conf-"+n.name)
	hadoop.WriteConf(tb, dir, props)
	return dir
}

// WaitDataNodes waits until every NameNode that runs knows n live DataNodes, all with room.
func (c *Cluster) WaitDataNodes(tb testing.TB, n int) {
	tb.Helper()
	deadline := time.Now().Add(startPatience)
	for i, nn := range c.nns {
		if p := nn.process(); p == nil || p.Ended() {
			continue
		}
		for {
			live, err := c.live(tb.Context(), i)
			ready := 0
			for _, d := range live {
				if d.GetCapacity() > 0 { // from its first heartbeat on blocks may go there
					ready++
				}
			}
			if err == nil && len(live) == n && ready == n {
				break
			}
			if time.Now().After(deadline) {
				tb.Fatalf("the NameNode at %s knows %d live DataNodes, %d of them with room, not %d (%v)", nn.address, len(live), ready, n, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// LiveDataNodes is how many live DataNodes the i-th NameNode knows.
func (c *Cluster) LiveDataNodes(ctx context.Context, i int) (int, error) {
	live, err := c.live(ctx, i)
	return len(live), err
}

func (c *Cluster) live(ctx context.Context, i int) ([]*hdfspb.DatanodeInfoProto, error) {
	var resp hdfspb.GetDatanodeReportResponseProto
	req := &hdfspb.GetDatanodeReportRequestProto{Type: hdfspb.DatanodeReportTypeProto_LIVE.Enum()}
	if err := c.client.Call(ctx, c.nns[i].address, ClientProtocol, "getDatanodeReport", req, &resp); err != nil {
		return nil, err
	}
	return resp.GetDi(), nil
}
