package client

import (
	"fmt"
	"io/fs"
	"slices"
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

// ParseACL reads "user:bob:rw-,default:group::r-x"; without permissions (for removal)
// "user:bob,mask". Its errors are fs.ErrInvalid, with the words of Apache's client.
func ParseACL(spec string, perms bool) ([]ACLEntry, error) {
	var out []ACLEntry
	for word := range strings.SplitSeq(spec, ",") {
		if word == "" {
			continue
		}
		e, err := parseACLEntry(word, perms)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

func parseACLEntry(word string, perms bool) (ACLEntry, error) {
	bad := func(what string) (ACLEntry, error) {
		return ACLEntry{}, fmt.Errorf("Invalid %s%s: %w", what, word, fs.ErrInvalid) //nolint:staticcheck // the words of Apache's client
	}
	f := strings.Split(strings.TrimRight(word, ":"), ":")
	var e ACLEntry
	if f[0] == "default" {
		e.Default = true
		f = f[1:]
	}
	if len(f) == 0 || len(f) == 1 && f[0] == "" {
		return bad("<aclSpec> : ")
	}
	e.Type = strings.ToLower(f[0])
	if !slices.Contains(aclTypes, e.Type) {
		return bad("type of acl in <aclSpec> :")
	}
	if f = f[1:]; len(f) > 0 {
		e.Name = f[0]
		f = f[1:]
	}
	if perms {
		if len(f) == 0 {
			return bad("<aclSpec> : ")
		}
		p, ok := parseRWX(f[0])
		if !ok {
			return bad("permission in <aclSpec> : ")
		}
		e.Perm = p
		f = f[1:]
	}
	if len(f) > 0 {
		return bad("<aclSpec> : ")
	}
	return e, nil
}

// parseRWX is the reverse of rwx.
func parseRWX(s string) (uint32, bool) {
	for p := range uint32(8) {
		if rwx(p) == s {
			return p, true
		}
	}
	return 0, false
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
