package stock

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/cluster"
)

// changing is what two answers of a DataNode differ in.
var changing = regexp.MustCompile(`Uptime: [0-9]+|Capacity Left: .*`)

// TestAdmin has Apache's dfsadmin and ours ask NameNode and DataNode the same.
func TestAdmin(t *testing.T) {
	logs := t.TempDir()
	c := cluster.Start(t, cluster.Options{DataNodes: 1, Conf: map[string]string{"hadoop.log.dir": logs}})
	stock := c.Stock(t, c.Names()).Shell(t)
	both := func(args ...string) string {
		t.Helper()
		a, b := stock.Admin(t, args...), c.HDFS(t, append([]string{"dfsadmin"}, args...)...)
		x, y := changing.ReplaceAllString(a.Stdout, ""), changing.ReplaceAllString(b.Stdout, "")
		if a.Exit != b.Exit || x != y {
			t.Errorf("dfsadmin %v: Apache's exit %d\n%s%s\nours exit %d\n%s%s", args, a.Exit, x, a.Stderr, b.Exit, y, b.Stderr)
		}
		return y
	}
	at := regexp.MustCompile(`ipc ([0-9.]+:[0-9]+)`).FindStringSubmatch(c.DataNode(0).Output())
	if at == nil {
		t.Fatalf("no ipc address in\n%s", c.DataNode(0).Output())
	}
	node := at[1]
	for want, args := range map[string][]string{
		"Software version: 3.4.3":                        {"-getDatanodeInfo", node},
		"Triggering a full block report on ":             {"-triggerBlockReport", node},
		"Triggering an incremental block report on ":     {"-triggerBlockReport", "-incremental", node},
		"to namenode " + c.Address + ".":                 {"-triggerBlockReport", node, "-namenode", c.Address},
		"Requested writer eviction to datanode " + node:  {"-evictWriters", node},
		" bytes per second.":                             {"-getBalancerBandwidth", node},
		"Active Volumes : 1":                             {"-getVolumeReport", node},
		"Created metasave file queues in the log direct": {"-metasave", "queues"},
		"There is no rolling upgrade in progress":        {"-rollingUpgrade", "query"},
		"Upgrade finalized":                              {"-upgrade", "query"},
		"Balancer bandwidth is set to 1048576":           {"-setBalancerBandwidth", "1m"},
		"Refresh user to groups mapping successful":      {"-refreshUserToGroupsMappings"},
		"Refresh super user groups configuration":        {"-refreshSuperUserGroupsConfiguration"},
		"Client Host": {"-listOpenFiles"},
	} {
		if out := both(args...); !strings.Contains(out, want) {
			t.Errorf("dfsadmin %v prints %q, want %q in it", args, out, want)
		}
	}
	for _, args := range [][]string{{"-getDatanodeInfo"}, {"-getDatanodeInfo", "127.0.0.1:1"}, {"-metasave"}, {"-metasave", "../queues"},
		{"-refreshServiceAcl"}, {"-allowSnapshot", "/"}, {"-restoreFailedStorage", "check"}, {"-shutdownDatanode"}} {
		if r := c.HDFS(t, append([]string{"dfsadmin"}, args...)...); r.Exit != 255 || strings.Count(r.Stderr, "\n") != 1 {
			t.Errorf("dfsadmin %v: exit %d, want 255 and one line\n%s", args, r.Exit, r.Stderr)
		}
	}
	saved, err := os.ReadFile(filepath.Join(logs, "queues"))
	if err != nil || !strings.Contains(string(saved), "Metasave: Number of datanodes: 1\n127.0.0.1:") {
		t.Errorf("-metasave wrote %q: %v", saved, err)
	}
	stock.Admin(t, "-shutdownDatanode", node).OK(t)
	for end := time.Now().Add(30 * time.Second); !c.DataNode(0).Ended(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the DataNode that was told to stop goes on")
		}
	}
	if code := c.DataNode(0).ExitCode(); code != 0 {
		t.Errorf("the DataNode ended with exit code %d", code)
	}
}
