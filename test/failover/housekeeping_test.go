package failover

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

const (
	treeFolders = 40
	treeFiles   = 250 // in each
	leftOpen    = 30
	threeTimes  = 60 // files with three replicas
)

// growTree puts a tree of empty files into the store as their writers would have left
// them: /tree. The file system was formatted just now.
func growTree(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	store := cluster.OpenStore(t, c.StoreURL)
	defer store.Close()
	now := time.Now().UnixMilli()
	var changes []dal.Change
	put := func(table *schema.Table, r schema.Row) {
		changes = append(changes, dal.Change{Op: dal.Put, Table: table, Key: table.Key(r), Row: r})
	}
	inode := func(parent, id int64, name string, kind int64) {
		in := schema.Inode{PartitionID: schema.PartitionOf(parent), ParentID: parent, Name: name, ID: id, Kind: kind, UserName: "root",
			GroupName: "supergroup", Mode: 0o755, MTime: now, Replication: 1, BlockSize: 1 << 20}
		if kind == schema.KindDirectory {
			in.Replication, in.BlockSize, in.MTime = 0, 0, 0
		}
		put(schema.Inodes, in.Row())
	}
	directory := func(id, entries int64) {
		put(schema.Directories, (&schema.Directory{ID: id, MTime: now, Entries: entries, NSQuota: -1, DSQuota: -1}).Row())
	}
	const top = schema.FirstInodeID
	id := int64(top)
	directory(schema.RootID, 1)
	inode(schema.RootID, top, "tree", schema.KindDirectory)
	directory(top, treeFolders)
	for d := range treeFolders {
		id++
		dir := id
		inode(top, dir, fmt.Sprintf("d%02d", d), schema.KindDirectory)
		directory(dir, treeFiles)
		for f := range treeFiles {
			id++
			inode(dir, id, fmt.Sprintf("f%03d", f), schema.KindFile)
		}
	}
	put(schema.Variables, (&schema.Variable{Name: schema.VarNextInodeID, Value: id + 1}).Row())
	for part := range slices.Chunk(changes, 5000) {
		tx, err := store.Begin(t.Context())
		if err == nil {
			err = tx.Commit(t.Context(), part)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// inTheMiddle waits until a count of what is left to do has shrunk by a quarter, and
// kills the leader then. The NameNode is started again.
func (o *observer) inTheMiddle(what string, left func() int) {
	o.t.Helper()
	most := 0
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(time.Millisecond) {
		old := o.last()
		n := left()
		most = max(most, n)
		if n == 0 && most > 0 {
			o.t.Fatalf("%s was done before the leader was killed", what)
		}
		if n > 0 && n <= most*3/4 {
			at := time.Now()
			o.c.Kill(old.NameNode)
			took := o.wantNext(old, at)
			o.t.Logf("%s: %d of %d left when the leader was killed; %d left when the next one leads after %v", what, n, most, left(), took.Round(time.Millisecond))
			if took > takeover {
				o.t.Errorf("%s: a new leader after %v, which is more than %v", what, took, takeover)
			}
			o.c.Start(o.t, old.NameNode)
			return
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("%s does not get on: %d of %d left", what, n, most)
		}
	}
}

// eventually waits until a count is 0.
func (o *observer) eventually(what string, left func() int) {
	o.t.Helper()
	began := time.Now()
	for n := left(); n > 0; n = left() {
		if time.Since(began) > time.Minute {
			o.t.Fatalf("%s: %d left after a minute", what, n)
		}
		time.Sleep(50 * time.Millisecond)
	}
	o.t.Logf("%s: the next leader was done after %v", what, time.Since(began).Round(10*time.Millisecond))
}

// TestHousekeepingTakenOver kills the leader in the middle of what only a leader does:
// the next one goes on with it to the end.
func TestHousekeepingTakenOver(t *testing.T) {
	t.Parallel()
	const namenodes, datanodes = 3, 4
	c := cluster.New(t, cluster.Options{StoreURL: mariadb.Database(t), NameNodes: namenodes, DataNodes: datanodes, Conf: settings(map[string]string{
		"dfs.namenode.lease-hard-limit-sec":       "6",
		"dfs.namenode.heartbeat.recheck-interval": "500",
	})})
	c.Format(t)
	growTree(t, c)
	for i := range namenodes {
		c.Start(t, i)
	}
	for i := range datanodes {
		c.StartDataNode(t, i)
	}
	c.WaitDataNodes(t, datanodes)
	seen := observe(t, c)
	cl, err := client.New(clientConf(t, c))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()

	if _, err := cl.Delete("/tree", true); err != nil {
		t.Fatal(err)
	}
	left := func() int { return seen.rows(schema.Inodes) - 1 }
	seen.inTheMiddle("purge", left)
	seen.eventually("purge", left)
	seen.wantEmpty(schema.Purge)
	leaseRecovery(t, c, seen)
	replication(t, c, seen, cl)
	c.CheckStore(t)
}

// leaseRecovery leaves files open whose writer is gone: a leader closes them, with
// what was flushed.
func leaseRecovery(t *testing.T, c *cluster.Cluster, seen *observer) {
	writer, err := client.New(clientConf(t, c))
	if err != nil {
		t.Fatal(err)
	}
	name := func(i int) string { return fmt.Sprintf("/left/f%d", i) }
	for i := range leftOpen {
		f, err := writer.Create(name(i), client.CreateOptions{})
		if err == nil {
			_, err = fmt.Fprint(f, name(i))
		}
		if err == nil {
			err = f.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	writer.Close() // its files stay open
	// Two steps for each file: its block's recovery begins, and it is closed.
	left := func() int {
		n := 2 * seen.rows(schema.OpenFiles)
		for _, r := range seen.read(schema.Blocks) {
			if schema.BlockOf(r).State == schema.BlockUnderRecovery {
				n--
			}
		}
		return max(n, 0) // the two were read at different moments
	}
	seen.inTheMiddle("lease recovery", left)
	seen.eventually("lease recovery", left)
	for i := range leftOpen {
		want := name(i)
		f, err := only(t, c, i%3).Open(want)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 2*len(want))
		n, err := f.ReadAt(got, 0)
		f.Close()
		if string(got[:n]) != want {
			t.Errorf("%s holds %q (%v)", want, got[:n], err)
		}
	}
}

// replication kills a DataNode: a leader has its blocks copied.
func replication(t *testing.T, c *cluster.Cluster, seen *observer, cl *client.Client) {
	name := func(i int) string { return fmt.Sprintf("/three/f%d", i) }
	for i := range threeTimes {
		f, err := cl.Create(name(i), client.CreateOptions{Replication: 3})
		if err == nil {
			_, err = f.Write([]byte(strings.Repeat(name(i), 1000)))
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	uuid := datanodeUUID(t, c.DataDir(0))
	missing := func() int { return seen.missing(uuid) }
	for seen.missing("none") > 0 {
		time.Sleep(50 * time.Millisecond) // for the last reports
	}
	c.DataNode(0).Kill()
	seen.inTheMiddle("replication", missing)
	seen.eventually("replication", missing)
}

// datanodeUUID reads which DataNode a folder belongs to.
func datanodeUUID(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "current", "VERSION"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if uuid, ok := strings.CutPrefix(line, "datanodeUuid="); ok {
			return strings.TrimSpace(uuid)
		}
	}
	t.Fatalf("%s/current/VERSION names no DataNode:\n%s", dir, data)
	return ""
}

// missing is how many files with three replicas have fewer than that on others than
// one DataNode.
func (o *observer) missing(uuid string) int {
	o.t.Helper()
	there := map[int64]bool{} // storages
	for _, r := range o.read(schema.Storages) {
		s := schema.StorageOf(r)
		there[s.StorageID] = s.DatanodeUUID != uuid
	}
	good := map[int64]int{} // replicas of a block
	for _, r := range o.read(schema.Replicas) {
		if rep := schema.ReplicaOf(r); there[rep.StorageID] && rep.State == schema.ReplicaFinalized {
			good[rep.BlockID]++
		}
	}
	three := map[int64]bool{} // files
	for _, r := range o.read(schema.Inodes) {
		in := schema.InodeOf(r)
		three[in.ID] = in.Replication == 3
	}
	n := 0
	for _, r := range o.read(schema.Blocks) {
		if b := schema.BlockOf(r); three[b.InodeID] && good[b.BlockID] < 3 {
			n++
		}
	}
	return n
}
