package acl

import (
	"fmt"
	"slices"
)

// An Error is a list, or a change of one, that makes no sense.
type Error string

func (e Error) Error() string { return string(e) }

// checkSpec returns the argument of a change in order.
func checkSpec(spec []Entry) ([]Entry, error) {
	spec = slices.SortedFunc(slices.Values(spec), order)
	return spec, checkSize(spec)
}

func checkSize(list []Entry) error {
	for _, part := range []struct {
		name    string
		entries []Entry
	}{{"access", accessOf(list)}, {"default", Defaults(list)}} {
		if n := len(part.entries); n > MaxEntries {
			return Error(fmt.Sprintf("Invalid ACL: ACL has %d %s entries, which exceeds maximum of %d.", n, part.name, MaxEntries))
		}
	}
	return nil
}

// A build is a full list in the making. Masks are kept apart until its end.
type build struct {
	list    []Entry
	mask    [2]*Entry // by scope, the one there was or that was asked for
	asked   [2]bool   // the mask itself was named
	changed [2]bool   // some entry was
}

func (b *build) add(e Entry) {
	if e.Kind == Mask {
		b.mask[e.Scope] = &e
		return
	}
	b.list = append(b.list, e)
}

// name notes that a change names an entry.
func (b *build) name(e Entry) {
	b.changed[e.Scope] = true
	if e.Kind == Mask {
		b.asked[e.Scope] = true
	}
}

// Modify adds entries to a full list, or changes those that are about the same.
func Modify(full, spec []Entry) ([]Entry, error) {
	spec, err := checkSpec(spec)
	if err != nil {
		return nil, err
	}
	var b build
	for _, e := range full {
		if !slices.ContainsFunc(spec, func(s Entry) bool { return same(s, e) }) {
			b.add(e)
		}
	}
	for _, e := range spec {
		b.name(e)
		b.add(e)
	}
	return b.end()
}

// Remove takes entries out of a full list; their permissions do not matter.
func Remove(full, spec []Entry) ([]Entry, error) {
	spec, err := checkSpec(spec)
	if err != nil {
		return nil, err
	}
	var b build
	for _, e := range full {
		if slices.ContainsFunc(spec, func(s Entry) bool { return same(s, e) }) {
			b.name(e)
		} else {
			b.add(e)
		}
	}
	return b.end()
}

// Replace sets each scope that spec has entries of, and leaves the other as it is.
func Replace(full, spec []Entry) ([]Entry, error) {
	spec, err := checkSpec(spec)
	if err != nil {
		return nil, err
	}
	var b build
	for _, e := range spec {
		b.name(e)
		b.add(e)
	}
	replaced := b.changed
	for _, e := range full {
		if !replaced[e.Scope] {
			b.add(e)
		}
	}
	return b.end()
}

// end completes the list and checks it.
func (b *build) end() ([]Entry, error) {
	b.copyDefaults()
	if err := b.addMasks(); err != nil {
		return nil, err
	}
	slices.SortFunc(b.list, order)
	return b.list, check(b.list)
}

// copyDefaults takes the default entries of owner, group and other that are missing from
// the access entries, if there are default entries at all.
func (b *build) copyDefaults() {
	slices.SortFunc(b.list, order)
	defaults := Defaults(b.list)
	if len(defaults) == 0 {
		return
	}
	access := accessOf(b.list)
	for _, kind := range []Kind{User, Group, Other} {
		if slices.ContainsFunc(defaults, func(e Entry) bool { return same(e, Entry{Scope: Default, Kind: kind}) }) {
			continue
		}
		if i := slices.IndexFunc(access, func(e Entry) bool { return same(e, Entry{Kind: kind}) }); i >= 0 {
			b.list = append(b.list, Entry{Scope: Default, Kind: kind, Perm: access[i].Perm})
		}
	}
}

// addMasks gives each scope the mask that was asked for or, if it changed and needs one,
// the union of what its named entries and groups have.
func (b *build) addMasks() error {
	var found, needed [2]bool
	var union [2]int64
	for _, e := range b.list {
		found[e.Scope] = true
		if e.Kind == Group || e.Name != "" {
			union[e.Scope] |= e.Perm
		}
		if e.Name != "" {
			needed[e.Scope] = true
		}
	}
	for _, s := range []Scope{Access, Default} {
		mask := b.mask[s]
		switch {
		case !found[s]:
		case mask == nil && needed[s] && b.asked[s]:
			return Error("Invalid ACL: mask is required and cannot be deleted.")
		case mask != nil && (!b.changed[s] || b.asked[s]):
			b.list = append(b.list, *mask)
		case mask != nil || needed[s]:
			b.list = append(b.list, Entry{Scope: s, Kind: Mask, Perm: union[s]})
		}
	}
	return nil
}

// check applies the rules of a full list, which is in order.
func check(list []Entry) error {
	for i, e := range list {
		if i > 0 && same(list[i-1], e) {
			return Error("Invalid ACL: multiple entries with same scope, type and name.")
		}
		if e.Name != "" && (e.Kind == Mask || e.Kind == Other) {
			return Error(fmt.Sprintf("Invalid ACL: this entry type must not have a name: %s.", e))
		}
	}
	if err := checkSize(list); err != nil {
		return err
	}
	has := func(scope Scope, kind Kind) bool {
		return slices.ContainsFunc(list, func(e Entry) bool { return same(e, Entry{Scope: scope, Kind: kind}) })
	}
	hasDefaults := len(Defaults(list)) > 0
	for _, kind := range []Kind{User, Group, Other} {
		if !has(Access, kind) {
			return Error("Invalid ACL: the user, group and other entries are required.")
		}
		if hasDefaults && !has(Default, kind) {
			return Error("Invalid default ACL: the user, group and other entries are required.")
		}
	}
	return nil
}
