package figures

import (
	"strings"
	"testing"
)

// measured are three rounds in which the machine became slower: the ratios of each
// round are 2, 3 and 2.5, while the medians' would be 2.
func measured() *Set {
	var set Set
	for i, ops := range [][2]float64{{100, 200}, {50, 150}, {40, 100}} {
		for j, system := range []string{"peer", "ours"} {
			set.Add(Sample{Round: i + 1, System: system, Tool: "tool", Op: "stat", Callers: 64, OpsPerSecond: ops[j],
				CPUMicros: map[string]float64{NameNode: 10 * float64(j+1), Client: 5}})
		}
	}
	// A round in which only one was measured gives no ratio.
	set.Add(Sample{Round: 4, System: "ours", Tool: "tool", Op: "stat", Callers: 64, OpsPerSecond: 1e6})
	return &set
}

func TestRatioWithinRounds(t *testing.T) {
	set := measured()
	k, peer := Key{"ours", "tool", "stat", 64}, Key{"peer", "tool", "stat", 64}
	if got, want := set.Ratio(k, peer, Throughput), (Spread{2.5, 2, 3, 3}); got != want {
		t.Errorf("ratio %v, want %v", got, want)
	}
	if got, want := set.Of(peer, Throughput), (Spread{50, 40, 100, 3}); got != want {
		t.Errorf("peer %v, want %v", got, want)
	}
	if got, want := set.Ratio(k, peer, ServerCPU), (Spread{2, 2, 2, 3}); got != want {
		t.Errorf("CPU %v, want %v", got, want)
	}
	if got := set.Of(k, Latency("p50")); got.N != 0 || got.String() != missing {
		t.Errorf("a latency that was not measured: %v", got)
	}
	if got := Over(1, 2, 4, 8).Median; got != 3 {
		t.Errorf("median of an even number: %v", got)
	}
}

func TestVersus(t *testing.T) {
	tables := measured().Versus("peer", "ours", "absent")
	want := `tool, 64 callers: operations a second

|      | peer | ours |           × peer | absent | × peer |
|------|-----:|-----:|-----------------:|-------:|-------:|
| stat |   50 |  175 | 2.50 (2.00–3.00) |      – |      – |
tool, 64 callers: CPU, µs a call

|      | peer | ours |           × peer | absent | × peer | client: peer | ours | absent |
|------|-----:|-----:|-----------------:|-------:|-------:|-------------:|-----:|-------:|
| stat | 10.0 | 20.0 | 2.00 (2.00–2.00) |      – |      – |         5.00 | 5.00 |      – |
`
	var b strings.Builder
	for _, table := range tables {
		b.WriteString(table.String())
	}
	if got := b.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 999.4: "999", 999.6: "1,000", 1234567: "1,234,567", -1234: "-1,234"} {
		if got := Count(v); got != want {
			t.Errorf("Count(%v) = %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0.00", 1.234: "1.23", 12.34: "12.3", 1234: "1,234"} {
		if got := Short(v); got != want {
			t.Errorf("Short(%v) = %s, want %s", v, got, want)
		}
	}
}
