package namespace

import (
	"slices"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/acl"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// walk is a path on the rows of one run. inodes[0] is the root, inodes[i] the
// inode of the i-th name; it ends before the first name that does not exist.
type walk struct {
	n      *Namespace
	names  names // with parts counted from the root
	inodes []schema.Inode
	// blocked is set when a name goes on below inodes[len-1], which is a file.
	blocked bool

	tx     *txn.Tx
	acls   map[int64][]acl.Entry // stored lists that were read, by inode id
	writes bool                  // the call is to change something
	strict bool                  // rights are checked even if permissions are off
}

// walks are the walks of one run.
type walks struct {
	list []*walk
	used int
}

// Reset is part of txn.Memory.
func (ws *walks) Reset() {
	ws.used = 0
	if len(ws.list) > 0 && cap(ws.list[0].inodes) > keptDepth {
		ws.list = nil
	}
}

// keptDepth is how long a path may be so that the memory of its walk is kept.
const keptDepth = 64

// newWalk returns a walk without inodes, which must not be used after the call.
func newWalk(tx *txn.Tx, n *Namespace, p names) *walk {
	ws, ok := tx.Memory().(*walks)
	if !ok {
		ws = &walks{}
		tx.SetMemory(ws)
	}
	if ws.used == len(ws.list) {
		ws.list = append(ws.list, &walk{inodes: make([]schema.Inode, 0, max(8, len(p.parts)+2))})
	}
	w := ws.list[ws.used]
	ws.used++
	*w = walk{n: n, names: p, inodes: w.inodes[:0], tx: tx}
	return w
}

// childKey is schema.InodeKey for a row that is asked for in every run.
func childKey(tx *txn.Tx, parent int64, name string) schema.Key {
	return tx.Key(schema.Int(schema.PartitionOf(parent)), schema.Int(parent), schema.Str(name))
}

var rootKey = schema.InodeKey(schema.RootParentID, "")

// resolve reads the rows of a path: ancestors shared, the root among them because its
// mode and owner change, the last name's row with lock last. It checks nothing but that
// the rows fit together.
func (n *Namespace) resolve(tx *txn.Tx, p names, last dal.Lock) (*walk, error) {
	if p.inode != 0 {
		var err error
		if p, err = absolute(tx, p); err != nil {
			return nil, err
		}
	}
	w := newWalk(tx, n, p)
	w.writes = last == dal.Exclusive
	lock := dal.Shared
	if len(p.parts) == 0 {
		lock = last
	}
	row, err := tx.Get(schema.Inodes, rootKey, lock)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, fault.New(fault.IO, "the root directory is missing: format the file system with: hdfs namenode -format")
	}
	w.inodes = append(w.inodes, schema.InodeOf(row))
	if err := w.entered(tx, last); err != nil {
		return nil, err
	}
	for i, name := range p.parts {
		parent := w.last()
		if parent.Kind != schema.KindDirectory {
			w.blocked = true
			return w, nil
		}
		lock = dal.Shared
		if i == len(p.parts)-1 {
			lock = last
			tx.Lane(tx.Key(schema.Int(parent.ID)))
		}
		key := childKey(tx, parent.ID, name)
		row, err := tx.Get(schema.Inodes, key, lock)
		if err != nil {
			return nil, err
		}
		if row == nil {
			tx.Leaf(schema.Inodes, key)
			return w, nil
		}
		w.inodes = append(w.inodes, schema.InodeOf(row))
		if w.last().Kind != schema.KindDirectory {
			tx.Leaf(schema.Inodes, key)
		}
		if err := w.entered(tx, last); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// absolute turns /.reserved/.inodes/ID/… into the path that the inode has now, by
// following its parents upwards. An inode that is not below the root is gone.
func absolute(tx *txn.Tx, p names) (names, error) {
	var up []string
	for id := p.inode; id != schema.RootID; {
		rows, err := tx.Lookup(schema.InodesByID, schema.KeyOf(schema.Int(id)))
		if err != nil {
			return p, err
		}
		if len(rows) == 0 || len(up) > MaxPathDepth {
			return p, p.noInode()
		}
		in := schema.InodeOf(rows[0])
		up = append(up, in.Name)
		id = in.ParentID
	}
	if len(p.parts) > 0 && p.parts[0] == ".." { // HDFS lets a client ask for the parent so
		up, p.parts = up[min(1, len(up)):], nil
	}
	slices.Reverse(up)
	p.parts, p.inode = append(up, p.parts...), 0
	return p, nil
}

// found reports whether every name exists.
func (w *walk) found() bool { return len(w.inodes) == len(w.names.parts)+1 }

// last is the deepest inode that exists.
func (w *walk) last() *schema.Inode { return &w.inodes[len(w.inodes)-1] }

// target is the inode of the whole path; only when found.
func (w *walk) target() *schema.Inode { return w.last() }

// parent is the directory of the last name; only when it exists and the path is
// not the root.
func (w *walk) parent() *schema.Inode { return &w.inodes[len(w.names.parts)-1] }

// hasParent reports whether the directory of the last name exists.
func (w *walk) hasParent() bool {
	return len(w.names.parts) > 0 && len(w.inodes) >= len(w.names.parts) && w.parent().Kind == schema.KindDirectory
}

// isRoot reports whether the path is the root.
func (w *walk) isRoot() bool { return len(w.names.parts) == 0 }

// name is the last name.
func (w *walk) name() string { return w.names.parts[len(w.names.parts)-1] }

// path is the absolute path, whatever way it was asked for.
func (w *walk) path() string { return w.names.join(len(w.names.parts)) }

// key is the primary key of the last name's row; only when hasParent.
func (w *walk) key() schema.Key { return schema.InodeKey(w.parent().ID, w.name()) }

// missing is the error for a path that does not exist.
func (w *walk) missing() error {
	return fault.New(fault.NotFound, "File does not exist: %s", w.path())
}

// absent is what calls about lists and attributes say in the place of missing.
func (w *walk) absent() error { return fault.New(fault.NotFound, "cannot find %s", w.path()) }

// file returns the target if it is a file.
func (w *walk) file() (*schema.Inode, error) {
	if !w.found() {
		return nil, w.missing()
	}
	if w.target().Kind != schema.KindFile {
		return nil, fault.New(fault.NotFound, "Path is not a file: %s", w.path())
	}
	return w.target(), nil
}

// fileAsked is file with the path as it was asked for in its errors.
func (w *walk) fileAsked() (*schema.Inode, error) {
	switch {
	case !w.found():
		return nil, fault.New(fault.NotFound, "File does not exist: %s", w.names.src)
	case w.target().Kind != schema.KindFile:
		return nil, fault.New(fault.NotFound, "Path is not a file: %s", w.names.src)
	}
	return w.target(), nil
}

// checkName applies the limits to the i-th name, a new one.
func (w *walk) checkName(i int) error {
	name, limit := w.names.parts[i], w.n.set.MaxComponent
	if i == 0 && name == reserved {
		return fault.New(fault.InvalidArgument, "File name %q is reserved and cannot be created. If this is during upgrade change "+
			"the name of the existing file or directory to another name before upgrading to the new release.", reserved)
	}
	if limit <= 0 || len(name) <= limit {
		limit = 255 // of the column
	}
	if len(name) > limit {
		return fault.New(fault.NameTooLong,
			"The maximum path component name limit of %s in directory %s is exceeded: limit=%d length=%d",
			name, w.names.join(i), limit, len(name))
	}
	return nil
}

// checkRoom returns an error if the i-th directory has no room for one more child, which
// gets the next name of the path. The count may be a moment old.
func (w *walk) checkRoom(tx *txn.Tx, i int) error {
	if err := w.checkItems(tx, i); err != nil {
		return err
	}
	if w.names.parts[i] == snapshotDir {
		return fault.New(fault.InvalidArgument, "%q is a reserved name.", snapshotDir)
	}
	return nil
}

func (w *walk) checkItems(tx *txn.Tx, i int) error {
	n, dir := w.n, w.inodes[i].ID
	if n.set.MaxItems <= 0 || n.recent.roomy(dir, tx.Now()) {
		return nil
	}
	row, err := tx.Get(schema.Directories, tx.Key(schema.Int(dir)), dal.None)
	if err != nil || row == nil {
		return err
	}
	d := schema.DirectoryOf(row)
	if d.Entries+plentyOfRoom < n.set.MaxItems {
		n.recent.rooms.Add(dir, tx.Now())
	}
	if d.Entries >= n.set.MaxItems {
		return fault.New(fault.TooManyItems,
			"The directory item limit of %s is exceeded: limit=%d items=%d", w.names.join(i), n.set.MaxItems, d.Entries)
	}
	return nil
}
