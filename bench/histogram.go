package bench

import (
	"math"
	"math/bits"
	"time"
)

// Histogram counts durations in buckets whose width grows with them: each power
// of two is cut into subBuckets. A quantile is off by less than one part in
// 2*subBuckets. The zero value is empty; it is not safe for concurrent use.
type Histogram struct {
	counts [buckets]uint64
	n      uint64
	max    int64
}

const (
	subBits    = 6
	subBuckets = 1 << subBits
	topBits    = 38 // what takes longer than 2^38 ns, 4.6 minutes, goes to the last bucket
	buckets    = (topBits - subBits + 1) * subBuckets
)

// bucket is where nanoseconds are counted.
func bucket(ns int64) int {
	if ns < subBuckets {
		return int(max(ns, 0))
	}
	shift := bits.Len64(uint64(ns)) - subBits - 1
	return min(shift<<subBits+int(ns>>shift), buckets-1)
}

// middle is the value that stands for a bucket.
func middle(i int) int64 {
	if i < 2*subBuckets {
		return int64(i)
	}
	shift := i>>subBits - 1
	return int64(i-shift<<subBits)<<shift + int64(1)<<shift/2
}

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucket(int64(d))]++
	h.n++
	h.max = max(h.max, int64(d))
}

// Merge adds what another one counted.
func (h *Histogram) Merge(o *Histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// Count is how many durations were added.
func (h *Histogram) Count() int64 { return int64(h.n) }

// Max is the longest one, exactly.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max) }

// Quantile is the duration that a share q of all does not exceed, 0 if there is
// none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(math.Ceil(q * float64(h.n)))
	var seen uint64
	for i, c := range h.counts {
		seen += c
		if c > 0 && seen >= rank {
			return time.Duration(min(middle(i), h.max))
		}
	}
	return 0
}
