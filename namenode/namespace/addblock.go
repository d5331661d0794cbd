package namespace

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// An AddBlockRequest asks for the next block of a file that is open for writing.
type AddBlockRequest struct {
	Src        string
	FileID     int64 // 0: go by Src
	ClientName string
	Previous   *blocks.Block // the last block, with its length; nil for none
	Excluded   []string      // UUIDs of DataNodes
	Favored    []string      // host:port of DataNodes
	Flags      AddBlockFlags
}

// AddBlockFlags are the bits of AddBlockFlagProto.
type AddBlockFlags uint32

// The flags.
const (
	FlagNoLocalWrite   AddBlockFlags = 1 << 0
	FlagIgnoreLocality AddBlockFlags = 1 << 1
)

// AddBlock commits the previous block and allocates the next one. A call that is
// repeated before anything was written gets the same block again.
func (n *Namespace) AddBlock(ctx context.Context, c *Caller, r AddBlockRequest) (*blocks.LocatedBlock, error) {
	p, err := parse(r.Src)
	if err != nil {
		return nil, err
	}
	if err := n.writable("add block to ", r.Src); err != nil {
		return nil, err
	}
	seed := n.blocks.Seed()
	var lb *blocks.LocatedBlock
	var placed bool
	var short []int64
	add := func(tx *txn.Tx) error {
		lb, placed, short = nil, false, nil
		w, err := n.resolveOpen(tx, c, p, r.FileID, dal.Exclusive)
		if err != nil {
			return err
		}
		in, err := w.writing(tx, r.ClientName, r.FileID)
		if err != nil {
			return err
		}
		w.growing(tx)
		f, err := blocks.ReadTail(tx, in.ID, lastID(r.Previous))
		if err != nil {
			return err
		}
		repeated, err := w.checkPrevious(in, f, r.Previous)
		if err != nil {
			return err
		}
		if repeated && len(f.Replicas[f.Last().BlockID]) > 0 {
			l := n.blocks.LocateBlock(f.Held(in, f.Last()), in.Length, in.ClientMachine)
			lb = &l
			return nil
		}
		if err := w.checkProgress(n, f); err != nil {
			short = f.Short()
			return err
		}
		targets, err := n.blocks.ChooseNew(w.path(), n.placement(w.effective(), &r, seed))
		if err != nil {
			return err
		}
		placed = true
		before := w.fileUses(f)
		if lb, err = n.allocate(tx, in, f, r.Previous, repeated, targets); err != nil {
			return err
		}
		return w.charge(tx, w.fileUses(f).minus(before))
	}
	err = n.awaiting(ctx, func() ([]int64, error) {
		err := n.update(ctx, add)
		return short, err
	})
	if err != nil {
		return nil, err
	}
	n.blocks.Expect(lb.BlockID)
	if placed {
		n.blocks.Placed(lb.Targets)
	}
	return lb, nil
}

// checkPrevious compares what the client takes for the last block with what it is.
// repeated means that the client asks again for a block that it was given.
func (w *walk) checkPrevious(in *schema.Inode, f *blocks.File, previous *blocks.Block) (repeated bool, err error) {
	last := f.Last()
	switch {
	case same(previous, last):
		return false, nil
	case previous == nil && last.NumBytes >= in.BlockSize && last.State == schema.BlockComplete:
		return false, nil // it appends, and the last block was full
	case same(previous, f.Penultimate()):
		if last.NumBytes != 0 {
			return false, fault.New(fault.IO, "Request looked like a retry to allocate block %s but it already contains %d bytes",
				blocks.IDOf(last), last.NumBytes)
		}
		return true, nil
	}
	shown := "null"
	if last != nil {
		shown = blocks.IDOf(last).String()
	}
	asked := "null"
	if previous != nil {
		asked = previous.String()
	}
	return false, fault.New(fault.IO, "Cannot allocate block in %s: passed 'previous' block %s does not match actual last block in file %s",
		w.path(), asked, shown)
}

// checkProgress refuses a further block while the one before the last has too few
// replicas, and beyond the limit of a file.
func (w *walk) checkProgress(n *Namespace, f *blocks.File) error {
	if b := f.Penultimate(); b != nil && b.State != schema.BlockComplete {
		return fault.New(fault.NotReplicatedYet, "Not replicated yet: %s", w.path())
	}
	if limit := int64(n.set.MaxBlocks); limit > 0 && f.Len() >= limit {
		return fault.New(fault.IO, "File has reached the limit on maximum number of blocks "+
			"(dfs.namenode.fs-limits.max-blocks-per-file): %d >= %d", f.Len(), limit)
	}
	return nil
}

func (n *Namespace) placement(in *schema.Inode, r *AddBlockRequest, seed uint64) blocks.Placement {
	p := blocks.Placement{Writer: in.ClientMachine, Excluded: r.Excluded, Favored: r.Favored, Count: int(in.Replication),
		BlockSize: in.BlockSize, Policy: in.StoragePolicy, AvoidLocal: r.Flags&FlagNoLocalWrite != 0, Seed: seed}
	if r.Flags&FlagIgnoreLocality != 0 {
		p.Writer = ""
	}
	return p
}

// allocate commits the previous block and adds one on the targets. If the last
// block was allocated before and found no place then, it gets the targets.
func (n *Namespace) allocate(tx *txn.Tx, in *schema.Inode, f *blocks.File, previous *blocks.Block, again bool,
	targets []blocks.Target) (*blocks.LocatedBlock, error) {
	length := in.Length
	var b schema.Block
	if again {
		b = *f.Last()
	} else {
		if err := n.blocks.CommitLast(tx, in, f, previous); err != nil {
			return nil, err
		}
		id, err := tx.NewID(schema.VarNextBlockID)
		if err != nil {
			return nil, err
		}
		b = schema.Block{InodeID: in.ID, Idx: f.Len(), BlockID: id, GenerationStamp: schema.FirstGenStamp,
			State: schema.BlockUnderConstruction}
		if err := tx.Insert(schema.Blocks, b.Row()); err != nil {
			return nil, err
		}
		f.Blocks = append(f.Blocks, b)
	}
	if in.Length != length {
		tx.Put(schema.Inodes, in.Row())
	}
	for _, t := range targets {
		rep := schema.Replica{InodeID: in.ID, BlockID: b.BlockID, StorageID: t.Storage.StorageID,
			State: schema.ReplicaExpected, GenerationStamp: b.GenerationStamp}
		if err := tx.Insert(schema.Replicas, rep.Row()); err != nil {
			return nil, err
		}
	}
	return &blocks.LocatedBlock{Block: b, Offset: in.Length, Targets: targets}, nil
}
