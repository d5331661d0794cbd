package blocks

import (
	"time"

	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// RecoveryOverdue is how long the DataNodes have for a block recovery (HDFS: 30
// heartbeats) before it is begun anew with another stamp.
const RecoveryOverdue = 90 * time.Second

// recoveryAgain is when Attend asks for a recovery once more, in ms: the command may
// have got lost.
const recoveryAgain = 10_000

// Recover begins the recovery of the last block of a file whose writer is gone,
// unless one goes on and is not overdue: then it returns nil. With a TruncateTo in
// the row the block is cut. The caller passes the result to StartRecovery once it
// is in the store. If another NameNode leads, that one's next Attend does it.
func (r *Registry) Recover(tx *txn.Tx, in *schema.Inode, f *File) *Recovery {
	b := f.Last()
	if b.State == schema.BlockUnderRecovery && tx.Now()-b.RecoveryStarted < RecoveryOverdue.Milliseconds() {
		return nil
	}
	NextStamp(b)
	b.State, b.RecoveryStarted = schema.BlockUnderRecovery, tx.Now()
	tx.Put(schema.Blocks, b.Row())
	q := schema.Reconstruction{BlockID: b.BlockID, InodeID: b.InodeID, Priority: 2 * tierRecover, Since: tx.Now()}
	if r.leads() {
		q.PendingUntil = tx.Now() + recoveryAgain
	}
	tx.Put(schema.Reconstructions, q.Row())
	rec := r.recovery(f.Held(in, b), in.Length-b.NumBytes)
	return &rec
}

// NextStamp hands out a generation stamp for a block, whose row the caller writes.
func NextStamp(b *schema.Block) int64 {
	b.RecoveryID = max(b.RecoveryID, b.GenerationStamp) + 1
	return b.RecoveryID
}

// recovery is the command for a block that is under recovery.
func (r *Registry) recovery(h *Held, offset int64) Recovery {
	return Recovery{Block: r.LocateBlock(h, offset, ""), NewStamp: h.Block.RecoveryID,
		Truncate: h.Block.TruncateTo > 0, TruncateTo: h.Block.TruncateTo}
}
