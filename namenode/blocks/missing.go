package blocks

import (
	"math"

	"github.com/hopsql/hopsql/schema"
)

// BeforeMissing is the key in reconstructions_priority behind which the rows of
// blocks without a good replica begin.
func BeforeMissing() schema.Key {
	return schema.KeyOf(schema.Int(2*tierMissing-1), schema.Int(math.MaxInt64))
}

// Missing says of a row of reconstructions that its block has no good replica. In
// the order of that index, the first one that does not ends those that do.
func Missing(q schema.Reconstruction) bool {
	return q.Priority/2 == tierMissing || q.Priority/2 == tierMissingOne
}

// Waiting says of a row of reconstructions that its block is readable and waits for
// copies.
func Waiting(q schema.Reconstruction) bool {
	switch q.Priority / 2 {
	case tierLast, tierBad, tierShort, tierMisplaced:
		return true
	}
	return false
}

// HasCorrupt says of a row of reconstructions that its block has a corrupt replica.
func HasCorrupt(q schema.Reconstruction) bool { return q.Priority%2 == 1 }
