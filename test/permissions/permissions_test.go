// Package permissions holds this project's NameNode against Apache's: the same calls by
// the same users, with ACLs, extended attributes and sticky bits, must get the same
// answers, exception class by exception class and text by text.
package permissions

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/testkit/calls"
	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/hadoop"
)

// users and their groups, on both servers.
const groups = "alice=users,staff;bob=users;carol=staff;dave=;admin=supergroup"

func settings(more map[string]string) map[string]string {
	all := map[string]string{"hadoop.user.group.static.mapping.overrides": groups + ";" + calls.Superuser + "=" + calls.Superuser,
		"dfs.namenode.fs-limits.min-block-size": "16", "dfs.permissions.superusergroup": "supergroup"}
	maps.Copy(all, more)
	return all
}

// scripts are run on servers with these keys.
var scripts = []struct {
	files []string
	conf  map[string]string
}{
	{[]string{"acl", "inherit", "xattr", "sticky", "raw", "missing"}, nil},
	{[]string{"open"}, map[string]string{"dfs.permissions.enabled": "false"}},
	{[]string{"disabled"}, map[string]string{"dfs.namenode.acls.enabled": "false", "dfs.namenode.xattrs.enabled": "false",
		"dfs.permissions.enabled": "false"}},
	{[]string{"oldinherit"}, map[string]string{"dfs.namenode.posix.acl.inheritance.enabled": "false",
		"dfs.namenode.fs-limits.max-xattrs-per-inode": "2", "dfs.namenode.fs-limits.max-xattr-size": "20"}},
}

func TestSameAsApache(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache's NameNode")
	}
	for _, s := range scripts {
		t.Run(strings.Join(s.files, "+"), func(t *testing.T) {
			apache := hadoop.StartNameNode(t, t.TempDir(), settings(s.conf))
			cluster.OnEachStore(t, func(t *testing.T, storeURL string) {
				theirs := calls.New(t, apache.Address, nil)
				ours := cluster.Start(t, cluster.Options{StoreURL: storeURL, Conf: settings(s.conf)})
				mine := calls.New(t, ours.Address, nil)
				for _, f := range s.files {
					compare(t, theirs, mine, f)
				}
				ours.StopNameNode(t)
				ours.CheckStore(t)
			})
		})
	}
}

// compare runs a script on both and empties both trees.
func compare(t *testing.T, theirs, mine *calls.Server, script string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", script+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		want, got := theirs.Do(line), mine.Do(line)
		if os.Getenv("SHOW") != "" {
			fmt.Printf("%s:%d %s\n    %s\n", script, n, line, want)
		}
		if got != want {
			t.Errorf("%s.txt:%d: %s\n Apache: %s\n   here: %s", script, n, line, want, got)
		}
	}
	for _, s := range []*calls.Server{theirs, mine} {
		for line := range strings.SplitSeq(s.Do("$ ls /"), ", ") {
			if name, _, ok := strings.Cut(line, " "); ok {
				s.Do("$ delete /" + name + " recursive")
			}
		}
		s.Do("$ rmall /")
		s.Do("$ chmod 755 /")
	}
}
