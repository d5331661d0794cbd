package bench

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestQuantiles holds the histogram against sorted durations of several shapes.
func TestQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	shapes := map[string]func() float64{
		"equal":       func() float64 { return 12345 },
		"uniform":     func() float64 { return 1e6 * r.Float64() },
		"exponential": func() float64 { return 2e5 * r.ExpFloat64() },
		"heavy tail":  func() float64 { return 1e4 / math.Pow(1-r.Float64(), 1.5) },
		"tiny":        func() float64 { return float64(r.IntN(50)) },
	}
	for name, draw := range shapes {
		var whole Histogram
		var parts [3]Histogram
		var exact []time.Duration
		for i := range 30_000 {
			d := time.Duration(draw())
			whole.Add(d)
			parts[i%len(parts)].Add(d)
			exact = append(exact, d)
		}
		var merged Histogram
		for i := range parts {
			merged.Merge(&parts[i])
		}
		if merged != whole {
			t.Errorf("%s: merged parts are not the whole", name)
		}
		slices.Sort(exact)
		for _, q := range []float64{0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1} {
			want := exact[max(int(math.Ceil(q*float64(len(exact))))-1, 0)]
			got := whole.Quantile(q)
			if off := math.Abs(float64(got - want)); want < 1<<topBits && off > float64(want)/(2*subBuckets)+0.5 {
				t.Errorf("%s: quantile %v is %v, exactly %v", name, q, got, want)
			}
		}
		if whole.Max() != exact[len(exact)-1] || whole.Count() != int64(len(exact)) {
			t.Errorf("%s: the longest of %d is %v, want %v of %d", name, whole.Count(), whole.Max(), exact[len(exact)-1], len(exact))
		}
	}
}

func TestHistogramAtItsEnds(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Max() != 0 || h.Count() != 0 {
		t.Error("an empty histogram has quantiles")
	}
	h.Add(-time.Second) // a clock was put back
	h.Add(100 * time.Hour)
	if h.Count() != 2 || h.Max() != 100*time.Hour || h.Quantile(0.1) != 0 {
		t.Errorf("%d durations, the longest %v, the first %v", h.Count(), h.Max(), h.Quantile(0.1))
	}
	for i := range buckets {
		if got := bucket(middle(i)); got != i {
			t.Fatalf("the middle of bucket %d, %d ns, lies in bucket %d", i, middle(i), got)
		}
	}
}
