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
	least     = flag.Int("calls", 10_000, "to be made at each NameNode, at least")
	length    = flag.Int("length", 220, "calls of a history, at most")
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
func startAll(t *testing.T) (sides []side, ours []*cluster.Cluster) {
	t.Helper()
	start := func(name, addr string) {
		sides = append(sides, side{calls.New(t, addr, calls.StartDatanodes(t, addr, 3)), name})
	}
	start("Apache", hadoop.StartNameNode(t, t.TempDir(), settings).Address)
	for i, storeURL := range []string{"", mariadb.Database(t)} {
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
	sides, ours := startAll(t)
	if *replay != "" {
		data, err := os.ReadFile(*replay)
		if err != nil {
			t.Fatal(err)
		}
		play(t, sides, *replay, strings.Split(strings.TrimSpace(string(data)), "\n"))
		return
	}
	seed, made, differ := *firstSeed, 0, 0
	for ; made < *least && differ < enough; seed++ {
		n, same := play(t, sides, fmt.Sprintf("seed %d", seed), history(seed, *length))
		if made += n; !same {
			differ++
		}
	}
	t.Logf("%d calls at each of %d NameNodes, of the seeds from %d up to %d", made, len(sides), *firstSeed, seed-1)
	for _, c := range ours {
		c.StopNameNode(t)
		c.CheckStore(t)
	}
}

// play runs a history and reports how many calls were made, and whether all answers were
// the same. If not, it shows few calls that are enough.
func play(t *testing.T, sides []side, name string, lines []string) (made int, same bool) {
	t.Helper()
	at, what := run(sides, lines)
	if what == "" {
		return at + 1, true
	}
	few := shrink(sides, lines[:at+1])
	if _, again := run(sides, few); again != "" {
		what = again
	}
	t.Errorf("%s, call %d:\n%s\nby\n%s", name, at, what, strings.Join(few, "\n"))
	return at + 1, false
}

// run runs a history from an empty tree on. It returns its last call, and the answers if
// they differ there.
func run(sides []side, lines []string) (at int, what string) {
	each(sides, func(s side) string { clear(s); return "" })
	for i, line := range lines {
		at = i
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
	return at, ""
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
	for _, line := range []string{"rmall /", "chmod 777 /", "chown " + calls.Superuser + ":supergroup /", "unsetpolicy /", "setquota -1 -1 /",
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
func shrink(sides []side, lines []string) []string {
	for size := len(lines) / 2; size > 0; size /= 2 {
		for from := 0; from+size < len(lines); {
			shorter := append(append([]string(nil), lines[:from]...), lines[from+size:]...)
			if at, what := run(sides, shorter); what != "" {
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
