package histories

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/hopsql/hopsql/testkit/calls"
)

// A generator makes the lines of a history. It knows nothing of what they do.
type generator struct {
	*rand.Rand
	total int
	types bool // there are quotas by type of storage, and no policy of a directory changes
}

// history is the lines that belong to a seed.
func history(seed uint64, length int) []string {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	for _, k := range kinds {
		g.total += k.weight
	}
	g.types = g.IntN(2) == 0
	lines := make([]string, length)
	for i := range lines {
		lines[i] = g.line()
	}
	return lines
}

func (g *generator) one(words ...string) string { return words[g.IntN(len(words))] }

func (g *generator) line() string {
	user := g.one("", "", "", "", "", "", "alice", "alice", "alice", "alice", "bob", "bob", "bob", "carol", "dave", "admin")
	n := g.IntN(g.total)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return user + "$ " + k.make(g)
		}
	}
	panic("unreachable")
}

// A kind of call and how often it comes.
type kind struct {
	weight int
	make   func(g *generator) string
}

var kinds = []kind{
	{12, func(g *generator) string { return "mkdirs " + g.modes() + " " + g.path() + g.one("", "", " noparent") }},
	{6, func(g *generator) string {
		return "create " + g.modes() + " " + g.path() + g.one("", " overwrite", " noparent")
	}},
	{12, (*generator).create},
	{14, func(g *generator) string {
		return "write " + g.holder() + " " + g.path() + " " + g.one("full", "full", "half")
	}},
	{10, func(g *generator) string { return "close " + g.holder() + " " + g.path() }},
	{2, func(g *generator) string { return "abandon " + g.holder() + " " + g.path() }},
	{2, func(g *generator) string {
		return "fsync " + g.holder() + " " + g.path() + g.one(" 5", " 64", " -1", " 0")
	}},
	{6, func(g *generator) string { return "reopen " + g.holder() + " " + g.path() + g.one("", " newblock") }},
	{3, func(g *generator) string { return "grow " + g.holder() + " " + g.path() }},
	{3, func(g *generator) string { return "recover " + g.holder() + " " + g.path() }},
	{5, func(g *generator) string {
		return "truncate " + g.path() + g.one(" 0", " 10", " 64", " 32", " 100", " 128", " 200") + " " + g.holder()
	}},
	{5, func(g *generator) string { return "concat " + g.path() + strings.Repeat(" "+g.path(), 1+g.IntN(3)) }},
	{7, func(g *generator) string { return "rename " + g.path() + " " + g.path() }},
	{9, func(g *generator) string {
		return "rename2 " + g.path() + " " + g.path() + g.one("", " overwrite", " overwrite", " trash")
	}},
	{7, func(g *generator) string { return "delete " + g.path() + g.one("", " recursive") }},
	{6, func(g *generator) string { return "chmod " + g.mode() + " " + g.path() }},
	{5, func(g *generator) string {
		return "chown " + g.one("alice:users", "bob:staff", "carol:wheel", ":users", ":staff", "dave", "alice", "bob") + " " + g.path()
	}},
	{3, func(g *generator) string {
		return "settimes " + g.path() + g.one(" 5 6", " -1 7", " 8 -1", " -1 -1", " 0 0", " 5 5")
	}},
	{4, func(g *generator) string {
		return "setrep " + g.path() + g.one(" 1", " 2", " 3", " 4", " 0", " 600", " 65535")
	}},
	{7, (*generator).policy},
	{10, (*generator).list},
	{9, (*generator).extra},
	{10, (*generator).quota},
	{6, func(g *generator) string { return "count " + g.path() }},
	{4, func(g *generator) string { return "usage " + g.path() }},
	{6, func(g *generator) string { return "stat " + g.path() }},
	{7, func(g *generator) string { return "ls " + g.path() + g.one("", "", " located", " - b", " located b") }},
	{4, func(g *generator) string { return fmt.Sprintf("access %d %s", g.IntN(8), g.path()) }},
	{4, func(g *generator) string { return "open " + g.path() + g.one("", " 0 64", " 70 10", " 1000 10") }},
	{3, (*generator).look},
}

func (g *generator) create() string {
	line := "new " + g.holder() + " " + g.modes() + " " + g.one("1", "1", "1", "3", "3", "2", "0") + " " +
		g.one("1", "1", "1", "2", "2", "3", "3", "4", "0", "600") + " " + g.one("64", "64", "64", "100", "100", "15") + " " + g.path()
	switch g.IntN(8) {
	case 0:
		return line + " noparent"
	case 1:
		return line + " parent " + g.one("COLD", "ALL_SSD", "hot")
	}
	return line + " parent"
}

// look are the calls that only look, of the less usual kinds.
func (g *generator) look() string {
	return g.one("lstat ", "readlink ", "located ", "isclosed ", "blocksize ", "satisfy ", "openfiles ", "located ", "isclosed ") + g.path()
}

func (g *generator) policy() string {
	switch n := g.IntN(7); {
	case n < 4 && !g.types:
		return "setpolicy " + g.one("HOT", "COLD", "WARM", "ALL_SSD", "ONE_SSD", "LAZY_PERSIST", "hot", "NONE") + " " + g.path()
	case n < 5 && !g.types:
		return "unsetpolicy " + g.path()
	}
	return "getpolicy " + g.path()
}

func (g *generator) holder() string { return g.one("w1", "w1", "w1", "w2", "writer") }

func (g *generator) mode() string {
	return g.one("700", "750", "755", "777", "777", "777", "1777", "1777", "1770", "644", "640", "711", "0", "70", "7")
}

func (g *generator) modes() string {
	if g.IntN(2) == 0 {
		return g.mode()
	}
	return g.mode() + "/" + g.one("777", "666", "777", "700")
}

// path is one of few, or an odd one.
func (g *generator) path() string {
	if g.IntN(25) == 0 {
		return calls.Word(g.odd())
	}
	p := ""
	for range []int{1, 1, 1, 2, 2, 2, 2, 3, 3}[g.IntN(9)] {
		p += "/" + g.name()
	}
	return p
}

func (g *generator) name() string {
	return g.one("a", "a", "b", "b", "c", "a", "b", "c", "d", "e")
}

func (g *generator) perm() string {
	return g.one("---", "--x", "r--", "r-x", "rw-", "rwx", "-w-", "-wx", "rwx")
}

func (g *generator) list() string {
	switch g.IntN(9) {
	case 0, 1, 2:
		return "modacl " + calls.RandomEntries(g.Rand, g.perm) + " " + g.path()
	case 3:
		return "setacl " + calls.RandomEntries(g.Rand, g.perm) + " " + g.path()
	case 4:
		return "setacl user::rwx,group::r-x,other::--x," + g.one("user:bob:", "group:staff:", "user:carol:", "default:user:dave:", "mask::") + g.perm() + " " + g.path()
	case 5:
		return "rmacl " + calls.RandomEntries(g.Rand, nil) + " " + g.path()
	case 6:
		return g.one("rmall ", "rmdefault ") + g.path()
	}
	return "getacl " + g.path()
}

func (g *generator) extra() string {
	switch g.IntN(6) {
	case 0, 1, 2:
		return "setxattr " + g.one("user.x=1", "user.x=22", "trusted.x=1", "user.y", "user.z=×90", "system.s=1", "security.s=1", "raw.r=1", "user.w=1",
			"user.v=1", "security.hdfs.unreadable.by.superuser") + " " + g.path() + g.one("", "", " create", " replace", " none")
	case 3:
		return "rmxattr " + g.one("user.x", "trusted.x", "user.y", "raw.r", "system.s", "security.hdfs.unreadable.by.superuser") + " " + g.path()
	case 4:
		return "listxattrs " + g.path()
	}
	return "getxattrs " + g.one("-", "-", "user.x", "trusted.x", "user.x,user.y", "raw.r") + " " + g.path()
}

func (g *generator) quota() string {
	p := g.path()
	if g.IntN(40) == 0 {
		p = "/"
	}
	if g.types && g.IntN(2) == 0 {
		// Not "max", which leaves a quota as it is: Apache makes it the one for all space.
		return "setquota " + g.one("max ", "max ", "max ", "-1 ", "5 ") + g.one("64", "200", "500", "0", "-1", "-2") + " " + p + g.one(" SSD", " DISK", " ARCHIVE", " DISK", " SSD", " RAM_DISK", " NVDIMM")
	}
	return "setquota " + g.one("-1", "max", "1", "2", "3", "4", "6", "0", "-2") + " " + g.one("-1", "max", "max", "64", "200", "500", "1000", "0", "-2") + " " + p
}
