package namespace_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/namenode/acl"
	"github.com/hopsql/hopsql/namenode/namespace"
)

// entries reads "user:bob:rwx,default:group::r-x"; without permissions for removals.
func (s *scenario) entries(spec string, perms bool) []acl.Entry {
	s.t.Helper()
	if spec == "-" {
		return nil
	}
	parsed, err := client.ParseACL(spec, perms)
	if err != nil {
		s.t.Fatal(err)
	}
	var out []acl.Entry
	for _, p := range parsed {
		e := acl.Entry{Name: p.Name, Perm: int64(p.Perm), Kind: acl.Kind(slices.Index([]string{"user", "group", "mask", "other"}, p.Type))}
		if p.Default {
			e.Scope = acl.Default
		}
		out = append(out, e)
	}
	return out
}

func (s *scenario) xattr(word string) namespace.XAttr {
	name, value, hasValue := strings.Cut(word, ":")
	space, local, _ := strings.Cut(name, ".")
	x := namespace.XAttr{Name: local, Space: namespace.XAttrSpace(slices.Index([]string{"user", "trusted", "security", "system", "raw"}, space))}
	if hasValue {
		x.Value = []byte(value)
	}
	return x
}

// doAttributes runs the commands on lists and extended attributes; ok is false if words
// are none of them.
func (s *scenario) doAttributes(ctx context.Context, c *namespace.Caller, args []string) (answer string, ok bool) {
	switch args[0] {
	case "modacl":
		return errText(s.ns.ModifyACL(ctx, c, args[2], s.entries(args[1], true))), true
	case "rmacl":
		return errText(s.ns.RemoveACLEntries(ctx, c, args[2], s.entries(args[1], false))), true
	case "setacl":
		return errText(s.ns.SetACL(ctx, c, args[2], s.entries(args[1], true))), true
	case "rmdefault":
		return errText(s.ns.RemoveDefaultACL(ctx, c, args[1])), true
	case "rmall":
		return errText(s.ns.RemoveACL(ctx, c, args[1])), true
	case "getacl":
		st, err := s.ns.GetACL(ctx, c, args[1])
		if err != nil {
			return errText(err), true
		}
		out := fmt.Sprintf("%s:%s %o", st.Owner, st.Group, st.Mode)
		for _, e := range st.Entries {
			out += " " + e.String()
		}
		return out, true
	case "setxattr":
		return errText(s.ns.SetXAttr(ctx, c, args[2], s.xattr(args[1]), namespace.XAttrCreate|namespace.XAttrReplace)), true
	case "rmxattr":
		return errText(s.ns.RemoveXAttr(ctx, c, args[2], s.xattr(args[1]))), true
	case "xattrs":
		list, err := s.ns.ListXAttrs(ctx, c, args[1])
		if err != nil {
			return errText(err), true
		}
		var out []string
		for i := range list {
			out = append(out, fmt.Sprintf("%s=%s", &list[i], list[i].Value))
		}
		return fmt.Sprint(out), true
	}
	return "", false
}
