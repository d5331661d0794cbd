package fsck

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
)

// countTime is how long inodes and blocks are counted.
const countTime = 10 * time.Second

// save is one MetaSave at work.
type save struct {
	*Checker
	ctx context.Context
	w   *bufio.Writer
}

// MetaSave writes what the NameNode has to do with blocks, in the form of HDFS's file: how
// many wait for copies, are missing, are being copied or deleted, or are corrupt, and which.
// The queues are read page by page, so numbers and lines may differ by what changes
// meanwhile.
func (c *Checker) MetaSave(ctx context.Context, w io.Writer) error {
	s := &save{c, ctx, bufio.NewWriter(w)}
	cluster := c.Replicas.Cluster()
	s.objects()
	s.print("Live Datanodes: %d\nDead Datanodes: %d\n", cluster.Live, cluster.Dead)
	counts := map[string]int{}
	err := c.Namespace.QueuedBlocks(ctx, func(q *namespace.QueuedBlock) error {
		for _, k := range s.kinds(q) {
			counts[k]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, part := range []struct {
		kind, head string
		line       func(q *namespace.QueuedBlock)
	}{
		{"waiting", fmt.Sprintf("Metasave: Blocks waiting for reconstruction: %d", counts["waiting"]), s.queued},
		{"missing", fmt.Sprintf("Metasave: Blocks currently missing: %d", counts["missing"]), s.queued},
		{"", "Mis-replicated blocks that have been postponed:", nil},
		{"pending", fmt.Sprintf("Metasave: Blocks being reconstructed: %d", counts["pending"]), s.pending},
	} {
		s.print("%s\n", part.head)
		if err := s.lines(part.kind, part.line); err != nil {
			return err
		}
	}
	if err := s.deletions(); err != nil {
		return err
	}
	s.print("Corrupt Blocks:\n")
	if err := s.lines("corrupt", s.corrupt); err != nil {
		return err
	}
	s.datanodes()
	return s.w.Flush()
}

// objects writes how many inodes and blocks there are, or at least are.
func (s *save) objects() {
	ctx, cancel := context.WithTimeout(s.ctx, countTime)
	defer cancel()
	inodes, n, err := s.Namespace.Objects(ctx)
	if err != nil {
		s.print("more than ")
	}
	s.print("%d files and directories, %d blocks = %d total filesystem objects\n", inodes, n, inodes+n)
}

func (s *save) print(format string, args ...any) {
	fmt.Fprintf(s.w, format, args...) // Flush has the error
}

// kinds are the lists that a block is on.
func (s *save) kinds(q *namespace.QueuedBlock) (kinds []string) {
	if blocks.Waiting(q.Reconstruction) {
		kinds = append(kinds, "waiting")
	}
	if blocks.Missing(q.Reconstruction) {
		kinds = append(kinds, "missing")
	}
	if q.PendingUntil > s.Now().UnixMilli() {
		kinds = append(kinds, "pending")
	}
	if blocks.HasCorrupt(q.Reconstruction) {
		kinds = append(kinds, "corrupt")
	}
	return kinds
}

// lines writes a line for each block of a kind.
func (s *save) lines(kind string, line func(q *namespace.QueuedBlock)) error {
	if line == nil {
		return nil
	}
	return s.Namespace.QueuedBlocks(s.ctx, func(q *namespace.QueuedBlock) error {
		for _, k := range s.kinds(q) {
			if k == kind {
				line(q)
			}
		}
		return nil
	})
}

func blockName(b *schema.Block) string { return fmt.Sprintf("blk_%d_%d", b.BlockID, b.GenerationStamp) }

func address(d *schema.Datanode) string { return fmt.Sprintf("%s:%d", d.IP, d.XferPort) }

// queued is the line of a block with too few replicas.
func (s *save) queued(q *namespace.QueuedBlock) {
	x := s.Replicas.Inspect(q.Held)
	missing := ""
	if x.Total() == 0 {
		missing = " MISSING"
	}
	s.print("%s: %s%s (replicas: live: %d decommissioning and decommissioned: %d corrupt: %d in excess: %d maintenance mode: %d) ",
		q.Path, blockName(&x.Block), missing, x.Count[blocks.ReplicaLive], x.Count[blocks.ReplicaIsDecommissioned]+x.Count[blocks.ReplicaIsDecommissioning],
		x.Count[blocks.ReplicaIsCorrupt], x.Count[blocks.ReplicaIsExcess], x.Count[blocks.ReplicaEnteringMaintenance]+x.Count[blocks.ReplicaInMaintenance])
	for _, rep := range x.Replicas {
		s.print(" %s%s : ", address(&rep.Datanode), map[blocks.Condition]string{blocks.ReplicaIsCorrupt: "(corrupt)", blocks.ReplicaIsExcess: "(excess)",
			blocks.ReplicaIsDecommissioned: "(decommissioned)", blocks.ReplicaIsDecommissioning: "(decommissioning)"}[rep.Condition])
	}
	s.print("\n")
}

// pending is the line of a block of which a copy was asked for.
func (s *save) pending(q *namespace.QueuedBlock) {
	s.print("%s StartTime: %s NumReconstructInProgress: 1\n", blockName(&q.Held.Block), time.UnixMilli(q.Since).Format(time.TimeOnly))
}

// corrupt are the lines of the corrupt replicas of a block.
func (s *save) corrupt(q *namespace.QueuedBlock) {
	x := s.Replicas.Inspect(q.Held)
	for _, rep := range x.Replicas {
		if rep.Condition == blocks.ReplicaIsCorrupt {
			s.print("Block=%s\tSize=%d\tNode=%s\tStorageID=%s\tStorageState=NORMAL\tTotalReplicas=%d\tReason=CORRUPTION_REPORTED\n",
				blockName(&x.Block), x.Block.NumBytes, address(&rep.Datanode), rep.Storage.UUID, len(x.Replicas))
		}
	}
}

// deletions writes what DataNodes are to delete.
func (s *save) deletions() error {
	names := map[int64]string{}
	for _, d := range s.Replicas.Datanodes(blocks.ListAll) {
		for i := range d.Storages {
			names[d.Storages[i].StorageID] = address(&d.Datanode)
		}
	}
	total, nodes := 0, map[string]bool{}
	err := s.Namespace.QueuedDeletions(s.ctx, func(q schema.Invalidation) error {
		total++
		nodes[names[q.StorageID]] = true
		return nil
	})
	if err != nil {
		return err
	}
	s.print("Metasave: Blocks %d waiting deletion from %d datanodes.\n", total, len(nodes))
	last := int64(-1)
	err = s.Namespace.QueuedDeletions(s.ctx, func(q schema.Invalidation) error {
		switch {
		case last == q.StorageID:
			s.print(", ")
		case last >= 0:
			s.print("]\n%s[", names[q.StorageID])
		default:
			s.print("%s[", names[q.StorageID])
		}
		last = q.StorageID
		s.print("blk_%d_%d", q.BlockID, q.GenerationStamp)
		return nil
	})
	if last >= 0 {
		s.print("]\n")
	}
	return err
}

// datanodes writes a line for each DataNode.
func (s *save) datanodes() {
	all := s.Replicas.Datanodes(blocks.ListAll)
	s.print("Metasave: Number of datanodes: %d\n", len(all))
	size := func(n int64) string { return fmt.Sprintf("%d(%s)", n, namespace.BytesText(n)) }
	share := func(part, whole int64) string {
		if whole <= 0 {
			return "100.00%"
		}
		return fmt.Sprintf("%.2f%%", float64(part)*100/float64(whole))
	}
	for i := range all {
		d := &all[i]
		rack := ""
		if d.Location != "" && d.Location != blocks.DefaultRack {
			rack = " " + d.Location
		}
		state := "IN"
		if d.Decommissioned() {
			state = "DD"
		} else if d.Decommissioning() {
			state = "DP"
		}
		s.print("%s%s %s %s %s %s %s %s %s %s %s %s\n", address(&d.Datanode), rack, state, size(d.Capacity), size(d.Used), share(d.Used, d.Capacity),
			size(d.Remaining), size(d.CacheCapacity), size(d.CacheUsed), share(d.CacheUsed, d.CacheCapacity), size(d.CacheCapacity-d.CacheUsed),
			time.UnixMilli(d.LastContact).Format(dateForm))
	}
}
