package permissions

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/testkit/calls"
	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/hadoop"
)

const (
	randomSeed  = 21
	randomCalls = 1500
)

// TestRandomLists sends random changes of lists, modes, owners and names, by everybody,
// to both.
func TestRandomLists(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache's NameNode")
	}
	apache := hadoop.StartNameNode(t, t.TempDir(), settings(nil))
	ours := cluster.Start(t, cluster.Options{Conf: settings(nil)})
	theirs, mine := calls.New(t, apache.Address, nil), calls.New(t, ours.Address, nil)
	t.Logf("seed %d", randomSeed)
	g := &generator{rand.New(rand.NewPCG(randomSeed, 1))}
	var before []string
	for _, s := range []*calls.Server{theirs, mine} {
		s.Do("$ chmod 777 /")
	}
	bad := 0
	for i := range randomCalls {
		line := g.line()
		before = append(before, line)
		want, got := theirs.Do(line), mine.Do(line)
		if strings.Contains(line, "$ delete") {
			// Which of several directories below is in the way depends on the order of the walk.
			want, _, _ = strings.Cut(want, "inode=")
			got, _, _ = strings.Cut(got, "inode=")
		}
		if got != want {
			t.Errorf("call %d: %s\n Apache: %s\n   here: %s", i, line, want, got)
			if bad++; bad == 10 {
				t.Fatalf("after:\n%s", strings.Join(before[max(0, i-30):], "\n"))
			}
		}
	}
	ours.StopNameNode(t)
	ours.CheckStore(t)
}

type generator struct{ *rand.Rand }

func (g *generator) one(words ...string) string { return words[g.IntN(len(words))] }

func (g *generator) path() string {
	p := ""
	for range 1 + g.IntN(3) {
		p += "/" + g.one("a", "b", "c")
	}
	return p
}

func (g *generator) perm() string {
	return g.one("---", "--x", "r--", "r-x", "rw-", "rwx", "-w-", "-wx")
}

func (g *generator) mode() string {
	return g.one("700", "750", "755", "777", "1777", "1770", "644", "640", "711", "0", "70", "7")
}

func (g *generator) line() string {
	user := g.one("", "", "alice", "alice", "bob", "carol", "dave", "admin")
	p := g.path()
	return user + "$ " + []func() string{
		func() string { return "mkdirs " + g.mode() + "/" + g.mode() + " " + p },
		func() string { return "mkdirs " + g.mode() + " " + p },
		func() string { return "create " + g.mode() + "/666 " + p },
		func() string { return "create " + g.mode() + " " + p + g.one("", " overwrite", " noparent") },
		func() string { return "modacl " + calls.RandomEntries(g.Rand, g.perm) + " " + p },
		func() string { return "modacl " + calls.RandomEntries(g.Rand, g.perm) + " " + p },
		func() string { return "setacl user::rwx,group::r-x,other::--x," + g.named() + " " + p },
		func() string { return "setacl " + calls.RandomEntries(g.Rand, g.perm) + " " + p },
		func() string { return "rmacl " + calls.RandomEntries(g.Rand, nil) + " " + p },
		func() string { return g.one("rmall ", "rmdefault ") + p },
		func() string { return "getacl " + p },
		func() string { return "getacl " + p },
		func() string { return "stat " + p },
		func() string { return "chmod " + g.mode() + " " + p },
		func() string {
			return "chown " + g.one("alice:users", "bob:staff", "carol:wheel", ":users", "dave") + " " + p
		},
		func() string { return fmt.Sprintf("access %d %s", g.IntN(8), p) },
		func() string { return fmt.Sprintf("access %d %s", g.IntN(8), p) },
		func() string { return "open " + p },
		func() string { return g.one("append ", "truncate ", "setrep ", "located ") + p },
		func() string { return "ls " + p },
		func() string { return "rename " + p + " " + g.path() },
		func() string { return "delete " + p + " recursive" },
		func() string { return "setxattr " + g.one("user.x=1", "trusted.x=1", "user.y") + " " + p },
		func() string { return "rmxattr " + g.one("user.x", "trusted.x", "user.y") + " " + p },
		func() string { return "getxattrs - " + p },
		func() string { return "settimes " + p },
		func() string { return "count " + p },
	}[g.IntN(27)]()
}

// named is what may follow user, group and other.
func (g *generator) named() string {
	return g.one("user:bob:", "group:staff:", "user:carol:", "default:user:dave:", "mask::") + g.perm()
}
