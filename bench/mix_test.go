package bench

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"testing"
)

func TestParseMix(t *testing.T) {
	m, err := ParseMix("stat=3,open=1,stat=2", false)
	if err != nil || !maps.Equal(m, Mix{"stat": 5, "open": 1}) {
		t.Errorf("%v, %v", m, err)
	}
	for _, blocks := range []bool{false, true} {
		m, err := ParseMix("industrial", blocks)
		if err != nil || m["open"] != 68.73 || (m["write"] > 0) != blocks || (m["create"] > 0) == blocks {
			t.Errorf("industrial, blocks %v: %v, %v", blocks, m, err)
		}
		if err := m.check(blocks); err != nil {
			t.Error(err)
		}
		again, err := ParseMix(m.String(), blocks)
		if err != nil || !maps.Equal(m, again) {
			t.Errorf("%s is read as %v, %v", m, again, err)
		}
	}
	for _, s := range []string{"", "stat", "stat=x", "fly=1", "stat=-1", "stat=0", "stat=NaN", "stat=Inf", "mix=1", "write=1", "stat=1,"} {
		if m, err := ParseMix(s, false); !errors.Is(err, ErrOptions) {
			t.Errorf("%q: %v, %v", s, m, err)
		}
	}
}

// TestMixWeights draws operations and counts them.
func TestMixWeights(t *testing.T) {
	const calls = 200_000
	mix := Industrial(true)
	r := &run{mix: mix.parts()}
	c := &caller{run: r, random: rand.New(rand.NewPCG(3, 4))}
	counts := map[string]int{}
	for i := range r.mix {
		r.mix[i].do = func(*caller) error { counts[r.mix[i].name]++; return nil }
	}
	c.reset()
	for i := range calls {
		if err := c.mixed(int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	sum := 0.0
	for _, w := range mix {
		sum += w
	}
	for op, w := range mix {
		want := calls * w / sum
		if got := float64(counts[op]); math.Abs(got-want) > 5*math.Sqrt(want) {
			t.Errorf("%s is called %v times of %d, want about %.0f", op, got, calls, want)
		}
	}
	var measured int64
	r.callers = []*caller{c}
	for _, p := range r.mixedParts() {
		measured += p.Took.Count()
	}
	if measured != calls {
		t.Errorf("%d of %d calls are in the histograms", measured, calls)
	}
}
