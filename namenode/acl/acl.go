// Package acl holds the rules of access control lists: what a change of a list makes of
// it, what a new inode inherits, and whom a list lets in. A list is a value; the package
// knows no inode, no row and no wire.
//
// A full list has the entries of owner, group and other as well; what is stored has only
// what the permission bits of an inode cannot say. With an access list the group bits are
// its mask, and the entry of the owning group is stored.
package acl

import (
	"cmp"
	"slices"
	"strings"
)

// MaxEntries is the most entries of one scope.
const MaxEntries = 32

// A Scope is what an entry is for. The numbers are those of the wire and of the rows.
type Scope int64

// The scopes.
const (
	Access  Scope = 0 // for the inode itself
	Default Scope = 1 // for what is created in the directory
)

// A Kind is whom an entry is about. The numbers are those of the wire and of the rows.
type Kind int64

// The kinds.
const (
	User  Kind = 0
	Group Kind = 1
	Mask  Kind = 2
	Other Kind = 3
)

var kindNames = [...]string{"user", "group", "mask", "other"}

// An Entry is one line of a list.
type Entry struct {
	Scope Scope
	Kind  Kind
	Name  string // "" for the owner, the owning group, the mask and the others
	Perm  int64  // three bits: read, write, execute
}

// String is the entry as setfacl takes it.
func (e Entry) String() string {
	perm := []byte("rwx")
	for i := range perm {
		if e.Perm&(4>>i) == 0 {
			perm[i] = '-'
		}
	}
	s := kindNames[e.Kind&3] + ":" + e.Name + ":" + string(perm)
	if e.Scope == Default {
		return "default:" + s
	}
	return s
}

// order is the order of a list: access before default, user, group, mask, other, and of
// one kind the entry without a name first.
func order(a, b Entry) int {
	return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
}

// same reports whether two entries are about the same.
func same(a, b Entry) bool { return order(a, b) == 0 }

// Extended reports whether a stored list has access entries: then the group bits of its
// inode are a mask.
func Extended(stored []Entry) bool { return len(stored) > 0 && stored[0].Scope == Access }

// Defaults are the default entries of a list.
func Defaults(list []Entry) []Entry {
	i := slices.IndexFunc(list, func(e Entry) bool { return e.Scope == Default })
	if i < 0 {
		return nil
	}
	return list[i:]
}

// accessOf are the access entries of a list.
func accessOf(list []Entry) []Entry { return list[:len(list)-len(Defaults(list))] }

// Full is the whole list of an inode with these permission bits and stored entries.
func Full(mode int64, stored []Entry) []Entry {
	access := accessOf(stored)
	full := make([]Entry, 0, len(stored)+4)
	full = append(full, Entry{Kind: User, Perm: mode >> 6 & 7})
	full = append(full, access...)
	middle := Entry{Kind: Group, Perm: mode >> 3 & 7}
	if len(access) > 0 {
		middle.Kind = Mask
	}
	full = append(full, middle, Entry{Kind: Other, Perm: mode & 7})
	return append(full, Defaults(stored)...)
}

// Reduce takes a full list apart: the entries to store, and the permission bits, of which
// those beside rwxrwxrwx are as in mode.
func Reduce(mode int64, full []Entry) (stored []Entry, newMode int64) {
	access := accessOf(full)
	if len(access) > 3 {
		stored = append(stored, access[1:len(access)-2]...)
	}
	// The last but one is the mask or, in a list of three, the owning group.
	newMode = mode&^0o777 | access[0].Perm<<6 | access[len(access)-2].Perm<<3 | access[len(access)-1].Perm
	return append(stored, Defaults(full)...), newMode
}

// WithoutExtended are the permission bits of an inode that loses its list: the owning
// group gets its own entry back in the place of the mask.
func WithoutExtended(mode int64, stored []Entry) int64 {
	if !Extended(stored) {
		return mode
	}
	for _, e := range stored {
		if e.Scope == Access && e.Kind == Group && e.Name == "" {
			return mode&^0o070 | e.Perm<<3
		}
	}
	return mode
}

// Inherit is what something new in a directory with these stored entries gets: its own
// stored entries and permission bits. mode is what was asked for. Without default entries
// it is nothing and mode.
func Inherit(parent []Entry, mode int64, directory bool) (stored []Entry, newMode int64) {
	defaults := Defaults(parent)
	if len(defaults) == 0 {
		return nil, mode
	}
	minimal := len(defaults) == 3
	full := make([]Entry, 0, 2*len(defaults))
	for _, e := range defaults {
		e.Scope = Access
		switch {
		case e.Kind == User && e.Name == "":
			e.Perm &= mode >> 6
		case e.Kind == Mask, e.Kind == Group && minimal:
			e.Perm &= mode >> 3
		case e.Kind == Other:
			e.Perm &= mode
		}
		full = append(full, e)
	}
	if directory {
		full = append(full, defaults...)
	}
	return Reduce(mode, full)
}

// A Subject is who wants access.
type Subject struct {
	Name    string
	InGroup func(group string) bool
}

// Allows reports whether an inode with this owner, group, permission bits and stored
// access entries gives s the rights want. The first class that fits decides: the owner,
// a named user, any of the groups, the others.
func Allows(stored []Entry, owner, group string, mode int64, s Subject, want int64) bool {
	if s.Name == owner {
		return mode>>6&want == want
	}
	mask := mode >> 3
	member := false
	for _, e := range stored {
		switch {
		case e.Scope == Default:
		case e.Kind == User && e.Name == s.Name:
			return e.Perm&mask&want == want
		case e.Kind == Group:
			g := e.Name
			if g == "" {
				g = group
			}
			if !s.InGroup(g) {
				continue
			}
			if e.Perm&mask&want == want {
				return true
			}
			member = true
		}
	}
	return !member && mode&want == want
}
