// Package namespace holds the rules of the HDFS tree, one file for each operation:
// what a call may do, what it changes, and the texts of its errors. An operation is
// straight-line code over rows (package txn); it knows no SQL, no wire and no
// socket. What concerns replicas and DataNodes is in package blocks.
package namespace

import (
	"context"
	"errors"
	"strings"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Limits are the bounds of the namespace (dfs.namenode.fs-limits.* and its
// neighbours). 0 turns MaxComponent and MaxItems off.
type Limits struct {
	MaxComponent   int   // bytes of UTF-8
	MaxItems       int64 // children of a directory
	MinBlockSize   int64 // bytes
	MaxBlocks      int   // of a file
	MaxReplication int64
	MinReplication int64
	ListLimit      int   // entries of a page of getListing
	ListingCache   int   // entries of pages that are remembered; 0 for none
	ATimePrecision int64 // ms; 0 keeps no access times
	LeaseHardLimit int64 // ms after which the NameNode closes a file whose writer is silent; 0 is 20 min
	MaxXAttrs      int   // of an inode, those of users and trusted ones
	MaxXAttrSize   int   // bytes of name and value
}

// DefaultLimits are Hadoop's.
func DefaultLimits() Limits {
	return Limits{MaxComponent: 255, MaxItems: 1 << 20, MinBlockSize: 1 << 20, MaxBlocks: 10_000,
		MaxReplication: 512, MinReplication: 1, ListLimit: 1000, ListingCache: 50_000, ATimePrecision: 3_600_000, LeaseHardLimit: 20 * 60_000,
		MaxXAttrs: 32, MaxXAttrSize: 16384}
}

// Settings are what an operator chooses for the namespace.
type Settings struct {
	Limits
	Owner            string // the user that runs the NameNode, a superuser
	SuperGroup       string // members are superusers
	CheckPermissions bool
	NoACLs           bool     // calls about access control lists are refused
	NoXAttrs         bool     // calls about extended attributes are refused
	IgnoreUnmasked   bool     // what inherits default entries has the client's umask applied as well
	Protected        []string // fs.protected.directories
	ProtectBelow     bool     // what is below a protected directory as well
	OwnerSetsQuota   bool     // the owner of a directory may set quotas of those in it
	NoTypeQuotas     bool     // those that are set do not count, and none can be set
	NoPolicies       bool     // storage policies cannot be set
	SuperPolicies    bool     // only a superuser may set storage policies
	Defaults         ServerDefaults
}

// ServerDefaults are what clients ask for with getServerDefaults.
type ServerDefaults struct {
	BlockSize        int64 // bytes
	BytesPerChecksum int64
	WritePacketSize  int64
	Replication      int64
	FileBufferSize   int64
	TrashInterval    int64 // minutes
	ChecksumType     string
}

// Namespace runs the operations of the tree. Safe for many goroutines.
type Namespace struct {
	eng    *txn.Engine
	blocks *blocks.Registry
	set    Settings
	safe   SafeMode
	recent recent
	pages  *pages

	recoverAfter int64 // where RecoverExpired is among the files that it recovers
}

// SafeMode says whether the namespace may be changed.
type SafeMode interface {
	// On reports whether safe mode is on, and the text that explains it.
	On() (on bool, why string)
	// Joining reports whether other NameNodes may change it, but not yet this one.
	Joining() bool
}

// New returns the namespace on an engine.
func New(eng *txn.Engine, reg *blocks.Registry, safe SafeMode, set Settings) *Namespace {
	return &Namespace{eng: eng, blocks: reg, set: set, safe: safe, recent: newRecent(), pages: newPages(set.ListingCache)}
}

// A Caller is who asks.
type Caller struct {
	User   string
	Groups []string
	Host   string // address of the client's machine, without a port

	// ClientID and CallID name the call across its repetitions; ClientID is empty
	// when there is nothing to remember. Retry is 0 in a first try.
	ClientID string
	CallID   int64
	Retry    int32

	Call string // the name of the call, for messages
	// Changed, if not nil, is set to the inode that a call made or changed. It counts
	// only if the call was done.
	Changed *schema.Inode
}

// changed notes the inode that the call made or changed.
func (c *Caller) changed(in *schema.Inode) {
	if c.Changed != nil {
		*c.Changed = *in
	}
}

func (c *Caller) inGroup(g string) bool {
	for _, x := range c.Groups {
		if x == g {
			return true
		}
	}
	return false
}

// super reports whether the permission checks do not apply to the caller.
func (n *Namespace) super(c *Caller) bool { return !n.set.CheckPermissions || n.isSuper(c) }

// isSuper reports whether the caller is a superuser, whether or not permissions are
// checked.
func (n *Namespace) isSuper(c *Caller) bool {
	return c.User == n.set.Owner || c.inGroup(n.set.SuperGroup)
}

// RequireSuper returns an error unless c is a superuser. op is the audit name.
func (n *Namespace) RequireSuper(c *Caller, op string) error {
	if n.super(c) {
		return nil
	}
	return fault.New(fault.AccessDenied,
		"Access denied for user %s. Superuser privilege is required for operation %s", c.User, op)
}

// writable returns an error in safe mode, and while this NameNode joins others. what
// completes "Cannot …".
func (n *Namespace) writable(what ...string) error {
	if n.safe.Joining() {
		return fault.New(fault.Standby, "Cannot %s. This NameNode has just started and waits for its DataNodes; others serve.", strings.Join(what, ""))
	}
	if on, why := n.safe.On(); on {
		return fault.New(fault.SafeMode, "Cannot %s. Name node is in safe mode.\n%s", strings.Join(what, ""), why)
	}
	return nil
}

// update runs an operation that changes the tree, once for each logical call. It waits
// while a directory on its way is closed.
func (n *Namespace) update(ctx context.Context, fn func(tx *txn.Tx) error) error {
	err := n.eng.Update(ctx, fn)
	var shut *closed
	if errors.As(err, &shut) {
		return n.updateOnceOpen(ctx, shut, fn)
	}
	return err
}

// awaiting runs do. If that ends because some blocks, which it returns, lack
// replicas, it is run again after all that was reported of them is in the rows.
func (n *Namespace) awaiting(ctx context.Context, do func() (short []int64, err error)) error {
	short, err := do()
	if len(short) == 0 {
		return err
	}
	news, failed := n.blocks.Await(ctx, short...)
	if failed != nil {
		return failed
	}
	if news {
		_, err = do()
	}
	return err
}

// FileStatus is what getFileInfo tells of an inode.
type FileStatus struct {
	schema.Inode
	Path        string // as asked for, or the name below the listed directory
	ModTime     int64  // ms; of directories too
	ChildrenNum int64
	Located     *blocks.Located // when asked for and a file
}

// IsDir reports whether the inode is a directory.
func (s *FileStatus) IsDir() bool { return s.Kind == schema.KindDirectory }

// setDirectory completes the status of a directory by its row of Directories.
func (s *FileStatus) setDirectory(d schema.Directory) {
	s.ModTime, s.ChildrenNum = d.MTime, d.Entries
}

// touch notes a change below a directory: its mtime and its number of children.
func touch(tx *txn.Tx, dir int64, entries int64) {
	d := schema.Directory{ID: dir, MTime: tx.Now(), Entries: entries}
	tx.Add(schema.Directories, d.Append(tx.NewRow(schema.Directories)))
}

// ModeString is the rwx form of a mode, with the sticky bit as t or T.
func ModeString(mode int64) string {
	const rwx = "rwxrwxrwx"
	var b strings.Builder
	for i := range 9 {
		if mode&(1<<(8-i)) != 0 {
			b.WriteByte(rwx[i])
			continue
		}
		b.WriteByte('-')
	}
	s := b.String()
	if mode&ModeSticky != 0 {
		last := byte('T')
		if mode&1 != 0 {
			last = 't'
		}
		s = s[:8] + string(last)
	}
	return s
}

// Mode bits beside rwxrwxrwx.
const (
	ModeSticky = 0o1000
	ModeMask   = 0o1777
)
