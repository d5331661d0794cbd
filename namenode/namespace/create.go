package namespace

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// CreateFlags are the bits of a create or append call, as on the wire.
type CreateFlags uint32

// The flags.
const (
	FlagCreate      CreateFlags = 1
	FlagOverwrite   CreateFlags = 2
	FlagAppend      CreateFlags = 4
	FlagLazyPersist CreateFlags = 0x10
	FlagNewBlock    CreateFlags = 0x20
)

// A CreateRequest asks for a new file that is open for writing.
type CreateRequest struct {
	Src           string
	Mode          int64  // with the umask applied
	Unmasked      *int64 // without it; nil if the client did not say
	ClientName    string
	Flags         CreateFlags
	CreateParent  bool
	Replication   int64
	BlockSize     int64 // bytes
	StoragePolicy int64 // 0 is unspecified
}

// Create makes a file and opens it for writing by r.ClientName. With FlagOverwrite a
// file that is there is replaced. A repeated call gets the first one's file.
func (n *Namespace) Create(ctx context.Context, c *Caller, r CreateRequest) (*FileStatus, error) {
	if err := checkCreate(&r); err != nil {
		return nil, err
	}
	p, err := parse(r.Src)
	if err != nil {
		return nil, err
	}
	if err := n.writable("create file ", r.Src); err != nil {
		return nil, err
	}
	var made struct {
		FileStatus
		renewed int64 // when the lease was, 0 if it was not
		full    error // a limit was in the way, behind directories that were made
	}
	st := &made.FileStatus
	err = n.takingOver(ctx, c, r.Src, r.ClientName, opCreate, func() error {
		return n.update(ctx, func(tx *txn.Tx) error {
			made.renewed, made.full = 0, nil
			c.wantAnswer(tx)
			w, err := n.resolve(tx, p, dal.Exclusive)
			if err != nil {
				return err
			}
			answer, done, err := c.answered(tx)
			if err != nil {
				return err
			}
			if done {
				return n.recreated(tx, answer, st)
			}
			before := len(w.inodes)
			in, err := n.create(tx, c, w, &r)
			if isLimit(err) && len(w.inodes) > before {
				made.full = err // as in HDFS, the directories that fit stay
				return nil
			}
			if err != nil {
				return err
			}
			*st = FileStatus{Inode: *in, ModTime: in.MTime}
			st.StoragePolicy = cmp.Or(in.StoragePolicy, w.policy(w.above()))
			c.changed(in)
			if !n.leaseFresh(r.ClientName, tx.Now()) {
				made.renewed = tx.Now()
				renew(tx, r.ClientName)
			}
			if c.ClientID == "" {
				return nil
			}
			return c.remember(tx, strconv.FormatInt(in.ID, 10))
		})
	})
	if err != nil {
		return nil, err
	}
	if made.full != nil {
		return nil, made.full
	}
	if made.renewed != 0 {
		n.recent.leases.Add(r.ClientName, made.renewed)
	}
	return st, nil
}

// checkCreate applies the rules that need no rows.
func checkCreate(r *CreateRequest) error {
	const below = "/" + reserved + "/"
	if !validName(r.Src) || r.Src == "/"+reserved || strings.HasPrefix(r.Src, below) &&
		!strings.HasPrefix(r.Src, below+reservedInodes) && !strings.HasPrefix(r.Src, below+reservedRaw) {
		return fault.New(fault.InvalidPath, "Invalid path name %.200s", r.Src)
	}
	if len(r.ClientName) > 255 {
		return fault.New(fault.InvalidArgument, "the client name has %d bytes; at most 255 are kept", len(r.ClientName))
	}
	return nil
}

// checkBlocks applies the bounds of a new file's blocks.
func (n *Namespace) checkBlocks(c *Caller, path string, r *CreateRequest) error {
	if r.BlockSize < n.set.MinBlockSize {
		return fault.New(fault.IO, "Specified block size %d is less than configured minimum value "+
			"dfs.namenode.fs-limits.min-block-size=%d", r.BlockSize, n.set.MinBlockSize)
	}
	return n.checkReplication(path+", clientName="+c.Host, r.Replication)
}

// checkReplication applies the bounds of replication. what is at the end of the message.
func (n *Namespace) checkReplication(what string, rep int64) error {
	switch {
	case rep > n.set.MaxReplication:
		return fault.New(fault.IO, "Requested replication factor of %d exceeds maximum of %d for %s", rep, n.set.MaxReplication, what)
	case rep < n.set.MinReplication:
		return fault.New(fault.IO, "Requested replication factor of %d is less than the required minimum of %d for %s", rep, n.set.MinReplication, what)
	}
	return nil
}

// create makes the file's rows, and the rows of its missing parents.
func (n *Namespace) create(tx *txn.Tx, c *Caller, w *walk, r *CreateRequest) (*schema.Inode, error) {
	if err := w.traverse(c, true); err != nil {
		return nil, err
	}
	if err := w.requireAncestor(c, Write); err != nil {
		return nil, err
	}
	if w.found() && w.target().Kind == schema.KindDirectory {
		return nil, fault.New(fault.Exists, "%s already exists as a directory", w.path())
	}
	if r.Flags&FlagOverwrite != 0 {
		if err := w.requireTarget(c, Write); err != nil {
			return nil, err
		}
	}
	if !r.CreateParent && !w.hasParent() {
		return nil, w.noParent()
	}
	if !w.found() && r.Flags&FlagCreate == 0 {
		return nil, fault.New(fault.NotFound, "Can't overwrite non-existent %s", w.path())
	}
	if err := n.checkBlocks(c, w.path(), r); err != nil {
		return nil, err
	}
	added := int64(1)
	w.growing(tx)
	switch {
	case !w.found():
		depth := len(w.names.parts) - 1
		if err := n.makeDirs(tx, c, w, depth, Modes{Masked: w.last().Mode&0o777 | 0o300}); err != nil {
			return nil, err
		}
		if err := w.checkName(depth); err != nil {
			return nil, err
		}
		if err := w.checkRoom(tx, depth); err != nil {
			return nil, err
		}
	case r.Flags&FlagOverwrite == 0:
		if err := w.requireClosed(tx, c, r.ClientName, opCreate); err != nil {
			return nil, err
		}
		return nil, fault.New(fault.Exists, "%s for client %s already exists", w.path(), c.Host)
	default:
		added = 0
		if err := n.removeCharged(tx, w); err != nil {
			return nil, err
		}
	}
	if err := w.charge(tx, usage{names: 1}); err != nil {
		return nil, err
	}
	return n.insertFile(tx, c, w, r, added)
}

func (n *Namespace) insertFile(tx *txn.Tx, c *Caller, w *walk, r *CreateRequest, added int64) (*schema.Inode, error) {
	id, err := tx.NewID(schema.VarNextInodeID)
	if err != nil {
		return nil, err
	}
	parent := w.parent()
	// An inode that is overwritten is the last one of the walk.
	w.inodes = append(w.inodes[:len(w.names.parts)], schema.Inode{
		PartitionID: schema.PartitionOf(parent.ID), ParentID: parent.ID, Name: w.name(),
		ID: id, Kind: schema.KindFile, UserName: c.User, GroupName: parent.GroupName,
		MTime: tx.Now(), ATime: tx.Now(),
		Replication: r.Replication, BlockSize: r.BlockSize, StoragePolicy: w.ownPolicy(r),
		ClientName: r.ClientName, ClientMachine: c.Host,
	})
	in := w.last()
	if err := w.inherit(len(w.names.parts)-1, in, Modes{Masked: r.Mode, Unmasked: r.Unmasked}); err != nil {
		return nil, err
	}
	if err := tx.Insert(schema.Inodes, in.Append(tx.NewRow(schema.Inodes))); err != nil {
		return nil, err
	}
	touch(tx, in.ParentID, added)
	open := schema.OpenFile{InodeID: id, Holder: r.ClientName, Since: tx.Now()}
	return in, tx.Insert(schema.OpenFiles, open.Append(tx.NewRow(schema.OpenFiles)))
}

// recreated sets st to the answer to a repeated create: the file made the first time,
// wherever it is now.
func (n *Namespace) recreated(tx *txn.Tx, answer string, st *FileStatus) error {
	id, err := strconv.ParseInt(answer, 10, 64)
	if err != nil {
		return fault.New(fault.IO, "the retry cache holds %q where a file id was expected", answer)
	}
	rows, err := tx.Lookup(schema.InodesByID, schema.KeyOf(schema.Int(id)))
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fault.New(fault.NotFound, "the file with id %d was created by this call and is deleted since", id)
	}
	in := schema.InodeOf(rows[0])
	return n.status(tx, &in, false, "", st)
}

// manyBlocks is how many blocks a file may have so that removing it stays one
// batch; the blocks of a larger one are left to the purge.
const manyBlocks = 500

// removeFile deletes everything that hangs on a file but its inode row, which the
// caller holds exclusively.
func (n *Namespace) removeFile(tx *txn.Tx, in *schema.Inode) error {
	f, err := blocks.ReadFile(tx, in.ID)
	if err != nil {
		return err
	}
	if len(f.Blocks) > manyBlocks {
		p := schema.Purged{InodeID: in.ID, Kind: schema.KindFile, Since: tx.Now()}
		if err := tx.Insert(schema.Purge, p.Row()); err != nil {
			return err
		}
	} else {
		f.Remove(tx, f.Blocks...)
	}
	if in.ClientName != "" {
		tx.Delete(schema.OpenFiles, schema.KeyOf(schema.Int(in.ID)))
	}
	if err := removeExtras(tx, in); err != nil {
		return err
	}
	tx.Delete(schema.Inodes, schema.InodeKey(in.ParentID, in.Name))
	return nil
}

// removeCharged is removeFile for the target, with what the quotas above it count.
func (n *Namespace) removeCharged(tx *txn.Tx, w *walk) error {
	if w.quotas(w.above()) {
		f, err := blocks.ReadFile(tx, w.target().ID)
		if err != nil {
			return err
		}
		if err := w.charge(tx, w.fileUses(f).negative()); err != nil {
			return err
		}
	}
	return n.removeFile(tx, w.target())
}

// removeExtras deletes the access control list and the extended attributes of an
// inode that has some.
func removeExtras(tx *txn.Tx, in *schema.Inode) error {
	id := schema.KeyOf(schema.Int(in.ID))
	if in.Flags&schema.FlagHasTypeQuota != 0 {
		tx.Delete(schema.TypeQuotas, id)
	}
	for _, x := range []struct {
		flag  int64
		table *schema.Table
	}{{schema.FlagHasACL, schema.ACLs}, {schema.FlagHasXAttrs, schema.XAttrs}} {
		if in.Flags&x.flag == 0 {
			continue
		}
		rows, err := tx.Lookup(x.table.Primary, id)
		if err != nil {
			return err
		}
		for _, r := range rows {
			tx.Delete(x.table, x.table.Key(r))
		}
	}
	return nil
}
