package client

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"google.golang.org/protobuf/proto"
)

// ACLEntry is one line of an access control list.
type ACLEntry struct {
	Default bool   // of the list that new entries of a directory inherit
	Type    string // user, group, mask or other
	Name    string // "" for the owner, the owning group, mask and other
	Perm    uint32 // three bits
}

// ACL is what a server says of the list of a file; entries leave out owner, the
// owning group without a mask, and other: Perm has them.
type ACL struct {
	Owner, Group string
	Perm         uint32
	Entries      []ACLEntry
}

var aclTypes = []string{"user", "group", "mask", "other"} // by number on the wire

// String is the entry as setfacl takes it.
func (e ACLEntry) String() string {
	s := e.Type + ":" + e.Name + ":" + rwx(e.Perm)
	if e.Default {
		return "default:" + s
	}
	return s
}

func rwx(p uint32) string {
	b := []byte("rwx")
	for i := range b {
		if p&(4>>i) == 0 {
			b[i] = '-'
		}
	}
	return string(b)
}

// ParseACL reads "user:bob:rw-,default:group::r-x"; without permissions (for
// removal) each entry is two fields long.
func ParseACL(spec string, perms bool) ([]ACLEntry, error) {
	var out []ACLEntry
	for word := range strings.SplitSeq(spec, ",") {
		word = strings.TrimSpace(word)
		bad := fmt.Errorf("Invalid <aclSpec> : %s: %w", word, fs.ErrInvalid) //nolint:staticcheck // the words of Apache's client
		rest, isDefault := strings.CutPrefix(word, "default:")
		f := strings.Split(rest, ":")
		e := ACLEntry{Default: isDefault, Type: strings.ToLower(f[0])}
		switch {
		case e.Type != "user" && e.Type != "group" && e.Type != "mask" && e.Type != "other":
			return nil, bad
		case perms && len(f) != 3, !perms && (len(f) > 3 || len(f) < 2 || len(f) == 3 && f[2] != ""):
			return nil, bad
		}
		e.Name = f[1]
		if perms {
			if len(f[2]) != 3 {
				return nil, bad
			}
			for i, c := range []byte(f[2]) {
				switch c {
				case "rwx"[i]:
					e.Perm |= 4 >> i
				case '-':
				default:
					return nil, bad
				}
			}
		}
		out = append(out, e)
	}
	return out, nil
}

func aclProtos(entries []ACLEntry) []*hdfspb.AclEntryProto {
	var out []*hdfspb.AclEntryProto
	for _, e := range entries {
		p := &hdfspb.AclEntryProto{Scope: hdfspb.AclEntryProto_ACCESS.Enum(), Permissions: hdfspb.AclEntryProto_FsActionProto(e.Perm).Enum()}
		if e.Default {
			p.Scope = hdfspb.AclEntryProto_DEFAULT.Enum()
		}
		for i, t := range aclTypes {
			if t == e.Type {
				p.Type = hdfspb.AclEntryProto_AclEntryTypeProto(i).Enum()
			}
		}
		if e.Name != "" {
			p.Name = proto.String(e.Name)
		}
		out = append(out, p)
	}
	return out
}

// ACL reads the access control list of name.
func (c *Client) ACL(name string) (*ACL, error) {
	resp := &hdfspb.GetAclStatusResponseProto{}
	err := c.onPath("getacl", name, func(p string) error {
		return c.nn("getAclStatus", &hdfspb.GetAclStatusRequestProto{Src: &p}, resp)
	})
	if err != nil {
		return nil, err
	}
	r := resp.GetResult()
	a := &ACL{Owner: r.GetOwner(), Group: r.GetGroup(), Perm: r.GetPermission().GetPerm() & 0o1777}
	if r.GetSticky() {
		a.Perm |= 0o1000
	}
	for _, e := range r.GetEntries() {
		a.Entries = append(a.Entries, ACLEntry{
			Default: e.GetScope() == hdfspb.AclEntryProto_DEFAULT, Type: aclTypes[int(e.GetType())%len(aclTypes)],
			Name: e.GetName(), Perm: uint32(e.GetPermissions()) & 7,
		})
	}
	return a, nil
}

// ModifyACL adds entries or changes those of the same name.
func (c *Client) ModifyACL(name string, entries []ACLEntry) error {
	return c.onPath("setacl", name, func(p string) error {
		return c.nn("modifyAclEntries", &hdfspb.ModifyAclEntriesRequestProto{Src: &p, AclSpec: aclProtos(entries)}, &hdfspb.ModifyAclEntriesResponseProto{})
	})
}

// SetACL replaces the whole list.
func (c *Client) SetACL(name string, entries []ACLEntry) error {
	return c.onPath("setacl", name, func(p string) error {
		return c.nn("setAcl", &hdfspb.SetAclRequestProto{Src: &p, AclSpec: aclProtos(entries)}, &hdfspb.SetAclResponseProto{})
	})
}

// RemoveACLEntries removes the entries of these names.
func (c *Client) RemoveACLEntries(name string, entries []ACLEntry) error {
	return c.onPath("setacl", name, func(p string) error {
		return c.nn("removeAclEntries", &hdfspb.RemoveAclEntriesRequestProto{Src: &p, AclSpec: aclProtos(entries)}, &hdfspb.RemoveAclEntriesResponseProto{})
	})
}

// RemoveACL removes all entries but owner, group and other, or only the default
// ones.
func (c *Client) RemoveACL(name string, onlyDefault bool) error {
	return c.onPath("setacl", name, func(p string) error {
		if onlyDefault {
			return c.nn("removeDefaultAcl", &hdfspb.RemoveDefaultAclRequestProto{Src: &p}, &hdfspb.RemoveDefaultAclResponseProto{})
		}
		return c.nn("removeAcl", &hdfspb.RemoveAclRequestProto{Src: &p}, &hdfspb.RemoveAclResponseProto{})
	})
}
