package fsck

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/schema"
)

// policies counts blocks by the types of storage that they are on and the policy that they
// should follow.
type policies struct {
	counts map[placed]int64
	total  int64
}

// placed is what a block has and what it should have.
type placed struct {
	types  string // "DISK:2,ARCHIVE:1"
	actual string // the policy that these are of, "" for none
	wanted string
}

func (p *policies) add(x *blocks.Inspection, in *schema.Inode) {
	var types []int64
	for _, t := range x.Good() {
		types = append(types, t.Storage.Type)
	}
	slices.Sort(types)
	wanted := blocks.PolicyOf(in.StoragePolicy)
	k := placed{types: countTypes(types), wanted: wanted.Name}
	if follows(&wanted, types) {
		k.actual = wanted.Name
	} else {
		for _, other := range blocks.Policies() {
			if k.actual == "" && follows(&other, types) {
				k.actual = other.Name
			}
		}
	}
	if p.counts == nil {
		p.counts = map[placed]int64{}
	}
	p.counts[k]++
	p.total++
}

// follows reports whether sorted types are those of a policy.
func follows(p *blocks.Policy, types []int64) bool {
	want := p.TypesOf(len(types))
	slices.Sort(want)
	return slices.Equal(want, types)
}

func countTypes(types []int64) string {
	var words []string
	for i := 0; i < len(types); {
		n := 1
		for i+n < len(types) && types[i+n] == types[i] {
			n++
		}
		words = append(words, fmt.Sprintf("%s:%d", blocks.TypeName(types[i]), n))
		i += n
	}
	return strings.Join(words, ",")
}

// String is the summary, the most frequent first.
func (p *policies) String() string {
	keys := slices.SortedFunc(maps.Keys(p.counts), func(a, b placed) int {
		return cmp.Or(cmp.Compare(p.counts[b], p.counts[a]), cmp.Compare(a.types+a.wanted, b.types+b.wanted))
	})
	var good, bad strings.Builder
	for _, k := range keys {
		what := k.types
		if k.actual != "" {
			what += "(" + k.actual + ")"
		}
		share := fmt.Sprintf("%.4f%%", float64(p.counts[k])*100/float64(p.total))
		if k.actual == k.wanted {
			fmt.Fprintf(&good, "%-25s %10d  %20s\n", what, p.counts[k], share)
		} else {
			fmt.Fprintf(&bad, "%-35s %-20s %10d  %20s\n", what, k.wanted, p.counts[k], share)
		}
	}
	out := "\nBlocks satisfying the specified storage policy:\nStorage Policy                  # of blocks       % of blocks\n" + good.String()
	if bad.Len() == 0 {
		return out + "\nAll blocks satisfy specified storage policy.\n"
	}
	return out + "\nBlocks NOT satisfying the specified storage policy:\nStorage Policy                      " +
		"Specified Storage Policy      # of blocks       % of blocks\n" + bad.String()
}
