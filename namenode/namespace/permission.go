package namespace

import (
	"fmt"

	"github.com/hopsql/hopsql/namenode/acl"
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

// allowed reports whether mode, owner, group and stored list of in give c the rights. The
// first class that fits decides, as in POSIX and HDFS.
func allowed(c *Caller, in *schema.Inode, list []acl.Entry, want Access) bool {
	if acl.Extended(list) {
		return acl.Allows(list, in.UserName, in.GroupName, in.Mode, acl.Subject{Name: c.User, InGroup: c.inGroup}, int64(want))
	}
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
	return fmt.Sprintf("\"%s\":%s:%s:%s%s", path, in.UserName, in.GroupName, kind, ModeString(in.Mode))
}

// super reports whether the permission checks do not apply to c.
func (w *walk) super(c *Caller) bool {
	if w.strict {
		return w.n.isSuper(c)
	}
	return w.n.super(c)
}

// traverse checks that every name goes on from a directory that c may enter.
// creating tells which error a file in the way is (HDFS: only calls that create
// names say so as ParentNotDirectory).
func (w *walk) traverse(c *Caller, creating bool) error {
	if w.names.raw && w.writes && !w.super(c) {
		return w.n.RequireSuper(c, c.Call)
	}
	if !w.super(c) {
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
	return w.notDirectory(creating)
}

// notDirectory is the error for a file in the way.
func (w *walk) notDirectory(creating bool) error {
	kind := fault.AccessDenied
	if creating {
		kind = fault.ParentNotDirectory
	}
	return fault.New(kind, "%s (is not a directory)", w.names.join(len(w.inodes)-1))
}

// require checks rights on the i-th inode of the path.
func (w *walk) require(c *Caller, i int, want Access) error {
	if w.super(c) {
		return nil
	}
	list, err := w.acl(i)
	if err != nil || allowed(c, &w.inodes[i], list, want) {
		return err
	}
	return denied(c, want, w.names.join(i), &w.inodes[i])
}

// denied is the error for rights on an inode that c lacks.
func denied(c *Caller, want Access, path string, in *schema.Inode) error {
	return fault.New(fault.AccessDenied, "Permission denied: user=%s, access=%s, inode=%s", c.User, want, describe(path, in))
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
	if w.super(c) || w.isRoot() || !w.hasParent() {
		return nil
	}
	i := len(w.names.parts) - 1
	if parent := w.parent(); want&Write != 0 && w.found() && stuck(c, parent, w.target()) {
		return stickyFault(c, w.path(), w.target(), w.names.join(i), parent)
	}
	return w.require(c, i, want)
}

// stuck reports whether the sticky bit of a directory keeps c from removing or renaming
// one of its children.
func stuck(c *Caller, dir, child *schema.Inode) bool {
	return dir.Mode&ModeSticky != 0 && c.User != dir.UserName && c.User != child.UserName
}

func stickyFault(c *Caller, path string, in *schema.Inode, dirPath string, dir *schema.Inode) error {
	return fault.New(fault.AccessDenied, "Permission denied by sticky bit: user=%s, path=%s, parent=%s",
		c.User, describe(path, in), describe(dirPath, dir))
}

// requireOwner checks that c owns the target.
func (w *walk) requireOwner(c *Caller) error {
	if w.super(c) || w.target().UserName == c.User {
		return nil
	}
	return fault.New(fault.AccessDenied, "Permission denied. user=%s is not the owner of inode=%s", c.User, w.path())
}
