package apache

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/hadoop"
)

// system is the file system that the suites run against.
type system struct {
	*cluster.Cluster
	dataNodes int
	replicas  int               // the most that a suite gets of a block
	keys      map[string]string // what the suite that runs wants of the NameNode
}

// idle is how long a connection of the suites lives that nobody uses.
const idle = 300 * time.Millisecond

// groups are those of the users that the suites make up.
const groups = "dr.who=;bruce=;diana=;super=supergroup;bob=groupY,groupZ"

// racks are those of this project's DataNodes: TestHDFSCLI wants so many, and so.
var racks = []string{"/rack1", "/rack1", "/rack2", "/rack2", "/rack2", "/rack3", "/rack4", "/rack4"}

// start starts a NameNode on the store with DataNodes: this project's on racks, or two
// of Apache's.
func start(t *testing.T, storeURL string, stockDataNodes bool) *system {
	t.Helper()
	s := &system{dataNodes: len(racks), replicas: 2}
	opt := cluster.Options{StoreURL: storeURL, Conf: map[string]string{
		"dfs.replication":                            "2",
		"dfs.namenode.fs-limits.min-block-size":      "0",
		"hadoop.user.group.static.mapping.overrides": groups,
		"ipc.client.connection.maxidletime":          fmt.Sprint(idle.Milliseconds()),
	}}
	if stockDataNodes {
		s.dataNodes = s.replicas
	} else {
		opt.DataNodes = s.dataNodes
		var table strings.Builder
		for i, rack := range racks {
			opt.Hosts = append(opt.Hosts, fmt.Sprintf("host%d.test", i+1))
			fmt.Fprintf(&table, "%s %s\n", opt.Hosts[i], rack)
		}
		file := filepath.Join(t.TempDir(), "racks")
		if err := os.WriteFile(file, []byte(table.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		opt.Conf["net.topology.node.switch.mapping.impl"] = "org.apache.hadoop.net.TableMapping"
		opt.Conf["net.topology.table.file.name"] = file
	}
	s.Cluster = cluster.Start(t, opt)
	if stockDataNodes {
		for range s.dataNodes {
			hadoop.StartDataNode(t, t.TempDir(), s.FS(), map[string]string{"dfs.heartbeat.interval": "1"})
		}
		s.WaitDataNodes(t, s.dataNodes)
	}
	return s
}

// configure has the NameNode run with these keys beside its own.
func (s *system) configure(t *testing.T, keys map[string]string) {
	t.Helper()
	if maps.Equal(keys, s.keys) {
		return
	}
	s.keys = keys
	s.restart(t)
}

// restart starts the NameNode again. Apache's client fails a call on a connection that
// was there before, and so waits until there is none.
func (s *system) restart(t *testing.T) {
	t.Helper()
	s.StopNameNode(t)
	var args []string
	for _, name := range slices.Sorted(maps.Keys(s.keys)) {
		args = append(args, "-D", fmt.Sprintf("%s=%s", name, s.keys[name]))
	}
	s.StartNameNode(t, args...)
	s.WaitDataNodes(t, s.dataNodes)
	time.Sleep(3 * idle)
}
