package blocks_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

func check(t *testing.T, c *fakecluster.Cluster) (bool, string) {
	t.Helper()
	if err := c.Safe.Check(ctx); err != nil {
		t.Fatal(err)
	}
	return c.Safe.On()
}

func TestEmptyFileSystemLeavesSafeModeAtOnce(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Safe: &blocks.SafeOptions{Threshold: 0.999, Extension: time.Minute}})
	if on, _ := c.Safe.On(); !on {
		t.Error("it does not start in safe mode")
	}
	if on, why := check(t, c); on {
		t.Error(why)
	}
}

func TestSafeModeAtStart(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 3, Safe: &blocks.SafeOptions{Threshold: 1, Extension: 30 * time.Second}})
	check(t, c)
	c.Write("/two", 2, mib)
	one := c.Write("/one", 1, mib)[0]
	c.Restart()
	on, why := check(t, c)
	if !on || !strings.Contains(why, "3 storages with blocks have not registered") {
		t.Fatalf("%v %s", on, why)
	}
	if err := c.NS.Mkdirs(ctx, fakecluster.Root, "/d", 0o755, true); !errors.Is(err, fault.SafeMode) ||
		!strings.HasPrefix(err.Error(), "Cannot create directory /d. Name node is in safe mode.\n") {
		t.Errorf("mkdirs: %v", err)
	}
	// The DataNode of the single replica stays away: half of the blocks is missing.
	for _, d := range c.DN {
		if _, has := d.Replicas[one.ID]; has {
			d.Down = true
		}
	}
	c.Beat()
	on, why = check(t, c)
	want := "The reported blocks 1 needs additional 1 blocks to reach the threshold 1.0000 of total blocks 2.\n"
	if !on || !strings.HasPrefix(why, want) || !strings.HasSuffix(why, "Safe mode will be turned off automatically once the thresholds have been reached.") {
		t.Fatalf("%v %s", on, why)
	}
	if l, err := c.NS.GetBlockLocations(ctx, fakecluster.Root, "/one", 0, mib); err == nil && len(l.Blocks[0].Targets) == 0 ||
		err != nil && !strings.HasPrefix(err.Error(), "Zero blocklocations for /one. Name node is in safe mode.") {
		t.Errorf("locations: %+v, %v", l, err)
	}
	for _, d := range c.DN {
		d.Down = false
	}
	c.Beat()
	on, why = check(t, c)
	if !on || !strings.Contains(why, "In safe mode extension. Safe mode will be turned off automatically in 30 seconds.") {
		t.Fatalf("%v %s", on, why)
	}
	c.Pass(29 * time.Second)
	if on, _ := check(t, c); !on {
		t.Error("off before the extension is over")
	}
	c.Pass(2 * time.Second)
	if on, why := check(t, c); on {
		t.Error(why)
	}
}

// TestSafeModeWithReplicatedBlocks: a DataNode that stays away does not matter when
// all its blocks are elsewhere.
func TestSafeModeWithReplicatedBlocks(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 3, Safe: &blocks.SafeOptions{Threshold: 0.999, MinDatanodes: 2}})
	check(t, c)
	for i := range 20 {
		c.Write(fmt.Sprintf("/f%d", i), 2, mib, mib)
	}
	c.Restart()
	c.DN[0].Down, c.DN[1].Down = true, true
	c.Beat()
	if on, _ := check(t, c); !on {
		t.Error("off with one of three DataNodes")
	}
	c.DN[1].Down = false
	c.Beat()
	if on, why := check(t, c); on {
		t.Error(why)
	}
}

func TestManualSafeMode(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	if err := c.Safe.Enter(ctx); err != nil {
		t.Fatal(err)
	}
	want := "It was turned on manually. Use \"hdfs dfsadmin -safemode leave\" to turn safe mode off."
	if on, why := c.Safe.On(); !on || why != want {
		t.Errorf("%v %s", on, why)
	}
	c.Restart() // it outlives the NameNode
	if on, why := check(t, c); !on || why != want {
		t.Errorf("after a restart: %v %s", on, why)
	}
	if err := c.Safe.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	if on, _ := check(t, c); on {
		t.Error("still on")
	}
}

// TestNothingIsCopiedInSafeMode: nor deleted.
func TestNothingIsCopiedInSafeMode(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 4})
	b := c.Write("/f", 3, mib)[0]
	if err := c.Safe.Enter(ctx); err != nil {
		t.Fatal(err)
	}
	for _, d := range c.DN {
		if _, has := d.Replicas[b.ID]; has {
			d.Down = true
			break
		}
	}
	c.Live(12 * time.Minute)
	if c.Holders(b.ID) != 2 {
		t.Errorf("%d replicas", c.Holders(b.ID))
	}
	if err := c.Safe.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	c.Live(15 * time.Second)
	if c.Holders(b.ID) != 3 {
		t.Errorf("%d replicas", c.Holders(b.ID))
	}
}
