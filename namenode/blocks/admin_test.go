package blocks_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/hosts"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

// lists are the operator's lists of a cluster, in files.
type lists struct {
	t       *testing.T
	c       *fakecluster.Cluster
	include string
	exclude string
}

// governed starts a cluster with a list to let hosts in and one to have them emptied.
func governed(t *testing.T, opt fakecluster.Options) *lists {
	t.Helper()
	dir := t.TempDir()
	l := &lists{t: t, include: filepath.Join(dir, "include"), exclude: filepath.Join(dir, "exclude")}
	l.write(l.include, "")
	l.write(l.exclude, "")
	l.start(opt, conf.New(map[string]string{"dfs.hosts": l.include, "dfs.hosts.exclude": l.exclude}))
	return l
}

func (l *lists) start(opt fakecluster.Options, c *conf.Config) {
	l.t.Helper()
	h, err := hosts.FromConf(l.t.Context(), c, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	opt.Blocks.Hosts = h
	l.c = fakecluster.New(l.t, opt)
}

func (l *lists) write(path, text string) {
	l.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// refresh changes a list and has it read at the NameNode that the cluster asks.
func (l *lists) refresh(path, text string) {
	l.t.Helper()
	l.write(path, text)
	if err := l.c.Reg.RefreshNodes(context.Background()); err != nil {
		l.t.Fatal(err)
	}
}

// state is the admin state of a DataNode at a NameNode.
func state(t *testing.T, reg *blocks.Registry, d *fakecluster.Datanode) string {
	t.Helper()
	for _, st := range reg.Datanodes(blocks.ListAll) {
		if st.UUID == d.Row.UUID {
			return blocks.AdminStateName(st.AdminState)
		}
	}
	return "unknown"
}

func (l *lists) want(d *fakecluster.Datanode, want string) {
	l.t.Helper()
	if got := state(l.t, l.c.Reg, d); got != want {
		l.t.Fatalf("%s is %q, want %q", d.Row.IP, got, want)
	}
}

// holder returns a DataNode with a replica of a block.
func holder(c *fakecluster.Cluster, block int64) *fakecluster.Datanode {
	for _, d := range c.DN {
		if _, ok := d.Replicas[block]; ok {
			return d
		}
	}
	return nil
}

const (
	inService      = "In Service"
	leaving        = "Decommission In Progress"
	decommissioned = "Decommissioned"
	entering       = "Entering Maintenance"
	maintenance    = "In Maintenance"
)

func TestDecommission(t *testing.T) {
	l := governed(t, fakecluster.Options{Datanodes: 4})
	c := l.c
	b := c.Write("/f", 3, mib)[0]
	d := holder(c, b.ID)
	second := c.Second()
	l.refresh(l.exclude, d.Row.IP)
	l.want(d, leaving)
	if n := len(c.Reg.Datanodes(blocks.ListDecommissioning)); n != 1 {
		t.Errorf("%d DataNodes are listed as leaving", n)
	}
	c.Tick()
	if got := state(t, second.Reg, d); got != leaving {
		t.Errorf("the other NameNode: %q", got)
	}
	if l := c.Locate("/f").Blocks[0]; len(l.Targets) != 3 {
		t.Errorf("%d locations while it leaves", len(l.Targets))
	}
	// Nothing new goes there.
	for i := range 5 {
		for _, x := range c.Write(fmt.Sprint("/new", i), 3, mib) {
			if _, ok := d.Replicas[x.ID]; ok {
				t.Fatal("a new block was written to a DataNode that leaves")
			}
		}
	}
	// The leader dies; the next one goes on.
	c.Kill(c.NN[0])
	c.Reg, c.NS, c.Eng = second.Reg, second.NS, second.Eng
	c.Lead(second)
	c.Live(30 * time.Second)
	l.want(d, decommissioned)
	if c.Holders(b.ID) != 4 {
		t.Errorf("%d replicas, want three beside the one that left", c.Holders(b.ID))
	}
	targets := c.Locate("/f").Blocks[0].Targets
	if len(targets) != 4 || targets[3].Datanode.UUID != d.Row.UUID {
		t.Errorf("the decommissioned DataNode is not the last resort: %v", uuids(targets))
	}
	if s := c.Reg.Cluster(); s.Live != 4 || s.InService != 3 || s.States.DecommissionedLive != 1 || s.Capacity != 3<<40 {
		t.Errorf("%+v", s)
	}
	// Back in service it has a replica too many.
	l.refresh(l.exclude, "")
	l.want(d, inService)
	c.Live(time.Minute)
	if c.Holders(b.ID) != 3 || good(c, b.ID) != 3 || len(c.Rows(schema.Reconstructions)) != 0 {
		t.Errorf("back in service: %d replicas, %d good rows, %d queued", c.Holders(b.ID), good(c, b.ID), len(c.Rows(schema.Reconstructions)))
	}
	for _, row := range c.Rows(schema.Storages) {
		if s := schema.StorageOf(row); s.State != 0 {
			t.Errorf("storage %d still has the state %d", s.StorageID, s.State)
		}
	}
}

// TestDecommissionWithoutRoom waits for a DataNode that can take the replicas.
func TestDecommissionWithoutRoom(t *testing.T) {
	l := governed(t, fakecluster.Options{Datanodes: 3, Blocks: blocks.Options{Replication: 3}})
	b := l.c.Write("/f", 3, mib)[0]
	l.refresh(l.exclude, l.c.DN[0].Row.IP)
	l.c.Live(time.Minute)
	l.want(l.c.DN[0], leaving)
	for _, d := range l.c.Reg.Datanodes(blocks.ListDecommissioning) {
		if d.Leaving != (blocks.Leaving{UnderReplicated: 1}) {
			t.Errorf("held up by %+v", d.Leaving)
		}
	}
	l.c.AddDatanode("10.0.0.9", 9866).Beat()
	l.c.Live(time.Minute)
	l.want(l.c.DN[0], decommissioned)
	if l.c.Holders(b.ID) != 4 {
		t.Errorf("%d replicas", l.c.Holders(b.ID))
	}
}

// TestLastReplicasAreCopied from the DataNode that leaves.
func TestLastReplicasAreCopied(t *testing.T) {
	l := governed(t, fakecluster.Options{Datanodes: 2})
	var all []blocks.Block
	for i := range 20 {
		all = append(all, l.c.Write(fmt.Sprint("/f", i), 1, mib)...)
	}
	d := holder(l.c, all[0].ID)
	l.refresh(l.exclude, fmt.Sprintf("%s:%d", d.Row.IP, d.Row.XferPort))
	l.c.Live(3 * time.Second)
	if s := l.c.Reg.Blocks(); s.Missing != 0 {
		t.Errorf("blocks on a DataNode that leaves count as missing: %+v", s)
	}
	l.c.Live(3 * time.Minute)
	l.want(d, decommissioned)
	d.Down = true
	for _, b := range all {
		if l.c.Holders(b.ID) != 1 {
			t.Errorf("block %d has %d replicas without the DataNode that left", b.ID, l.c.Holders(b.ID))
		}
	}
}

// TestOpenFileHoldsUp a DataNode until another one has enough of it.
func TestOpenFileHoldsUp(t *testing.T) {
	l := governed(t, fakecluster.Options{Datanodes: 3})
	st := l.c.Create("/open", "w", 1)
	lb := l.c.AddBlock("/open", "w", st.ID, nil)
	l.c.Start(lb, 5)
	d := l.c.Named(lb.Targets[0].Datanode.UUID)
	l.refresh(l.exclude, d.Row.IP)
	l.c.Live(time.Minute)
	l.want(d, leaving)
	l.c.Create("/elsewhere", "w", 1)
	page, more, err := l.c.NS.ListBlockingFiles(context.Background(), fakecluster.Root, 0, "/")
	if err != nil || more || len(page) != 1 || page[0].Path != "/open" {
		t.Errorf("held up by %+v, %v, %v", page, more, err)
	}
	b := l.c.Fill(lb, 5)
	l.c.Complete("/open", "w", st.ID, &b)
	l.c.Live(time.Minute)
	l.want(d, decommissioned)
	if l.c.Holders(b.ID) != 2 {
		t.Errorf("%d replicas", l.c.Holders(b.ID))
	}
}

func TestDeadDataNodeIsDecommissionedAtOnce(t *testing.T) {
	l := governed(t, fakecluster.Options{Datanodes: 4})
	b := l.c.Write("/f", 3, mib)[0]
	d := holder(l.c, b.ID)
	d.Down = true
	l.c.Live(12 * time.Minute)
	l.refresh(l.exclude, d.Row.IP)
	l.want(d, decommissioned)
	l.c.Live(time.Minute)
	if l.c.Holders(b.ID) != 3 {
		t.Errorf("%d replicas", l.c.Holders(b.ID))
	}
	// It comes back, and may have blocks that nobody else has.
	d.Down = false
	l.c.Beat()
	l.want(d, leaving)
	l.c.Live(time.Minute)
	l.want(d, decommissioned)
}

func TestDataNodeThatIsNotIncluded(t *testing.T) {
	l := governed(t, fakecluster.Options{Datanodes: 3})
	b := l.c.Write("/f", 2, mib)[0]
	d := holder(l.c, b.ID)
	var others string
	for _, o := range l.c.DN {
		if o != d {
			others += o.Row.IP + "\n"
		}
	}
	l.refresh(l.include, others)
	_, err := l.c.Reg.Heartbeat(context.Background(), blocks.HeartbeatReport{Datanode: d.Row.UUID})
	if fault.KindOf(err) != fault.Disallowed {
		t.Errorf("heartbeat: %v", err)
	}
	if err := l.c.Reg.Register(context.Background(), d.Row); fault.KindOf(err) != fault.Disallowed {
		t.Errorf("registration: %v", err)
	}
	d.Down = true
	l.c.Live(time.Minute)
	if l.c.Holders(b.ID) != 2 {
		t.Errorf("%d replicas", l.c.Holders(b.ID))
	}
	l.refresh(l.include, "")
	d.Down = false
	l.c.Live(time.Minute)
	if n := len(l.c.Reg.Datanodes(blocks.ListLive)); n != 3 || l.c.Holders(b.ID) != 2 {
		t.Errorf("let in again: %d live DataNodes, %d replicas", n, l.c.Holders(b.ID))
	}
}

func TestMaintenance(t *testing.T) {
	l := &lists{t: t, include: filepath.Join(t.TempDir(), "hosts.json")}
	entry := func(adminState string, until int64) string {
		return fmt.Sprintf(`[{"hostName": "10.0.0.1", "adminState": %q, "maintenanceExpireTimeInMS": %d}]`, adminState, until)
	}
	l.write(l.include, "[]")
	l.start(fakecluster.Options{Datanodes: 4, Blocks: blocks.Options{MinMaintenance: 2}}, conf.New(map[string]string{
		"dfs.hosts": l.include, "dfs.namenode.hosts.provider.classname": "org.apache.hadoop.hdfs.server.blockmanagement.CombinedHostFileManager"}))
	c, d := l.c, l.c.DN[0]
	var three, one blocks.Block
	for i := 0; three.ID == 0 || one.ID == 0; i++ {
		if b := c.Write(fmt.Sprint("/three", i), 3, mib)[0]; d.Replicas[b.ID].ID != 0 {
			three = b
		}
		if b := c.Write(fmt.Sprint("/one", i), 1, mib)[0]; d.Replicas[b.ID].ID != 0 {
			one = b
		}
	}
	until := c.Now().Add(time.Hour).UnixMilli()
	l.refresh(l.include, entry("IN_MAINTENANCE", until))
	l.want(d, entering)
	c.Live(time.Minute)
	l.want(d, maintenance)
	if c.Holders(three.ID) != 3 {
		t.Errorf("%d replicas of three: two elsewhere are enough meanwhile", c.Holders(three.ID))
	}
	if c.Holders(one.ID) != 2 {
		t.Errorf("%d replicas of one: there must be one elsewhere", c.Holders(one.ID))
	}
	for _, target := range c.Locate("/three0").Blocks[0].Targets {
		if target.Datanode.UUID == d.Row.UUID {
			t.Error("readers are sent to a DataNode under maintenance")
		}
	}
	// It is switched off for a while, which is no reason to copy anything; a NameNode
	// that starts meanwhile knows that as well.
	d.Down = true
	c.Live(20 * time.Minute)
	c.Restart()
	c.Live(20 * time.Minute)
	l.want(d, maintenance)
	if c.Holders(three.ID) != 2 {
		t.Errorf("%d replicas were made of a block that comes back", c.Holders(three.ID)-2)
	}
	if s := c.Reg.Cluster(); s.Dead != 1 || s.States.MaintenanceDead != 1 {
		t.Errorf("%+v", s)
	}
	// It does not come back in time.
	c.Live(30 * time.Minute)
	l.want(d, inService)
	if c.Holders(three.ID) != 3 {
		t.Errorf("%d replicas after the maintenance took too long", c.Holders(three.ID))
	}
	d.Down = false
	c.Live(2 * time.Minute)
	if c.Holders(three.ID) != 3 || c.Holders(one.ID) != 1 {
		t.Errorf("back at last: %d and %d replicas, want 3 and 1", c.Holders(three.ID), c.Holders(one.ID))
	}
}

// TestRefreshAtAnother NameNode than the leader: that one reads its lists, too.
func TestRefreshAtAnother(t *testing.T) {
	l := governed(t, fakecluster.Options{Datanodes: 4})
	second := l.c.Second()
	l.c.Tick()
	l.write(l.exclude, l.c.DN[0].Row.IP)
	if err := second.Reg.RefreshNodes(context.Background()); err != nil {
		t.Fatal(err)
	}
	l.c.Tick()
	l.want(l.c.DN[0], decommissioned) // it has no blocks
}

func TestBalancerBandwidth(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 2})
	second := c.Second()
	c.Tick()
	for _, reg := range []*blocks.Registry{c.Reg, second.Reg} {
		for _, d := range c.DN {
			d.Got = nil
		}
		if err := reg.SetBalancerBandwidth(context.Background(), 1<<20); err != nil {
			t.Fatal(err)
		}
		c.Live(6 * time.Second)
		for _, d := range c.DN {
			if len(d.Got) != 1 || d.Got[0].Bandwidth != 1<<20 {
				t.Errorf("%s got %+v", d.Row.UUID, d.Got)
			}
		}
	}
}

func TestBlocksOn(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 3})
	var want []int64
	for i := range 100 {
		for _, b := range c.Write(fmt.Sprint("/f", i), 2, mib, 1000) {
			if _, ok := c.DN[0].Replicas[b.ID]; ok && b.NumBytes == mib {
				want = append(want, b.ID)
			}
		}
	}
	ask := func(q blocks.BalancerRequest) (ids []int64) {
		t.Helper()
		found, err := c.Reg.BlocksOn(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range found {
			ids = append(ids, b.BlockID)
			if len(b.Targets) != 2 {
				t.Errorf("block %d with %d replicas", b.BlockID, len(b.Targets))
			}
		}
		return ids
	}
	q := blocks.BalancerRequest{Datanode: "dn-0", Size: 1 << 40, MinBlock: 2000}
	got := ask(q)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("all: %v, want %v", got, want)
	}
	c.DN[0].FullReport()
	first := map[int64]bool{}
	for range 50 {
		few := ask(blocks.BalancerRequest{Datanode: "dn-0", Size: 2 * mib, MinBlock: 2000, Type: blocks.TypeDisk})
		if len(few) != 2 {
			t.Fatalf("two blocks were asked for: %v", few)
		}
		first[few[0]] = true
	}
	if len(first) < 3 {
		t.Errorf("it always begins with one of %d blocks", len(first))
	}
	q.Type = blocks.TypeSSD
	if got := ask(q); len(got) != 0 {
		t.Errorf("on SSDs: %v", got)
	}
	for _, bad := range []blocks.BalancerRequest{{Datanode: "dn-0"}, {Datanode: "nobody", Size: 1}, {Datanode: "dn-0", Size: 1, MinBlock: -1}} {
		if _, err := c.Reg.BlocksOn(context.Background(), bad); err == nil {
			t.Errorf("%+v is answered", bad)
		}
	}
}

// TestTwoWithOneUUID: the DataNode that registers last stays.
func TestTwoWithOneUUID(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 2})
	first := c.DN[0].Row
	if err := c.Reg.Superseded(first); err != nil {
		t.Fatal(err)
	}
	second := first
	second.IP = "10.0.0.77"
	if err := c.Reg.Register(context.Background(), second); err != nil {
		t.Fatal(err)
	}
	if err := c.Reg.Superseded(first); fault.KindOf(err) != fault.Unregistered {
		t.Errorf("the first one: %v", err)
	}
	if err := c.Reg.Superseded(second); err != nil {
		t.Errorf("the second one: %v", err)
	}
	c.DN[0].Row = second
}

// racksOf returns on how many racks a block is.
func racksOf(c *fakecluster.Cluster, block int64) int {
	racks := map[string]bool{}
	for _, d := range c.DN {
		if _, ok := d.Replicas[block]; ok && !d.Down {
			racks[d.Row.Location] = true
		}
	}
	return len(racks)
}

// TestSecondRack: blocks that were written to one rack get a replica on another one.
func TestSecondRack(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 3, Racks: []string{"/a"}})
	var all []blocks.Block
	for i := range 5 {
		all = append(all, c.Write(fmt.Sprint("/f", i), 3, mib)...)
	}
	single := c.Write("/single", 1, mib)[0]
	d := c.AddDatanode("10.0.0.9", 9866)
	d.Row.Location = "/b"
	d.Register()
	c.Beat()
	c.Tick()
	if s := c.Reg.Blocks(); s.Misplaced != 5 {
		t.Errorf("%+v", s)
	}
	c.Live(time.Minute)
	for _, b := range all {
		if racksOf(c, b.ID) != 2 || c.Holders(b.ID) != 3 {
			t.Errorf("block %d: %d replicas on %d racks", b.ID, c.Holders(b.ID), racksOf(c, b.ID))
		}
	}
	if n := len(c.Rows(schema.Reconstructions)); n != 0 || c.Holders(single.ID) != 1 {
		t.Errorf("%d blocks still queued, the single replica is now %d", n, c.Holders(single.ID))
	}
	// The rack fails: its replicas are made on the other one, and let go of later.
	d.Down = true
	c.Live(13 * time.Minute)
	for _, b := range all {
		if c.Holders(b.ID) != 3 {
			t.Errorf("block %d: %d replicas without the rack", b.ID, c.Holders(b.ID))
		}
	}
	d.Down = false
	c.Live(2 * time.Minute)
	for _, b := range all {
		if racksOf(c, b.ID) != 2 || c.Holders(b.ID) != 3 {
			t.Errorf("block %d: %d replicas on %d racks after the rack is back", b.ID, c.Holders(b.ID), racksOf(c, b.ID))
		}
	}
}
