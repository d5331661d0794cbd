package failover

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/proxy"
)

// leaderOnly is a statement that only the leader's purge of removed trees sends.
const leaderOnly = "DELETE FROM purge_queue"

// only is a client of one NameNode.
func only(t *testing.T, c *cluster.Cluster, i int) *client.Client {
	t.Helper()
	cl, err := client.New(clientConf(t, c), client.WithURI("hdfs://"+c.AddressAt(i)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cl.Close() })
	return cl
}

// removeTree removes a tree through a client and waits until nothing of it is left
// in the store. It returns how often the proxy saw the purge meanwhile.
func (o *observer) removeTree(cl *client.Client, name string, p *proxy.Proxy) int {
	o.t.Helper()
	for i := range 20 {
		if err := cl.MkdirAll(fmt.Sprintf("%s/a%d/b", name, i), 0o755); err != nil {
			o.t.Fatal(err)
		}
	}
	p.Count(leaderOnly)
	before := p.Counted(leaderOnly)
	if removed, err := cl.Delete(name, true); err != nil || !removed {
		o.t.Fatalf("delete %s: %v, %v", name, removed, err)
	}
	o.wantEmpty(schema.Purge)
	return p.Counted(leaderOnly) - before
}

// wantLog waits until a NameNode has written a line.
func wantLog(t *testing.T, c *cluster.Cluster, i int, text string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(c.NameNodeAt(i).Output(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("NameNode %d does not say %q; its output:\n%s", i+1, text, c.NameNodeAt(i).Tail())
		}
	}
}

// TestStoppedLeader stops the leader where it is for half a minute. Another one leads
// in time; the old one finds out when it goes on, changes nothing as leader, and
// serves clients.
func TestStoppedLeader(t *testing.T) {
	t.Parallel()
	const stopped = 30 * time.Second
	c, p := startBehind(t, 3, 2, nil, 0)
	seen := observe(t, c)
	old := seen.last()
	if old.NameNode != 0 {
		t.Fatalf("NameNode %d leads, not the first one", old.NameNode+1)
	}
	l := startLoad(t, c, 8)
	l.wantProgress("before the stop")
	if n := seen.removeTree(only(t, c, 1), "/before", p); n == 0 {
		t.Errorf("the leader did not send %q: the test would not see it", leaderOnly)
	}

	began := time.Now()
	c.Pause(0)
	t.Cleanup(func() { c.Resume(0) })
	events := []event{{at: began, leader: true}}
	took := seen.wantNext(old, began)
	t.Logf("a new leader after %v", took.Round(time.Millisecond))
	if took > takeover {
		t.Errorf("a new leader after %v, which is more than %v", took, takeover)
	}
	l.wantProgress("while the old leader is stopped")
	time.Sleep(time.Until(began.Add(stopped)))
	next := seen.last()
	c.Resume(0)
	wantLog(t, c, 0, "does not lead any more")
	l.wantProgress("after the old leader went on")
	if n := seen.removeTree(only(t, c, 0), "/after", p); n != 0 {
		t.Errorf("the old leader purged %d times though another one leads", n)
	}
	if last := seen.last(); last.Epoch != next.Epoch || last.ID != next.ID {
		t.Errorf("epoch %d of NameNode %d after the old leader went on, want %d of %d still", last.Epoch, last.ID, next.Epoch, next.ID)
	}
	l.end()
	c.CheckStore(t)
	t.Logf("clients of ours:\n%v", l.times.after(events, stopped))
}
