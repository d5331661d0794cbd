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

// typed starts DataNodes with a volume each, of the given types.
func typed(t *testing.T, kinds ...int64) *fakecluster.Cluster {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: fakecluster.None})
	for i, kind := range kinds {
		d := c.AddDatanode(fmt.Sprintf("10.0.0.%d", i), 1)
		d.Storage.Type = kind
		d.FullReport()
	}
	c.Beat()
	return c
}

// typesOf lists the types of storage of the live replicas of a file's first block.
func typesOf(c *fakecluster.Cluster, path string) string {
	var got []string
	for _, target := range c.Locate(path).Blocks[0].Targets {
		got = append(got, blocks.TypeName(target.Storage.Type))
	}
	slices.Sort(got)
	return strings.Join(got, " ")
}

func setPolicy(t *testing.T, c *fakecluster.Cluster, path, policy string) {
	t.Helper()
	if err := c.NS.SetStoragePolicy(ctx, fakecluster.Root, path, policy); err != nil {
		t.Fatal(err)
	}
}

// TestPolicyOfTheDirectory: blocks go where the nearest policy above their file wants
// them, when they are written and when they are copied.
func TestPolicyOfTheDirectory(t *testing.T) {
	const disk, ssd, archive = blocks.TypeDisk, blocks.TypeSSD, blocks.TypeArchive
	c := typed(t, disk, disk, disk, ssd, ssd, archive, archive, archive)
	for _, d := range []string{"/warm/x", "/warm/one/x", "/cold"} {
		if err := c.NS.Mkdirs(ctx, fakecluster.Root, d, 0o755, true); err != nil {
			t.Fatal(err)
		}
	}
	setPolicy(t, c, "/warm", "WARM")
	setPolicy(t, c, "/warm/one", "one_ssd")
	setPolicy(t, c, "/cold", "COLD")
	for path, want := range map[string]string{"/plain": "DISK DISK DISK", "/warm/x/f": "ARCHIVE ARCHIVE DISK",
		"/warm/one/x/f": "DISK DISK SSD", "/cold/f": "ARCHIVE ARCHIVE ARCHIVE"} {
		c.Write(path, 3, mib)
		if got := typesOf(c, path); got != want {
			t.Errorf("%s is on %s, want %s", path, got, want)
		}
	}
	for _, target := range c.Locate("/warm/one/x/f").Blocks[0].Targets {
		if target.Storage.Type == ssd {
			c.Named(target.Datanode.UUID).Down = true
		}
	}
	c.Live(20 * time.Minute)
	if got, want := typesOf(c, "/warm/one/x/f"), "DISK DISK SSD"; got != want {
		t.Errorf("after its SSD was lost the file is on %s, want %s", got, want)
	}
}

// TestColdWithoutArchives: a policy without fallbacks writes nothing elsewhere.
func TestColdWithoutArchives(t *testing.T) {
	c := typed(t, blocks.TypeDisk, blocks.TypeSSD)
	setPolicy(t, c, "/", "COLD")
	st := c.Create("/f", "w", 1)
	_, err := c.NS.AddBlock(ctx, fakecluster.Root, namespace.AddBlockRequest{Src: "/f", ClientName: "w", FileID: st.ID})
	if fault.KindOf(err) != fault.IO || !strings.Contains(err.Error(), "could only be written to 0 of the 1 minReplication nodes") {
		t.Errorf("%v", err)
	}
}

func TestTypesOfAPolicy(t *testing.T) {
	for name, want := range map[string]string{"HOT": "[1 1 1]", "WARM": "[1 3 3]", "COLD": "[3 3 3]", "ONE_SSD": "[2 1 1]",
		"ALL_SSD": "[2 2 2]", "LAZY_PERSIST": "[1 1 1]", "PROVIDED": "[5 1 1]", "ALL_NVDIMM": "[6 6 6]"} {
		if got := fmt.Sprint(blocks.PolicyNamed(name).TypesOf(3)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
