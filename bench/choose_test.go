package bench

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestZipfShare: whatever the number of files, 3 % of them get 80 % of the accesses.
func TestZipfShare(t *testing.T) {
	const draws = 200_000
	for _, n := range []int64{100, 1000, 20_000, 1_000_000, 100_000_000} {
		r := rand.New(rand.NewPCG(7, uint64(n)))
		draw := zipf(n)
		few := int64(math.Ceil(fewFiles * float64(n)))
		hits, first := 0, 0
		seen := map[int64]bool{}
		for range draws {
			i := draw(r)
			if i < 0 || i >= n {
				t.Fatalf("of %d files, number %d is drawn", n, i)
			}
			if i < few {
				hits++
			}
			if i == 0 {
				first++
			}
			seen[i] = true
		}
		if share := float64(hits) / draws; math.Abs(share-manyAccesses) > 0.005 {
			t.Errorf("%d of %d files get %.3f of the accesses", few, n, share)
		}
		if n >= 1000 && (first < draws/100 || first > draws/3 || len(seen) < int(n)/10 && len(seen) < draws/10) {
			t.Errorf("of %d files the first gets %d of %d accesses, %d files get any", n, first, draws, len(seen))
		}
	}
}

func TestFewFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := int64(1); n < 5; n++ {
		for name, draw := range map[string]chooser{"uniform": uniform(n), "zipf": zipf(n)} {
			seen := map[int64]bool{}
			for range 10_000 {
				seen[draw(r)] = true
			}
			for i := range seen {
				if i < 0 || i >= n {
					t.Errorf("%s: of %d files, number %d is drawn", name, n, i)
				}
			}
			if name == "uniform" && int64(len(seen)) != n {
				t.Errorf("of %d files only %d are drawn", n, len(seen))
			}
		}
	}
}
