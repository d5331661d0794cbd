package namespace

import (
	"context"
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// maxConcatRows is the most rows that one concat may move: a block with three
// replicas has four, each deleted and inserted again in one transaction.
const maxConcatRows = 4000

// Concat moves the blocks of srcs, in order, to the end of target and removes the
// srcs. A repeated call gets the first one's answer.
func (n *Namespace) Concat(ctx context.Context, c *Caller, target string, srcs []string) error {
	switch {
	case target == "":
		return fault.New(fault.IllegalArgument, "Target file name is empty")
	case len(srcs) == 0:
		return fault.New(fault.IllegalArgument, "No sources given")
	case len(srcs) > maxConcatRows:
		return fault.New(fault.InvalidArgument, "concat: %d sources, at most %d are taken at once", len(srcs), maxConcatRows)
	}
	paths := make([]names, len(srcs)+1)
	bad := make([]error, len(paths)) // is told when it is the path's turn
	for i, src := range append([]string{target}, srcs...) {
		if strings.HasPrefix(src, "/"+reserved+"/"+reservedRaw) || strings.HasPrefix(src, "/"+reserved+"/"+reservedInodes) {
			return fault.New(fault.IO, "Concat operation doesn't support %s relative path : %s", reserved, src)
		}
		paths[i], bad[i] = parse(src)
	}
	if bad[0] != nil {
		return bad[0]
	}
	if err := n.writable("concat " + target); err != nil {
		return err
	}
	return n.update(ctx, func(tx *txn.Tx) error {
		c.wantAnswer(tx)
		walks := make([]*walk, len(paths))
		for i, p := range paths {
			w, err := n.resolve(tx, p, dal.Exclusive)
			if err != nil {
				return err
			}
			walks[i] = w
		}
		if _, done, err := c.answered(tx); done || err != nil {
			return err
		}
		if err := checkConcat(c, walks[0], walks[1:], bad[1:]); err != nil {
			return err
		}
		if err := n.concat(tx, walks[0], walks[1:]); err != nil {
			return err
		}
		c.changed(walks[0].target())
		return c.remember(tx, "concatenated")
	})
}

// checkConcat applies HDFS's rules: target and sources are different closed files
// of one directory, no source is empty or has larger blocks than the target.
func checkConcat(c *Caller, target *walk, srcs []*walk, bad []error) error {
	if err := target.traverse(c, false); err != nil {
		return err
	}
	if err := target.requireTarget(c, Write); err != nil {
		return err
	}
	to, err := target.fileAsked()
	if err != nil {
		return err
	}
	if to.ClientName != "" {
		return fault.New(fault.InvalidArgument, "concat: target file %s is under construction", target.names.src)
	}
	seen := map[int64]bool{}
	for i, w := range srcs {
		if bad[i] != nil {
			return bad[i]
		}
		if err := w.traverse(c, false); err != nil {
			return err
		}
		if err := w.requireTarget(c, Read); err != nil {
			return err
		}
		if err := w.requireParent(c, Write); err != nil {
			return err
		}
		in, err := w.fileAsked()
		if err != nil {
			return err
		}
		src := w.names.src
		switch {
		case in.ParentID != to.ParentID:
			return fault.New(fault.InvalidArgument, "Source file %s is not in the same directory with the target %s", src, target.path())
		case in.ID == to.ID:
			return fault.New(fault.InvalidArgument, "concat: the src file %s is the same with the target file %s", src, target.path())
		case in.ClientName != "":
			return invalidSource(src)
		case in.BlockSize > to.BlockSize:
			return fault.New(fault.InvalidArgument, "concat: source file %s has preferred block size %d "+
				"which is greater than the target file's preferred block size %d", src, in.BlockSize, to.BlockSize)
		case in.ECPolicy != to.ECPolicy:
			return fault.New(fault.InvalidArgument, "Source file %s and target file %s have different erasure coding policy", src, target.path())
		}
		seen[in.ID] = true
	}
	if len(seen) < len(srcs) {
		for _, w := range srcs { // an empty one is told of first
			if w.target().Length == 0 {
				return invalidSource(w.names.src)
			}
		}
		return fault.New(fault.InvalidArgument, "concat: at least two of the source files are the same")
	}
	return nil
}

func invalidSource(src string) error {
	return fault.New(fault.InvalidArgument, "concat: source file %s is invalid or empty or underConstruction", src)
}

// concat moves the blocks and removes the sources.
func (n *Namespace) concat(tx *txn.Tx, target *walk, srcs []*walk) error {
	to := target.target()
	tx.Want(blocks.Refs(to.ID)...)
	for _, w := range srcs {
		tx.Want(blocks.Refs(w.target().ID)...)
	}
	whole, err := blocks.ReadFile(tx, to.ID)
	if err != nil {
		return err
	}
	next, rows := whole.Len(), 0
	used := target.fileUses(whole)
	for _, w := range srcs {
		in := *w.target()
		f, err := blocks.ReadFile(tx, in.ID)
		if err != nil {
			return err
		}
		if len(f.Blocks) == 0 {
			return invalidSource(w.names.src)
		}
		if rows += f.Rows(); rows > maxConcatRows {
			return fault.New(fault.InvalidArgument, "concat: the sources %s have more than %d blocks and replicas; concat fewer at a time",
				strings.Join(sources(srcs), ", "), maxConcatRows)
		}
		used.add(w.fileUses(f))
		moved, err := f.Move(tx, to.ID, next)
		if err != nil {
			return err
		}
		blocks.Adjust(tx, to, moved, in.Replication, to.Replication)
		next += f.Len()
		to.Length += in.Length
		if err := removeExtras(tx, &in); err != nil {
			return err
		}
		tx.Delete(schema.Inodes, w.key())
	}
	if err := target.charge(tx, target.fileUses(whole).minus(used)); err != nil {
		return err
	}
	to.MTime = tx.Now()
	tx.Put(schema.Inodes, to.Row())
	touch(tx, to.ParentID, -int64(len(srcs)))
	return nil
}

func sources(srcs []*walk) []string {
	var out []string
	for _, w := range srcs[:min(len(srcs), 3)] {
		out = append(out, w.names.src)
	}
	if len(srcs) > 3 {
		out = append(out, "…")
	}
	return out
}
