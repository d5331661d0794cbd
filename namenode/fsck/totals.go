package fsck

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hopsql/hopsql/namenode/blocks"
)

// totals are the sums of a check.
type totals struct {
	replication, minimum int64 // as configured

	files, bytes, blocks               int64
	openFiles, openBytes, openBlocks   int64
	corruptFiles                       int64
	missing, corrupt                   damage
	underMinimum, whole                int64 // blocks by dfs.namenode.replication.min
	over, under, misplaced             int64
	replicas, expected, lackReplicas   int64
	decommissioned, decommissioning    int64
	enteringMaintenance, inMaintenance int64
}

// add counts a block that should have want replicas.
func (t *totals) add(x *blocks.Inspection, want int) {
	total, live := x.Total(), x.Count[blocks.ReplicaLive]
	t.decommissioned += int64(x.Count[blocks.ReplicaIsDecommissioned])
	t.decommissioning += int64(x.Count[blocks.ReplicaIsDecommissioning])
	t.enteringMaintenance += int64(x.Count[blocks.ReplicaEnteringMaintenance])
	t.inMaintenance += int64(x.Count[blocks.ReplicaInMaintenance])
	t.replicas += int64(total)
	t.expected += int64(want)
	if int64(total) < t.minimum {
		t.underMinimum++
	} else {
		t.whole++
	}
	if live > want {
		t.over++
	}
	if total < want && total > 0 {
		t.under++
		t.lackReplicas += int64(want - total)
	}
	if x.Corrupt {
		t.corrupt.add(x.Block.NumBytes)
	}
}

func (t *totals) healthy() bool { return t.missing.blocks == 0 && t.corrupt.blocks == 0 }

// String is the block of lines about replicated files.
func (t *totals) String() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p(" Total size:\t%d B", t.bytes)
	if t.openBytes != 0 {
		p(" (Total open files size: %d B)", t.openBytes)
	}
	p("\n Total files:\t%d", t.files)
	if t.openFiles != 0 {
		p(" (Files currently being written: %d)", t.openFiles)
	}
	p("\n Total blocks (validated):\t%d", t.blocks)
	if t.blocks > 0 {
		p(" (avg. block size %d B)", t.bytes/t.blocks)
	}
	if t.openBlocks != 0 {
		p(" (Total open file blocks (not validated): %d)", t.openBlocks)
	}
	if t.corruptFiles > 0 || t.underMinimum > 0 {
		b.WriteString(t.box())
	}
	p("\n Minimally replicated blocks:\t%d%s", t.whole, percent(t.whole, t.blocks))
	p("\n Over-replicated blocks:\t%d%s", t.over, percent(t.over, t.blocks))
	p("\n Under-replicated blocks:\t%d%s", t.under, percent(t.under, t.blocks))
	p("\n Mis-replicated blocks:\t\t%d%s", t.misplaced, percent(t.misplaced, t.blocks))
	average := float32(0)
	if t.blocks > 0 {
		average = float32(t.replicas) / float32(t.blocks)
	}
	p("\n Default replication factor:\t%d\n Average block replication:\t%s", t.replication, javaFloat(average))
	p("\n Missing blocks:\t\t%d\n Corrupt blocks:\t\t%d", t.missing.blocks, t.corrupt.blocks)
	lack := ""
	if t.replicas > 0 {
		lack = percent(t.lackReplicas, t.expected)
	}
	p("\n Missing replicas:\t\t%d%s", t.lackReplicas, lack)
	for _, l := range []struct {
		label string
		n     int64
	}{{"DecommissionedReplicas", t.decommissioned}, {"DecommissioningReplicas", t.decommissioning},
		{"EnteringMaintenanceReplicas", t.enteringMaintenance}, {"InMaintenanceReplicas", t.inMaintenance}} {
		if l.n > 0 {
			p("\n %s:\t%d", l.label, l.n)
		}
	}
	p("\n Blocks queued for replication:\t0")
	return b.String()
}

// box is what nobody should overlook.
func (t *totals) box() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p("\n  ********************************")
	if t.underMinimum > 0 {
		p("\n  UNDER MIN REPL'D BLOCKS:\t%d%s\n  MINIMAL BLOCK REPLICATION:\t%d", t.underMinimum, percent(t.underMinimum, t.blocks), t.minimum)
	}
	if t.corruptFiles > 0 {
		p("\n  CORRUPT FILES:\t%d", t.corruptFiles)
		if t.missing.bytes > 0 {
			p("\n  MISSING BLOCKS:\t%d\n  MISSING SIZE:\t\t%d B", t.missing.blocks, t.missing.bytes)
		}
		if t.corrupt.blocks > 0 {
			p("\n  CORRUPT BLOCKS: \t%d\n  CORRUPT SIZE:\t\t%d B", t.corrupt.blocks, t.corrupt.bytes)
		}
	}
	p("\n  ********************************")
	return b.String()
}

// noGroups is the block of lines about erasure-coded files, of which there are none.
const noGroups = " Total size:\t0 B\n Total files:\t0\n Total block groups (validated):\t0\n" +
	" Minimally erasure-coded block groups:\t0\n Over-erasure-coded block groups:\t0\n Under-erasure-coded block groups:\t0\n" +
	" Unsatisfactory placement block groups:\t0\n Average block group size:\t0.0\n Missing block groups:\t\t0\n" +
	" Corrupt block groups:\t\t0\n Missing internal blocks:\t0\n Blocks queued for replication:\t0"

// percent is " (x %)", nothing if there is no whole.
func percent(part, whole int64) string {
	if whole == 0 {
		return ""
	}
	return " (" + javaFloat(float32(part*100)/float32(whole)) + " %)"
}

// javaFloat is a number as Java prints a float.
func javaFloat(f float32) string {
	if f != 0 && f < 1e-3 || f >= 1e7 {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(float64(f), 'E', -1, 32), "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, err := strconv.Atoi(exponent)
		if err != nil {
			return mantissa // infinite
		}
		return mantissa + "E" + strconv.Itoa(n)
	}
	s := strconv.FormatFloat(float64(f), 'f', -1, 32)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
