package fsck

import (
	"strconv"
	"strings"

	"github.com/hopsql/hopsql/namenode/blocks"
)

// blockIDs answers for each block that was asked for by its id.
func (r *run) blockIDs() error {
	for _, word := range strings.Fields(r.BlockIDs) {
		digits, ok := strings.CutPrefix(word, "blk_")
		if !ok {
			r.print("Incorrect blockId format: %s\n", word)
			continue
		}
		r.print("\n")
		// A generation stamp may follow.
		digits, _, _ = strings.Cut(digits, "_")
		id, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			r.print("Block %s %s\n", word, notThere)
			continue
		}
		if err := r.blockID(word, id); err != nil {
			return err
		}
		r.flush()
	}
	return nil
}

func (r *run) blockID(word string, id int64) error {
	h, path, err := r.Namespace.InspectBlock(r.ctx, r.Caller, id)
	if err != nil {
		return err
	}
	if h == nil {
		r.print("Block %s %s\n", word, notThere)
		return nil
	}
	x := r.Replicas.Inspect(h)
	r.print("Block Id: %s\nBlock belongs to: %s\nNo. of Expected Replica: %d\n", word, path, h.Inode.Replication)
	counts := []struct {
		what string
		n    int
	}{{"live", x.Count[blocks.ReplicaLive]}, {"excess", x.Count[blocks.ReplicaIsExcess]}, {"stale", x.Count[blocks.ReplicaOnStale]},
		{"decommissioned", x.Count[blocks.ReplicaIsDecommissioned]}, {"decommissioning", x.Count[blocks.ReplicaIsDecommissioning]}}
	if r.Maintenance {
		counts = append(counts, []struct {
			what string
			n    int
		}{{"entering maintenance", x.Count[blocks.ReplicaEnteringMaintenance]}, {"in maintenance", x.Count[blocks.ReplicaInMaintenance]}}...)
	}
	for _, c := range counts {
		r.print("No. of %s Replica: %d\n", c.what, c.n)
	}
	r.print("No. of corrupted Replica: %d\n", x.Count[blocks.ReplicaIsCorrupt])
	for _, rep := range x.Replicas {
		r.print("Block replica on datanode/rack: %s%s %s\n", rep.Datanode.Host, rep.Datanode.Location, blockWords[rep.Condition])
	}
	return nil
}

// blockWords are the conditions of replicas as the answer about one block has them.
var blockWords = map[blocks.Condition]string{blocks.ReplicaLive: isHealthy, blocks.ReplicaExpecting: isHealthy,
	blocks.ReplicaIsDecommissioned: "is DECOMMISSIONED", blocks.ReplicaIsDecommissioning: "is DECOMMISSIONING",
	blocks.ReplicaEnteringMaintenance: "is ENTERING MAINTENANCE", blocks.ReplicaInMaintenance: "is IN MAINTENANCE",
	blocks.ReplicaIsCorrupt: "is CORRUPT\t ReasonCode: CORRUPTION_REPORTED", blocks.ReplicaIsExcess: "is EXCESS", blocks.ReplicaOnStale: "is STALE"}
