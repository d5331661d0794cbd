package fsck

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
)

// file is the state of one file.
type file struct {
	path     string
	in       *namespace.Inspected
	whole    []blocks.Inspection // the blocks that are not being written
	writing  *blocks.Inspection  // the last one, if it is
	lines    strings.Builder     // about the blocks
	missing  damage
	corrupt  damage
	short    int
	misplace int
}

// damage is what of a file is gone.
type damage struct{ blocks, bytes int64 }

func (d *damage) add(bytes int64) {
	d.blocks++
	d.bytes += bytes
}

// file checks one file.
func (r *run) file(path string, in *namespace.Inspected) error {
	f := &file{path: path, in: in}
	for i := range in.File.Blocks {
		b := &in.File.Blocks[i]
		x := r.Replicas.Inspect(in.File.Held(&in.Inode, b))
		if b.State == schema.BlockUnderConstruction || b.State == schema.BlockUnderRecovery {
			f.writing = &x
			continue
		}
		f.whole = append(f.whole, x)
	}
	open := in.Inode.ClientName != ""
	if open && !r.Open {
		r.sum.openFiles++
		r.sum.openBytes += in.Inode.Length
		r.sum.openBlocks += int64(len(f.whole))
		return nil
	}
	r.sum.files++
	r.sum.bytes += in.Inode.Length
	r.sum.blocks += int64(len(f.whole))
	what := fmt.Sprintf("%s %d bytes, replicated: replication=%d, %d block(s)", path, in.Inode.Length, in.Inode.Replication, len(f.whole))
	switch {
	case r.Open && open:
		r.print("%s, OPENFORWRITE: ", what)
	case r.Files:
		r.print("%s: ", what)
	case r.sum.files%100 == 0:
		r.print(".")
		r.flush()
	}
	for i := range f.whole {
		r.block(f, i)
	}
	if f.writing != nil {
		r.unfinished(f)
	}
	r.judge(f)
	if f.damaged() && !open {
		r.treat(f)
	}
	return nil
}

func (f *file) damaged() bool { return f.missing.blocks > 0 || f.corrupt.blocks > 0 }

func (r *run) name(b *schema.Block) string {
	return fmt.Sprintf("%s:blk_%d_%d", r.BlockPoolID, b.BlockID, b.GenerationStamp)
}

// block checks the i-th whole block.
func (r *run) block(f *file, i int) {
	x := &f.whole[i]
	name, want, total := r.name(&x.Block), int(f.in.Inode.Replication), x.Total()
	r.sum.add(x, want)
	if x.Corrupt {
		f.corrupt.add(x.Block.NumBytes)
		r.print("\n%s: CORRUPT blockpool %s block blk_%d\n", f.path, r.BlockPoolID, x.Block.BlockID)
	}
	if total < want && total > 0 {
		f.short++
		if !r.Files {
			r.print("\n%s: ", f.path)
		}
		end := "."
		if r.Maintenance {
			end = fmt.Sprintf(", %d entering maintenance replica(s) and %d in maintenance replica(s).",
				x.Count[blocks.ReplicaEnteringMaintenance], x.Count[blocks.ReplicaInMaintenance])
		}
		r.print(" Under replicated %s. Target Replicas is %d but found %d live replica(s), %d decommissioned replica(s), %d decommissioning replica(s)%s\n",
			name, want, x.Count[blocks.ReplicaLive], x.Count[blocks.ReplicaIsDecommissioned], x.Count[blocks.ReplicaIsDecommissioning], end)
	}
	if x.Racks < x.RacksWanted {
		f.misplace++
		r.sum.misplaced++
		if !r.Files {
			if f.short == 0 {
				r.print("\n")
			}
			r.print("%s: ", f.path)
		}
		r.print(" Replica placement policy is violated for %s. Block should be additionally replicated on %d more rack(s). Total number of racks in the cluster: %d\n",
			name, x.RacksWanted-x.Racks, r.Replicas.Racks())
	}
	if r.Policies {
		r.pols.add(x, &f.in.Inode)
	}
	fmt.Fprintf(&f.lines, "%d. %s len=%d", i, name, x.Block.NumBytes)
	if total == 0 && !x.Corrupt {
		f.lines.WriteString(" MISSING!")
		r.sum.missing.add(x.Block.NumBytes)
		f.missing.add(x.Block.NumBytes)
	} else {
		fmt.Fprintf(&f.lines, " Live_repl=%d%s", x.Count[blocks.ReplicaLive], r.where(x))
	}
	f.lines.WriteByte('\n')
}

// unfinished describes the block that is being written.
func (r *run) unfinished(f *file) {
	x := f.writing
	fmt.Fprintf(&f.lines, "\nUnder Construction Block:\n%d. %s len=%d Expected_repl=%d%s", len(f.whole), r.name(&x.Block), x.Block.NumBytes, len(x.Replicas), r.where(x))
}

// where lists the replicas of a block as it is asked for.
func (r *run) where(x *blocks.Inspection) string {
	if !r.Locations && !r.Racks && !r.Details && !r.Domains {
		return ""
	}
	all := make([]string, 0, len(x.Replicas))
	for _, rep := range x.Replicas {
		address := fmt.Sprintf("%s:%d", rep.Datanode.IP, rep.Datanode.XferPort)
		s := fmt.Sprintf("DatanodeInfoWithStorage[%s,%s,%s]", address, rep.Storage.UUID, blocks.TypeName(rep.Storage.Type))
		if r.Racks {
			s = rep.Datanode.Location + "/" + address
		}
		if r.Domains {
			s += "(ud=undefined)"
		}
		if r.Details {
			s += "(" + detailWords[rep.Condition] + ")"
		}
		all = append(all, s)
	}
	return "  [" + strings.Join(all, ", ") + "]"
}

// detailWords are the conditions of replicas as HDFS's list of replicas has them.
var detailWords = map[blocks.Condition]string{blocks.ReplicaLive: "LIVE", blocks.ReplicaExpecting: "LIVE",
	blocks.ReplicaIsDecommissioned: "DECOMMISSIONED", blocks.ReplicaIsDecommissioning: "DECOMMISSIONING",
	blocks.ReplicaEnteringMaintenance: "ENTERING MAINTENANCE", blocks.ReplicaInMaintenance: "IN MAINTENANCE",
	blocks.ReplicaIsCorrupt: "CORRUPT", blocks.ReplicaIsExcess: "EXCESS", blocks.ReplicaOnStale: "STALE_NODE"}

// judge prints what was found of a file.
func (r *run) judge(f *file) {
	if f.damaged() {
		r.sum.corruptFiles++
	}
	lines := []struct {
		word string
		d    damage
	}{{"MISSING", f.missing}, {"CORRUPT", f.corrupt}}
	for _, l := range lines {
		switch {
		case l.d.blocks == 0:
		case r.Files:
			r.print(" %s %d blocks of total size %d B\n", l.word, l.d.blocks, l.d.bytes)
		default:
			r.print("\n%s: %s %d blocks of total size %d B.", f.path, l.word, l.d.blocks, l.d.bytes)
		}
	}
	if !r.Files {
		return
	}
	if !f.damaged() && f.short == 0 && f.misplace == 0 {
		r.print(" OK\n")
	}
	if r.Blocks {
		r.print("%s\n", f.lines.String())
	}
}

// treat moves or deletes a file that lost data.
func (r *run) treat(f *file) {
	if r.Move {
		if err := r.move(f); err != nil {
			r.troubled = true
			r.Logger.Error("fsck: the remains of a corrupt file could not be copied to /lost+found", "path", f.path, "err", err)
		}
	}
	if r.Delete {
		if err := r.remove(f.path); err != nil {
			r.troubled = true
			r.Logger.Error("fsck: a corrupt file could not be deleted", "path", f.path, "err", err)
			return
		}
		r.Logger.Info("fsck: deleted a corrupt file", "path", f.path)
	}
}

// remove deletes a file, unless this NameNode may have been given up by the others.
func (r *run) remove(path string) error {
	ctx := r.ctx
	if r.Serve != nil {
		var err error
		if ctx, err = r.Serve(ctx)(); err != nil {
			return err
		}
	}
	_, err := r.Namespace.Delete(ctx, r.Caller, path, true)
	return err
}

// move copies what is left of a file to /lost+found: each run of good blocks becomes a file
// whose name is its number.
func (r *run) move(f *file) error {
	if r.Salvage == nil {
		return errors.New("this NameNode cannot copy files")
	}
	var runs [][2]int64
	var at int64
	joined := false
	for i := range f.whole {
		x := &f.whole[i]
		end := at + x.Block.NumBytes
		switch good := x.Total() > 0; {
		case good && joined:
			runs[len(runs)-1][1] = end
		case good:
			runs = append(runs, [2]int64{at, end})
			joined = true
		default:
			joined = false
		}
		at = end
	}
	return r.Salvage(context.WithoutCancel(r.ctx), r.Caller.User, f.path, "/lost+found"+f.path, runs)
}
