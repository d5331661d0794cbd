package bench

import (
	"math"
	"math/rand/v2"
)

// chooser draws numbers from 0 on.
type chooser func(*rand.Rand) int64

// uniform draws all of n numbers equally often.
func uniform(n int64) chooser {
	return func(r *rand.Rand) int64 { return r.Int64N(n) }
}

// What few files get of all accesses, as in a cluster of Spotify's.
const (
	fewFiles     = 0.03
	manyAccesses = 0.80
)

// zipf draws by a law of Zipf's kind, the smallest of n numbers most often: how
// steep it is, is chosen so that fewFiles of them get manyAccesses.
func zipf(n int64) chooser {
	few := math.Ceil(fewFiles * float64(n))
	low, high := 0.0, 10.0
	for range 60 {
		middle := (low + high) / 2
		if powerSum(few, middle)/powerSum(float64(n), middle) < manyAccesses {
			low = middle
		} else {
			high = middle
		}
	}
	// The inverse of the distribution function, whose density is x^-high.
	a := slope(high)
	total := math.Pow(float64(n+1), a) - 1
	return func(r *rand.Rand) int64 {
		x := math.Pow(1+r.Float64()*total, 1/a)
		return min(max(int64(x)-1, 0), n-1)
	}
}

// slope is 1-s, but never so near to 0 that powers of it are of no use.
func slope(s float64) float64 {
	const least = 1e-6
	if a := 1 - s; math.Abs(a) > least {
		return a
	}
	return least
}

// powerSum is about what the first k of the weights 1, 2^-s, 3^-s ... add up to:
// the integral of x^-s from 1 to k+1.
func powerSum(k, s float64) float64 {
	a := slope(s)
	return (math.Pow(k+1, a) - 1) / a
}
