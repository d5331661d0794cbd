package shell

import (
	"errors"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/client"
)

// ACLs is what a FileSystem with access control lists offers besides.
type ACLs interface {
	ACL(path string) (*client.ACL, error)
	ModifyACL(path string, entries []client.ACLEntry) error
	SetACL(path string, entries []client.ACLEntry) error
	RemoveACLEntries(path string, entries []client.ACLEntry) error
	RemoveACL(path string, onlyDefault bool) error
}

func aclsOf(it *item) (ACLs, error) {
	a, ok := it.fs.(ACLs)
	if !ok {
		return nil, &pathIssue{path: it.text, text: textUnsupported}
	}
	return a, nil
}

func doGetfacl(r *run, args []string) error {
	switch {
	case len(args) == 0:
		return badUsage("<path> is missing")
	case len(args) > 1:
		return badUsage("Too many arguments")
	}
	return r.each(args, &traversal{recursive: r.has("R"), visit: r.printACL})
}

func (r *run) printACL(it *item) error {
	a, err := aclsOf(it)
	if err != nil {
		return err
	}
	acl, err := a.ACL(it.path)
	if err != nil {
		return err
	}
	r.printf("# file: %s\n# owner: %s\n# group: %s\n", it.text, acl.Owner, acl.Group)
	if acl.Perm&0o1000 != 0 {
		flag := "T"
		if acl.Perm&1 != 0 {
			flag = "t"
		}
		r.printf("# flags: --%s\n", flag)
	}
	access, defaults := fullACL(acl)
	r.printEntries(access)
	r.printEntries(defaults)
	r.printf("\n")
	return nil
}

// fullACL adds the entries that the permission bits stand for: the group bits
// are the mask if there are access entries.
func fullACL(acl *client.ACL) (access, defaults []client.ACLEntry) {
	for _, e := range acl.Entries {
		if e.Default {
			defaults = append(defaults, e)
		} else {
			access = append(access, e)
		}
	}
	bits := acl.Perm
	owner := client.ACLEntry{Type: "user", Perm: bits >> 6 & 7}
	other := client.ACLEntry{Type: "other", Perm: bits & 7}
	middle := client.ACLEntry{Type: "group", Perm: bits >> 3 & 7}
	if len(access) > 0 {
		middle.Type = "mask"
	}
	access = append(append([]client.ACLEntry{owner}, access...), middle, other)
	return access, defaults
}

func (r *run) printEntries(entries []client.ACLEntry) {
	mask := uint32(7)
	if i := slices.IndexFunc(entries, func(e client.ACLEntry) bool { return e.Type == "mask" }); i >= 0 {
		mask = entries[i].Perm
	}
	for _, e := range entries {
		line := e.String()
		masked := e.Type == "group" || e.Type == "user" && e.Name != ""
		if masked && e.Perm&mask != e.Perm {
			effective := client.ACLEntry{Perm: e.Perm & mask}.String()
			line += "\t#effective:" + effective[strings.LastIndexByte(effective, ':')+1:]
		}
		r.printf("%s\n", line)
	}
}

func doSetfacl(r *run, args []string) error {
	remove, modify, replace := r.has("b") || r.has("k"), r.has("m") || r.has("x"), r.has("-set")
	if r.has("b") && r.has("k") || r.has("m") && r.has("x") || remove && modify || replace && (remove || modify) {
		return badUsage("Specified flags contains both remove and modify flags")
	}
	var entries []client.ACLEntry
	if modify || replace {
		switch len(args) {
		case 0:
			return badUsage("Missing arguments: <acl_spec> <path>")
		case 1:
			return badUsage("Missing either <acl_spec> or <path>")
		}
		var err error
		if entries, err = client.ParseACL(args[0], !r.has("x")); err != nil {
			return badUsage(strings.TrimSuffix(err.Error(), ": invalid argument"))
		}
		args = args[1:]
	}
	switch {
	case len(args) == 0:
		return badUsage("<path> is missing")
	case len(args) > 1:
		return badUsage("Too many arguments")
	case !remove && !modify && !replace:
		return badUsage("Expected one of -b, -k, -m, -x or --set options")
	}
	return r.each(args, &traversal{
		recursive: r.has("R"),
		visit: func(it *item) error {
			a, err := aclsOf(it)
			if err != nil {
				return err
			}
			mine := entries
			if !it.isDir() && r.has("R") { // files have no default entries
				mine = slices.DeleteFunc(slices.Clone(entries), func(e client.ACLEntry) bool { return e.Default })
			}
			switch {
			case remove:
				return a.RemoveACL(it.path, r.has("k"))
			case len(mine) == 0:
				return nil
			case r.has("m"):
				return a.ModifyACL(it.path, mine)
			case r.has("x"):
				return a.RemoveACLEntries(it.path, mine)
			}
			return a.SetACL(it.path, mine)
		},
	})
}

// copyACL is the a of cp -p.
func copyACL(src, target *item) error {
	from, err := aclsOf(src)
	if err != nil {
		return err
	}
	to, err := aclsOf(target)
	if err != nil {
		return err
	}
	acl, err := from.ACL(src.path)
	if err != nil {
		return err
	}
	access, defaults := fullACL(acl)
	return to.SetACL(target.path, append(access, defaults...))
}

// XAttrs is what a FileSystem with extended attributes offers besides.
type XAttrs interface {
	XAttrs(path string, names ...string) ([]client.XAttr, error)
	SetXAttr(path, attr string, value []byte) error
	RemoveXAttr(path, attr string) error
}

func xattrsOf(it *item) (XAttrs, error) {
	x, ok := it.fs.(XAttrs)
	if !ok {
		return nil, &pathIssue{path: it.text, text: textUnsupported}
	}
	return x, nil
}

// copyXAttrs is the x of cp -p.
func copyXAttrs(src, target *item) error {
	from, err := xattrsOf(src)
	if err != nil {
		return err
	}
	to, err := xattrsOf(target)
	if err != nil {
		return err
	}
	all, err := from.XAttrs(src.path)
	for _, x := range all {
		err = errors.Join(err, to.SetXAttr(target.path, x.Name, x.Value))
	}
	return err
}
