package namespace

import (
	"fmt"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// resolveOpen finds the file that a writer means: the one at src or, if that is
// another one by now, the one with the id, wherever it was moved. Without an id
// (old clients) src must be a path that c may traverse.
func (n *Namespace) resolveOpen(tx *txn.Tx, c *Caller, p names, fileID int64, last dal.Lock) (*walk, error) {
	w, err := n.resolve(tx, p, last)
	if err != nil {
		return nil, err
	}
	if fileID == 0 {
		return w, w.traverse(c, false)
	}
	if w.found() && w.target().ID == fileID {
		return w, nil
	}
	moved, err := n.resolve(tx, names{src: p.src, inode: fileID}, last)
	if fault.KindOf(err) == fault.NotFound {
		w.inodes = w.inodes[:1] // whatever is at src is another file
		return w, nil
	}
	return moved, err
}

// writing returns the target if client has it open for writing. The texts are
// those of HDFS's checkLease.
func (w *walk) writing(tx *txn.Tx, client string, fileID int64) (*schema.Inode, error) {
	say := func(kind fault.Kind, what string) error {
		lease, err := leaseText(tx, client)
		if err != nil {
			return err
		}
		return fault.New(kind, "%s%s (inode %d) %s", what, w.path(), fileID, lease)
	}
	if !w.found() {
		return nil, say(fault.NotFound, "File does not exist: ")
	}
	in := w.target()
	switch {
	case in.Kind != schema.KindFile:
		return nil, say(fault.LeaseExpired, "INode is not a regular file: ")
	case in.ClientName == "":
		return nil, say(fault.LeaseExpired, "File is not open for writing: ")
	case in.ClientName != client:
		return nil, say(fault.LeaseExpired, fmt.Sprintf("Client (=%s) is not the lease owner (=%s: ", client, in.ClientName))
	}
	return in, nil
}

// leaseText tells what client has open, as HDFS's messages do. It counts no further
// than a page of open files.
func leaseText(tx *txn.Tx, client string) (string, error) {
	got, err := tx.Scan(txn.Range{Index: schema.OpenFilesByHolder, Prefix: schema.KeyOf(schema.Str(client)), Limit: openPage})
	if err != nil {
		return "", err
	}
	if len(got.Rows) == 0 {
		return fmt.Sprintf("Holder %s does not have any open files.", client), nil
	}
	return fmt.Sprintf("[Lease.  Holder: %s, pending creates: %d]", client, len(got.Rows)), nil
}

// fileOf finds the file of a block by the block's id, with its path, locked
// exclusively. The walk is nil if the block, or its file, is not there.
func (n *Namespace) fileOf(tx *txn.Tx, block int64) (*walk, *schema.Block, error) {
	rows, err := tx.Lookup(schema.BlocksByID, schema.KeyOf(schema.Int(block)))
	if err != nil || len(rows) == 0 {
		return nil, nil, err
	}
	b := schema.BlockOf(rows[0])
	tx.Want(txn.Prefix(schema.Replicas.Primary, schema.KeyOf(schema.Int(b.InodeID), schema.Int(block))))
	w, err := n.resolve(tx, names{src: fmt.Sprintf("/.reserved/.inodes/%d", b.InodeID), inode: b.InodeID}, dal.Exclusive)
	if fault.KindOf(err) == fault.NotFound {
		return nil, &b, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if !w.found() || w.target().ID != b.InodeID {
		return nil, &b, nil
	}
	return w, &b, nil
}

// open notes that client has the file open; in is changed and written.
func open(tx *txn.Tx, in *schema.Inode, client, machine string) {
	in.ClientName, in.ClientMachine = client, machine
	tx.Put(schema.Inodes, in.Append(tx.NewRow(schema.Inodes)))
	file := schema.OpenFile{InodeID: in.ID, Holder: client, Since: tx.Now()}
	tx.Put(schema.OpenFiles, file.Append(tx.NewRow(schema.OpenFiles)))
	renew(tx, client)
}

// renew makes sure that client has a lease that is fresh. The row stays when the
// last file is closed, and goes with the first background pass after the hard limit.
func renew(tx *txn.Tx, client string) {
	lease := schema.Lease{Holder: client, Renewed: tx.Now()}
	tx.Put(schema.Leases, lease.Append(tx.NewRow(schema.Leases)))
}

// closeFile ends the writing of a file, whose blocks are complete.
func closeFile(tx *txn.Tx, in *schema.Inode) {
	in.ClientName, in.ClientMachine = "", ""
	in.MTime = tx.Now()
	tx.Put(schema.Inodes, in.Append(tx.NewRow(schema.Inodes)))
	tx.Delete(schema.OpenFiles, tx.Key(schema.Int(in.ID)))
}

// lastID is the id of a block that a client names, 0 for none.
func lastID(b *blocks.Block) int64 {
	if b == nil {
		return 0
	}
	return b.ID
}

// same reports whether a client's block is the row b; both may be nil.
func same(client *blocks.Block, b *schema.Block) bool {
	if client == nil || b == nil {
		return client == nil && b == nil
	}
	return client.ID == b.BlockID && client.GenerationStamp == b.GenerationStamp
}

func saveBlock(tx *txn.Tx, b *schema.Block) { tx.Put(schema.Blocks, b.Row()) }
