package namespace

import (
	"fmt"

	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
)

// Access is a set of rights on an inode.
type Access uint8

// The rights, as in a mode's octal digit.
const (
	Execute Access = 1
	Write   Access = 2
	Read    Access = 4
)

var accessNames = [...]string{"NONE", "EXECUTE", "WRITE", "WRITE_EXECUTE", "READ", "READ_EXECUTE", "READ_WRITE", "ALL"}

func (a Access) String() string { return accessNames[a&7] }

// allowed reports whether mode, owner and group of in give c the rights. The first
// class that fits decides, as in POSIX and HDFS.
func allowed(c *Caller, in *schema.Inode, want Access) bool {
	shift := 0
	switch {
	case c.User == in.UserName:
		shift = 6
	case c.inGroup(in.GroupName):
		shift = 3
	}
	return Access(in.Mode>>shift)&want == want
}

// describe is an inode as permission errors show it: "/d":owner:group:drwxr-xr-x.
func describe(path string, in *schema.Inode) string {
	kind := "-"
	if in.Kind == schema.KindDirectory {
		kind = "d"
	}
	return fmt.Sprintf("%q:%s:%s:%s%s", path, in.UserName, in.GroupName, kind, modeString(in.Mode))
}

// traverse checks that every name goes on from a directory that c may enter.
// creating tells which error a file in the way is (HDFS: only calls that create
// names say so as ParentNotDirectory).
func (w *walk) traverse(c *Caller, creating bool) error {
	if w.names.raw && !w.n.super(c) {
		return w.n.RequireSuper(c, w.path())
	}
	if !w.n.super(c) {
		for i := range w.inodes {
			if i == len(w.names.parts) || w.inodes[i].Kind != schema.KindDirectory {
				break
			}
			if err := w.require(c, i, Execute); err != nil {
				return err
			}
		}
	}
	if !w.blocked {
		return nil
	}
	kind := fault.AccessDenied
	if creating {
		kind = fault.ParentNotDirectory
	}
	return fault.New(kind, "%s (is not a directory)", w.names.join(len(w.inodes)-1))
}

// require checks rights on the i-th inode of the path.
func (w *walk) require(c *Caller, i int, want Access) error {
	if w.n.super(c) || allowed(c, &w.inodes[i], want) {
		return nil
	}
	return fault.New(fault.AccessDenied, "Permission denied: user=%s, access=%s, inode=%s",
		c.User, want, describe(w.names.join(i), &w.inodes[i]))
}

// requireTarget checks rights on the target, if it exists.
func (w *walk) requireTarget(c *Caller, want Access) error {
	if !w.found() {
		return nil
	}
	return w.require(c, len(w.inodes)-1, want)
}

// requireAncestor checks rights on the deepest existing directory above the last
// name: that is where something new would go.
func (w *walk) requireAncestor(c *Caller, want Access) error {
	i := min(len(w.inodes)-1, len(w.names.parts)-1)
	if i < 0 {
		return nil
	}
	return w.require(c, i, want)
}

// requireParent checks rights on the directory of the last name, and its sticky
// bit: in a sticky directory only the owner of the directory or of the child may
// remove or rename the child.
func (w *walk) requireParent(c *Caller, want Access) error {
	if w.n.super(c) || w.isRoot() || !w.hasParent() {
		return nil
	}
	i := len(w.names.parts) - 1
	if err := w.require(c, i, want); err != nil {
		return err
	}
	parent := w.parent()
	if want&Write == 0 || parent.Mode&ModeSticky == 0 || !w.found() ||
		c.User == parent.UserName || c.User == w.target().UserName {
		return nil
	}
	t := w.target()
	kind := "-"
	if t.Kind == schema.KindDirectory {
		kind = "d"
	}
	return fault.New(fault.AccessDenied,
		"Permission denied by sticky bit: user=%s, path=\"%s\":%s:%s:%s%s, parent=\"%s\":%s:%s:d%s",
		c.User, w.path(), t.UserName, t.GroupName, kind, modeString(t.Mode),
		w.names.join(i), parent.UserName, parent.GroupName, modeString(parent.Mode))
}

// requireOwner checks that c owns the target.
func (w *walk) requireOwner(c *Caller) error {
	if w.n.super(c) || w.target().UserName == c.User {
		return nil
	}
	return fault.New(fault.AccessDenied, "Permission denied. user=%s is not the owner of inode=%s", c.User, w.path())
}
