package acl

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// parse reads "user:bob:rwx,default:group::r-x".
func parse(s string) []Entry {
	var out []Entry
	for word := range strings.SplitSeq(s, ",") {
		if word == "" {
			continue
		}
		rest, isDefault := strings.CutPrefix(word, "default:")
		f := strings.Split(rest, ":")
		e := Entry{Kind: Kind(slices.Index(kindNames[:], f[0])), Name: f[1]}
		if isDefault {
			e.Scope = Default
		}
		for i := range f[2] {
			if f[2][i] != '-' {
				e.Perm |= 4 >> i
			}
		}
		out = append(out, e)
	}
	return out
}

func show(list []Entry) string {
	var out []string
	for _, e := range list {
		out = append(out, e.String())
	}
	return strings.Join(out, ",")
}

const plain = "user::rwx,group::r-x,other::r--"

func TestChanges(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(full, spec []Entry) ([]Entry, error)
		full   string
		spec   string
		want   string
	}{
		{"an entry brings a mask", Modify, plain, "user:bob:-w-", "user::rwx,user:bob:-w-,group::r-x,mask::rwx,other::r--"},
		{"a mask of one's own stays", Modify, plain, "user:bob:rwx,mask::--x", "user::rwx,user:bob:rwx,group::r-x,mask::--x,other::r--"},
		{"and is found anew", Modify, "user::rwx,user:bob:rwx,group::r-x,mask::--x,other::r--", "user:bob:r--", "user::rwx,user:bob:r--,group::r-x,mask::r-x,other::r--"},
		{"but not by the other scope", Modify, "user::rwx,user:bob:rwx,group::r-x,mask::--x,other::r--", "default:other::---",
			"user::rwx,user:bob:rwx,group::r-x,mask::--x,other::r--,default:user::rwx,default:group::r-x,default:other::---"},
		{"the last entry leaves its mask", Remove, "user::rwx,user:bob:-w-,group::r-x,mask::rwx,other::r--", "user:bob:---", "user::rwx,group::r-x,mask::r-x,other::r--"},
		{"unless that is named", Remove, "user::rwx,user:bob:-w-,group::r-x,mask::rwx,other::r--", "user:bob:---,mask::---", plain},
		{"a mask that is needed stays", Remove, "user::rwx,user:bob:-w-,group::r-x,mask::rwx,other::r--", "mask::---", "Invalid ACL: mask is required and cannot be deleted."},
		{"nobody can do without an owner", Remove, plain, "user::---", "Invalid ACL: the user, group and other entries are required."},
		{"nor directories", Replace, plain, "default:mask::rwx,user::rwx", "Invalid ACL: the user, group and other entries are required."},
		{"one scope is replaced", Replace, plain + ",default:user::rwx,default:group::---,default:other::---", plain, plain + ",default:user::rwx,default:group::---,default:other::---"},
		{"masks have no names", Modify, plain, "mask:bob:rwx", "Invalid ACL: this entry type must not have a name: mask:bob:rwx."},
		{"nothing twice", Modify, plain, "user:bob:rwx,user:bob:r--", "Invalid ACL: multiple entries with same scope, type and name."},
	} {
		got, err := c.change(parse(c.full), parse(c.spec))
		answer := show(got)
		if err != nil {
			answer = err.Error()
		}
		if answer != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, answer, c.want)
		}
	}
}

func TestLimits(t *testing.T) {
	full := parse(plain)
	var spec []Entry
	for i := range MaxEntries - 4 {
		spec = append(spec, Entry{Kind: User, Name: fmt.Sprint("u", i), Perm: 7})
	}
	if _, err := Modify(full, spec); err != nil {
		t.Errorf("%d entries: %v", MaxEntries, err)
	}
	if _, err := Modify(full, append(spec, Entry{Kind: User, Name: "more"})); err == nil || !strings.Contains(err.Error(), "has 33 access entries") {
		t.Errorf("%d entries: %v", MaxEntries+1, err)
	}
}

// TestReduceFull: what is stored and the mode are the whole list again.
func TestReduceFull(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		full := parse(plain)
		for range r.IntN(3) {
			e := Entry{Scope: Scope(r.IntN(2)), Kind: Kind(r.IntN(2)), Name: string(rune('a' + r.IntN(4))), Perm: int64(r.IntN(8))}
			next, err := Modify(full, []Entry{e})
			if err != nil {
				t.Fatal(err)
			}
			full = next
		}
		stored, mode := Reduce(0o1000, full)
		if got := show(Full(mode, stored)); got != show(full) || mode&0o1000 == 0 {
			t.Fatalf("%s became %s, %o", show(full), got, mode)
		}
		if Extended(stored) != (len(accessOf(full)) > 3) {
			t.Fatalf("%s: extended %v", show(full), Extended(stored))
		}
	}
}

func TestInherit(t *testing.T) {
	for _, c := range []struct {
		defaults string
		mode     int64
		dir      bool
		want     string
		bits     int64
	}{
		{"default:user::rwx,default:user:bob:rwx,default:group::r-x,default:mask::rwx,default:other::r-x", 0o666, false, "user:bob:rwx,group::r-x", 0o664},
		{"default:user::rwx,default:user:bob:rwx,default:group::r-x,default:mask::r-x,default:other::r-x", 0o700, false, "user:bob:rwx,group::r-x", 0o700},
		{"default:user::rwx,default:group::r-x,default:other::---", 0o1777, true, "default:user::rwx,default:group::r-x,default:other::---", 0o1750},
		{"default:user::rwx,default:group::rwx,default:other::rwx", 0o640, false, "", 0o640},
		{"user:bob:rwx,group::rwx", 0o640, true, "", 0o640},
	} {
		got, bits := Inherit(parse(c.defaults), c.mode, c.dir)
		if show(got) != c.want || bits != c.bits {
			t.Errorf("%s, mode %o: %s, %o; want %s, %o", c.defaults, c.mode, show(got), bits, c.want, c.bits)
		}
	}
}

func TestAllows(t *testing.T) {
	stored := parse("user:bob:rw-,user:carol:---,group::r--,group:staff:-wx,default:user::rwx,default:group::rwx,default:other::rwx")
	subject := func(name string, groups ...string) Subject {
		return Subject{name, func(g string) bool { return slices.Contains(groups, g) }}
	}
	for _, c := range []struct {
		s    Subject
		want int64
		ok   bool
	}{
		{subject("alice"), 7, true}, {subject("bob"), 6, false}, {subject("bob"), 4, true}, {subject("carol", "staff"), 1, false},
		{subject("dave", "users"), 4, true}, {subject("dave", "users"), 1, false}, {subject("dave", "users", "staff"), 1, true},
		{subject("dave", "users", "staff"), 5, false}, {subject("eve"), 2, true}, {subject("eve"), 4, false},
	} {
		if got := Allows(stored, "alice", "users", 0o752, c.s, c.want); got != c.ok {
			t.Errorf("%s wants %d: %v", c.s.Name, c.want, got)
		}
	}
}
