package histories

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/hopsql/hopsql/testkit/calls"
	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/hadoop"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

var (
	firstSeed = flag.Uint64("seed", 1, "of the first history; the next ones count on")
	histories = flag.Int("histories", 50, "how many")
	length    = flag.Int("length", 220, "calls of a history")
	replay    = flag.String("replay", "", "a file with the lines of one history, which is run instead")
)

// enough is how many histories may differ until the test ends.
const enough = 5

var settings = map[string]string{
	"hadoop.user.group.static.mapping.overrides":  "alice=users,staff;bob=users;carol=staff;dave=;admin=supergroup;" + calls.Superuser + "=" + calls.Superuser,
	"dfs.permissions.superusergroup":              "supergroup",
	"dfs.namenode.fs-limits.min-block-size":       "16",
	"dfs.namenode.fs-limits.max-component-length": "60",
	"dfs.namenode.fs-limits.max-directory-items":  "5",
	"dfs.namenode.fs-limits.max-blocks-per-file":  "4",
	"dfs.namenode.fs-limits.max-xattrs-per-inode": "3",
	"dfs.namenode.fs-limits.max-xattr-size":       "64",
	"dfs.namenode.edits.noeditlogchannelflush":    "true",
}

// A side is one NameNode.
type side struct {
	*calls.Server
	name string
}

// startAll starts the NameNodes, Apache's first.
func startAll(t *testing.T, both bool) (sides []side, ours []*cluster.Cluster) {
	t.Helper()
	start := func(name, addr string) {
		sides = append(sides, side{calls.New(t, addr, calls.StartDatanodes(t, addr, 3)), name})
	}
	start("Apache", hadoop.StartNameNode(t, t.TempDir(), settings).Address)
	stores := []string{""}
	if both {
		stores = append(stores, mariadb.Database(t))
	}
	for i, storeURL := range stores {
		c := cluster.Start(t, cluster.Options{StoreURL: storeURL, Conf: settings})
		ours = append(ours, c)
		start([]string{"SQLite", "MariaDB"}[i], c.Address)
	}
	return sides, ours
}

func TestHistories(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache's NameNode")
	}
	sides, ours := startAll(t, true)
	differ := 0
	for i := range *histories {
		seed := *firstSeed + uint64(i)
		lines := history(seed, *length)
		if *replay != "" {
			data, err := os.ReadFile(*replay)
			if err != nil {
				t.Fatal(err)
			}
			lines = strings.Split(strings.TrimSpace(string(data)), "\n")
		}
		if at, what := run(t, sides, lines); at >= 0 {
			lines = shrink(t, sides, lines[:at+1])
			if _, again := run(t, sides, lines); again != "" {
				what = again
			}
			t.Errorf("seed %d, call %d of %d:\n%s\nby\n%s", seed, at, *length, what, strings.Join(lines, "\n"))
			if differ++; differ == enough {
				break
			}
		}
		if *replay != "" {
			break
		}
	}
	t.Logf("%d histories of %d calls from seed %d on each of %d NameNodes", *histories, *length, *firstSeed, len(sides))
	for _, c := range ours {
		c.StopNameNode(t)
		c.CheckStore(t)
	}
}

// run runs a history from an empty tree on and returns the first call whose answers differ,
// and these; -1 if there is none.
func run(t *testing.T, sides []side, lines []string) (at int, what string) {
	t.Helper()
	each(sides, func(s side) string { clear(s); return "" })
	for i, line := range lines {
		answers := each(sides, func(s side) string { return s.Do(line) })
		for j, got := range answers[1:] {
			if !same(line, answers[0], got) {
				return i, fmt.Sprintf("%s\n Apache: %s\n %s: %s", short(line), answers[0], sides[j+1].name, got)
			}
		}
		if parts(line, answers[0]) {
			break
		}
	}
	return -1, ""
}

// each asks all sides at once.
func each(sides []side, ask func(s side) string) []string {
	answers := make([]string, len(sides))
	var wg sync.WaitGroup
	for i, s := range sides {
		wg.Go(func() { answers[i] = ask(s) })
	}
	wg.Wait()
	return answers
}

// clear empties the tree and makes the root as it is at the start of every history.
func clear(s side) {
	s.Forget()
	for entry := range strings.SplitSeq(s.Do("$ ls /"), ", ") {
		if name, _, ok := strings.Cut(entry, " IS_"); ok {
			s.Do("$ delete " + calls.Word("/"+name) + " recursive")
		}
	}
	for _, line := range []string{"rmall /", "chmod 777 /", "chown " + calls.Superuser + ":supergroup /", "unsetpolicy /", "setquota max -1 /",
		"rmxattr user.x /", "rmxattr trusted.x /", "rmxattr user.y /", "rmxattr user.v /", "rmxattr user.w /", "rmxattr system.s /",
		"rmxattr security.s /", "settimes / 0 0"} {
		s.Do("$ " + line)
	}
	for _, kind := range []string{"DISK", "SSD", "ARCHIVE", "RAM_DISK", "NVDIMM"} {
		s.Do("$ setquota max -1 / " + kind)
	}
}

// shrink takes calls out of a history whose last one is answered differently, as long
// as some call of it still is.
func shrink(t *testing.T, sides []side, lines []string) []string {
	t.Helper()
	for size := len(lines) / 2; size > 0; size /= 2 {
		for from := 0; from+size < len(lines); {
			shorter := append(append([]string(nil), lines[:from]...), lines[from+size:]...)
			if at, _ := run(t, sides, shorter); at >= 0 {
				lines = shorter[:at+1]
			} else {
				from += size
			}
		}
	}
	return lines
}

// short is a line without the tail of a very long word.
func short(line string) string {
	if len(line) > 400 {
		return line[:400] + "…"
	}
	return line
}
