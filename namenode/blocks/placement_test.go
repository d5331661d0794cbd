package blocks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

func uuids(targets []blocks.Target) []string {
	var out []string
	for _, t := range targets {
		out = append(out, t.Datanode.UUID)
	}
	return out
}

// choose asks many times, so that a rule that holds by chance does not pass.
func choose(t *testing.T, c *fakecluster.Cluster, p blocks.Placement, check func([]blocks.Target)) {
	t.Helper()
	for seed := range uint64(100) {
		p.Seed = seed
		targets := c.Reg.Choose(p)
		seen := map[string]bool{}
		for _, u := range uuids(targets) {
			if seen[u] {
				t.Fatalf("%s twice in %v", u, uuids(targets))
			}
			seen[u] = true
		}
		check(targets)
		if !slices.Equal(uuids(targets), uuids(c.Reg.Choose(p))) {
			t.Fatal("the same seed chooses others")
		}
	}
}

func TestFirstReplicaIsLocal(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 6})
	c.AddDatanode("10.0.0.1", 9867).Beat() // a second one on that machine
	p := blocks.Placement{Writer: "10.0.0.1", Count: 3, BlockSize: mib}
	first := map[string]int{}
	choose(t, c, p, func(targets []blocks.Target) {
		if len(targets) != 3 || targets[0].Datanode.IP != "10.0.0.1" {
			t.Fatalf("%v", uuids(targets))
		}
		first[targets[0].Datanode.UUID]++
	})
	if len(first) != 2 {
		t.Errorf("only one of two local DataNodes is chosen: %v", first)
	}
	p.AvoidLocal = true
	choose(t, c, p, func(targets []blocks.Target) {
		for _, target := range targets {
			if target.Datanode.IP == "10.0.0.1" {
				t.Fatalf("local: %v", uuids(targets))
			}
		}
	})
	p = blocks.Placement{Writer: "10.0.0.1", Count: 7, BlockSize: mib, AvoidLocal: true}
	choose(t, c, p, func(targets []blocks.Target) {
		if len(targets) != 7 {
			t.Fatalf("%d targets where all are needed", len(targets))
		}
	})
}

func TestRacks(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 8, Racks: []string{"/a", "/b"}})
	choose(t, c, blocks.Placement{Writer: "10.0.0.1", Count: 3, BlockSize: mib}, func(targets []blocks.Target) {
		r := []string{targets[0].Datanode.Location, targets[1].Datanode.Location, targets[2].Datanode.Location}
		if r[0] != "/a" || r[1] != "/b" || r[2] != "/b" {
			t.Fatalf("racks %v", r)
		}
	})
	choose(t, c, blocks.Placement{Count: 8, BlockSize: mib}, func(targets []blocks.Target) {
		if len(targets) != 8 {
			t.Fatalf("%d targets", len(targets))
		}
	})
	existing := c.Reg.Find([]string{"dn-0", "dn-2"}, nil) // both on /a
	choose(t, c, blocks.Placement{Existing: existing, Count: 1, BlockSize: mib, Copying: true}, func(targets []blocks.Target) {
		if targets[0].Datanode.Location != "/b" {
			t.Fatalf("the third on %s", targets[0].Datanode.Location)
		}
	})
}

func TestWhoIsNotChosen(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 6})
	c.DN[0].Down = true // stale soon
	c.DN[1].Capacity = mib / 2
	c.DN[2].Xceivers = 100 // more than twice the average
	c.Pass(31 * time.Second)
	c.Beat()
	p := blocks.Placement{Count: 2, BlockSize: mib, Excluded: []string{"dn-3"}}
	choose(t, c, p, func(targets []blocks.Target) {
		got := uuids(targets)
		slices.Sort(got)
		if !slices.Equal(got, []string{"dn-4", "dn-5"}) {
			t.Fatalf("%v", got)
		}
	})
	p.Count = 6 // then the busy and the stale ones will do, the full and the excluded ones not
	choose(t, c, p, func(targets []blocks.Target) {
		got := uuids(targets)
		if len(got) != 4 || slices.Contains(got, "dn-1") || slices.Contains(got, "dn-3") {
			t.Fatalf("%v", got)
		}
	})
}

func TestFavoredNodes(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 6})
	p := blocks.Placement{Writer: "10.0.0.1", Count: 3, BlockSize: mib, Favored: []string{"host-10.0.0.5:9866", "10.0.0.6", "10.0.0.4:1"}}
	choose(t, c, p, func(targets []blocks.Target) {
		if u := uuids(targets); u[0] != "dn-4" || u[1] != "dn-5" || len(u) != 3 {
			t.Fatalf("%v", u)
		}
	})
}

func TestStoragePolicies(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: fakecluster.None})
	for i, kind := range []int64{blocks.TypeDisk, blocks.TypeDisk, blocks.TypeSSD, blocks.TypeArchive, blocks.TypeArchive} {
		d := c.AddDatanode(fmt.Sprintf("10.0.0.%d", i), 1)
		d.Storage.Type = kind
		d.FullReport()
	}
	c.Beat()
	for _, test := range []struct {
		policy int64
		count  int
		want   string
	}{
		{0, 3, "DISK DISK"}, {7, 2, "DISK DISK"}, {2, 2, "ARCHIVE ARCHIVE"},
		{5, 3, "ARCHIVE ARCHIVE DISK"}, {10, 3, "DISK DISK SSD"}, {12, 2, "DISK SSD"},
	} {
		choose(t, c, blocks.Placement{Policy: test.policy, Count: test.count, BlockSize: mib}, func(targets []blocks.Target) {
			var got []string
			for _, target := range targets {
				got = append(got, []string{"", "DISK", "SSD", "ARCHIVE"}[target.Storage.Type])
			}
			slices.Sort(got)
			if s := strings.Join(got, " "); s != test.want {
				t.Fatalf("policy %d: %s, want %s", test.policy, s, test.want)
			}
		})
	}
}

func TestNoRoomAnywhere(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 2, Capacity: 1000})
	st := c.Create("/f", "w", 2)
	_, err := c.NS.AddBlock(ctx, fakecluster.Root, namespace.AddBlockRequest{Src: "/f", ClientName: "w", FileID: st.ID, Excluded: []string{"dn-0"}})
	want := "File /f could only be written to 0 of the 1 minReplication nodes. There are 2 datanode(s) running and 1 node(s) are excluded in this operation."
	if fault.KindOf(err) != fault.IO || err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// TestScheduledBlocksTakeRoom: blocks that were placed and have no bytes yet count.
func TestScheduledBlocksTakeRoom(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1, Capacity: 3 * mib})
	for i := range 3 {
		path := fmt.Sprintf("/f%d", i)
		st := c.Create(path, "w", 1)
		c.AddBlock(path, "w", st.ID, nil)
	}
	st := c.Create("/g", "w", 1)
	if _, err := c.NS.AddBlock(ctx, fakecluster.Root, namespace.AddBlockRequest{Src: "/g", ClientName: "w", FileID: st.ID}); err == nil {
		t.Error("a fourth block found room for three")
	}
	c.Live(11 * time.Minute) // they were never written
	c.AddBlock("/g", "w", st.ID, nil)
}

func TestLocationsAreSorted(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 4, Racks: []string{"/a", "/b"}})
	c.Write("/f", 4, mib)
	reader := &namespace.Caller{User: "root", Host: "10.0.0.3"} // dn-2, on /a
	for range 20 {
		l, err := c.NS.GetBlockLocations(ctx, reader, "/f", 0, mib)
		if err != nil {
			t.Fatal(err)
		}
		if u := uuids(l.Blocks[0].Targets); u[0] != "dn-2" || u[1] != "dn-0" {
			t.Fatalf("%v", u)
		}
	}
	c.DN[2].Down = true
	c.Pass(40 * time.Second)
	c.Beat()
	l, err := c.NS.GetBlockLocations(ctx, reader, "/f", 0, mib)
	if err != nil {
		t.Fatal(err)
	}
	if u := uuids(l.Blocks[0].Targets); len(u) != 4 || u[3] != "dn-2" {
		t.Errorf("a stale one must be last: %v", u)
	}
	c.Live(11 * time.Minute)
	if u := uuids(c.Locate("/f").Blocks[0].Targets); slices.Contains(u, "dn-2") {
		t.Errorf("a dead one is listed: %v", u)
	}
}

func TestRangesOfLocations(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	c.Write("/f", 1, mib, mib, 10)
	for _, test := range []struct {
		offset, length int64
		want           int
	}{{0, 1, 1}, {0, mib, 1}, {0, mib + 1, 2}, {mib, 1, 1}, {mib - 1, 2, 2}, {0, 1 << 62, 3}, {2*mib + 9, 1, 1}, {2*mib + 10, 5, 0}, {5, 1<<63 - 1, 3}, {0, 0, 0}} {
		l, err := c.NS.GetBlockLocations(ctx, fakecluster.Root, "/f", test.offset, test.length)
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Blocks) != test.want || l.FileLength != 2*mib+10 || l.Last == nil || l.Last.Offset != 2*mib || !l.LastComplete {
			t.Errorf("%d+%d: %d blocks, want %d; %+v", test.offset, test.length, len(l.Blocks), test.want, l)
		}
		for _, b := range l.Blocks {
			if b.Offset%mib != 0 {
				t.Errorf("offset %d", b.Offset)
			}
		}
	}
}
