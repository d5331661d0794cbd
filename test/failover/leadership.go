package failover

import (
	"context"
	"maps"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/mariadb"
	"github.com/hopsql/hopsql/testkit/proxy"
)

// The NameNodes of these tests look after each other four times as often as they do
// unless told, so that a test sees many changes of the leader.
const (
	interval = 500 * time.Millisecond
	missed   = 3
	// takeover is the longest time without a leader: until its death is noticed,
	// and as long again.
	takeover = 2 * missed * interval
)

// settings of all processes of a test.
func settings(more map[string]string) map[string]string {
	props := map[string]string{
		"dfs.leader.check.interval":                       "500",
		"dfs.leader.missed.hb":                            "3",
		"dfs.blocksize":                                   "65536",
		"dfs.replication":                                 "2",
		"dfs.namenode.redundancy.interval.seconds":        "1",
		"dfs.namenode.reconstruction.pending.timeout-sec": "5",
		// A NameNode that is there and says nothing has to be given up some time.
		"ipc.client.rpc-timeout.ms": "5000",
	}
	maps.Copy(props, more)
	return props
}

// start starts NameNodes over one database, and DataNodes.
func start(t *testing.T, namenodes, datanodes int, more map[string]string) *cluster.Cluster {
	t.Helper()
	return cluster.Start(t, cluster.Options{StoreURL: mariadb.Database(t), NameNodes: namenodes, DataNodes: datanodes, Conf: settings(more)})
}

// startBehind is start with a proxy between the database and some of the NameNodes.
func startBehind(t *testing.T, namenodes, datanodes int, more map[string]string, behind ...int) (*cluster.Cluster, *proxy.Proxy) {
	t.Helper()
	server := mariadb.Shared(t)
	name := server.Database(t)
	p := proxy.Start(t, net.JoinHostPort(server.Host, strconv.Itoa(server.Port)))
	through := *server
	host, port, err := net.SplitHostPort(p.Addr())
	if err == nil {
		through.Host = host
		through.Port, err = strconv.Atoi(port)
	}
	if err != nil {
		t.Fatal(err)
	}
	opt := cluster.Options{StoreURL: server.URL(name), NameNodes: namenodes, DataNodes: datanodes, Conf: settings(more), StoreURLs: make([]string, namenodes)}
	for _, i := range behind {
		opt.StoreURLs[i] = through.URL(name)
	}
	return cluster.Start(t, opt), p
}

func clientConf(t *testing.T, c *cluster.Cluster) *conf.Config {
	t.Helper()
	cfg, err := conf.Load(conf.Options{Dir: c.Conf})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// observer watches the epoch row from outside of all NameNodes.
type observer struct {
	t     *testing.T
	c     *cluster.Cluster
	store dal.Store
	quit  context.CancelFunc
	ended chan struct{}

	mu      sync.Mutex
	changes []change
}

// change is when a leadership was seen first.
type change struct {
	cluster.Leadership
	at time.Time
}

// observe starts an observer and waits until somebody leads.
func observe(t *testing.T, c *cluster.Cluster) *observer {
	t.Helper()
	ctx, quit := context.WithCancel(context.Background())
	o := &observer{t: t, c: c, store: cluster.OpenStore(t, c.StoreURL), quit: quit, ended: make(chan struct{})}
	go o.watch(ctx)
	t.Cleanup(func() {
		quit()
		<-o.ended
		if err := o.store.Close(); err != nil {
			t.Error(err)
		}
	})
	for deadline := time.Now().Add(time.Minute); o.last().NameNode < 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody leads after a minute")
		}
	}
	return o
}

func (o *observer) watch(ctx context.Context) {
	defer close(o.ended)
	for ctx.Err() == nil {
		l, err := o.c.Leadership(ctx, o.store)
		o.mu.Lock()
		if last := len(o.changes) - 1; err == nil && (last < 0 || o.changes[last].Epoch != l.Epoch) {
			o.changes = append(o.changes, change{l, time.Now()})
		}
		o.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
}

// last is the newest leadership.
func (o *observer) last() change {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.changes) == 0 {
		return change{Leadership: cluster.Leadership{NameNode: -1}}
	}
	return o.changes[len(o.changes)-1]
}

// wantNext waits until somebody leads under a newer epoch, and returns how long after
// from that was.
func (o *observer) wantNext(old change, from time.Time) time.Duration {
	o.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if next := o.last(); next.Epoch > old.Epoch {
			return next.at.Sub(from)
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("no new leader a minute after the loss of NameNode %d", old.NameNode+1)
		}
	}
}

// history is all changes of the leader.
func (o *observer) history() []change {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]change(nil), o.changes...)
}

// wantEmpty waits until a table has no rows, for background work to be done.
func (o *observer) wantEmpty(table *schema.Table) {
	o.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		n := o.rows(table)
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("%s still has %d rows after a minute", table.Name, n)
		}
	}
}

// rows is how many rows a table has.
func (o *observer) rows(table *schema.Table) int {
	o.t.Helper()
	return len(o.read(table))
}

func (o *observer) read(table *schema.Table) []schema.Row {
	o.t.Helper()
	got, err := o.store.Read(o.t.Context(), []dal.Fetch{{Table: table, Scan: &dal.Scan{}}})
	if err != nil {
		o.t.Fatal(err)
	}
	return got[0].Rows
}
