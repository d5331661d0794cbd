package namespace

import (
	"context"
	"fmt"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

var stateNames = [...]string{"COMPLETE", "COMMITTED", "UNDER_CONSTRUCTION", "UNDER_RECOVERY"}

// written returns the file and the row of a block that client writes. The texts are
// those of HDFS's checkUCBlock.
func (n *Namespace) written(tx *txn.Tx, client string, b blocks.Block) (*walk, *schema.Block, error) {
	w, row, err := n.fileOf(tx, b.ID)
	switch {
	case err != nil:
		return nil, nil, err
	case row == nil:
		return nil, nil, fault.New(fault.IO, "%s does not exist.", b)
	case row.State != schema.BlockUnderConstruction:
		return nil, nil, fault.New(fault.IO, "Unexpected BlockUCState: %s is %s but not UNDER_CONSTRUCTION", b, stateNames[row.State])
	case w == nil || w.target().ClientName == "":
		return nil, nil, fault.New(fault.IO, "The file %s belonged to does not exist or it is not under construction.", blocks.IDOf(row))
	case w.target().ClientName != client:
		return nil, nil, fault.New(fault.LeaseExpired, "Lease mismatch: %s is accessed by a non lease holder %s", b, client)
	}
	return w, row, nil
}

// UpdateBlockForPipeline hands out a new generation stamp for the block that
// client writes: the answer's GenerationStamp.
func (n *Namespace) UpdateBlockForPipeline(ctx context.Context, c *Caller, client string, b blocks.Block) (*blocks.LocatedBlock, error) {
	if err := n.writable(fmt.Sprintf("get a new GS for block %s", b)); err != nil {
		return nil, err
	}
	var lb *blocks.LocatedBlock
	err := n.update(ctx, func(tx *txn.Tx) error {
		lb = nil
		_, row, err := n.written(tx, client, b)
		if err != nil {
			return err
		}
		stamp := blocks.NextStamp(row)
		saveBlock(tx, row)
		answer := *row
		answer.GenerationStamp, answer.NumBytes = stamp, b.NumBytes
		lb = &blocks.LocatedBlock{Block: answer, Offset: -1, Size: b.NumBytes}
		return nil
	})
	n.blocks.Expect(b.ID)
	return lb, err
}

// An UpdatePipelineRequest says which DataNodes a block is written to from now on.
type UpdatePipelineRequest struct {
	ClientName string
	Old, New   blocks.Block
	Datanodes  []string // UUIDs
	StorageIDs []string // UUIDs of their storages, in the same order; may be empty
}

// UpdatePipeline notes the new generation stamp, length and DataNodes of the block
// that a client writes. A repeated call gets the first one's answer.
func (n *Namespace) UpdatePipeline(ctx context.Context, c *Caller, r UpdatePipelineRequest) error {
	if r.Old.ID != r.New.ID {
		return fault.New(fault.IO, "%s and %s has different block identifier", r.New, r.Old)
	}
	if on, why := n.safe.On(); on {
		return fault.New(fault.SafeMode, "Pipeline not updated. Name node is in safe mode.\n%s", why)
	}
	if err := n.writable("update the pipeline of block " + r.New.String()); err != nil {
		return err
	}
	targets, err := n.blocks.Resolve(ctx, r.Datanodes, r.StorageIDs)
	if err != nil {
		return err
	}
	n.blocks.Expect(r.New.ID)
	return n.update(ctx, func(tx *txn.Tx) error {
		c.wantAnswer(tx)
		w, row, err := n.written(tx, r.ClientName, r.Old)
		if _, done, err := c.answered(tx); done || err != nil {
			return err
		}
		if err != nil {
			return err
		}
		if r.New.GenerationStamp <= row.GenerationStamp || r.New.NumBytes < row.NumBytes {
			return fault.New(fault.IO, "Update %s (len = %d) to an older state: %s (len = %d)",
				r.Old, row.NumBytes, r.New, r.New.NumBytes)
		}
		in := w.target()
		if grown := r.New.NumBytes - row.NumBytes; grown != 0 {
			in.Length += grown
			tx.Put(schema.Inodes, in.Row())
		}
		row.GenerationStamp, row.NumBytes = r.New.GenerationStamp, r.New.NumBytes
		row.RecoveryID = max(row.RecoveryID, row.GenerationStamp)
		saveBlock(tx, row)
		if err := blocks.Repipe(tx, row, targets); err != nil {
			return err
		}
		return c.remember(tx, "updated")
	})
}

// An AdditionalRequest asks for more DataNodes for a pipeline.
type AdditionalRequest struct {
	Src        string
	FileID     int64 // 0: go by Src
	ClientName string
	Block      blocks.Block
	Existing   []string // UUIDs of the DataNodes in the pipeline
	StorageIDs []string // UUIDs of their storages, in the same order
	Excluded   []string // UUIDs
	Count      int      // how many more
}

// AdditionalDatanode returns the block with the existing DataNodes and as many new
// ones as were asked for, or fewer if there are none.
func (n *Namespace) AdditionalDatanode(ctx context.Context, c *Caller, r AdditionalRequest) (*blocks.LocatedBlock, error) {
	p, err := parse(r.Src)
	if err != nil {
		return nil, err
	}
	if err := n.writable(fmt.Sprintf("add datanode; src=%s, blk=%s", r.Src, r.Block)); err != nil {
		return nil, err
	}
	var in schema.Inode
	err = n.eng.View(ctx, func(tx *txn.Tx) error {
		w, err := n.resolveOpen(tx, c, p, r.FileID, dal.None)
		if err != nil {
			return err
		}
		file, err := w.writing(tx, r.ClientName, r.FileID)
		if err != nil {
			return err
		}
		in = *file
		in.StoragePolicy = w.policy(len(w.inodes))
		return nil
	})
	if err != nil {
		return nil, err
	}
	existing, err := n.blocks.Resolve(ctx, r.Existing, r.StorageIDs)
	if err != nil {
		return nil, err
	}
	more := n.blocks.Choose(blocks.Placement{Writer: in.ClientMachine, Excluded: r.Excluded, Existing: existing, Count: r.Count,
		BlockSize: in.BlockSize, Policy: in.StoragePolicy, Seed: n.blocks.Seed()})
	b := schema.Block{InodeID: in.ID, BlockID: r.Block.ID, GenerationStamp: r.Block.GenerationStamp, NumBytes: r.Block.NumBytes}
	return &blocks.LocatedBlock{Block: b, Offset: -1, Size: b.NumBytes, Targets: append(existing, more...)}, nil
}
