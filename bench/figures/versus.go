package figures

import (
	"fmt"
	"slices"
)

// group names the tables of one tool with so many callers.
type group struct {
	tool    string
	callers int
}

// groups lists what was measured, in the order in which it was first.
func (t *Set) groups() (all []group, ops map[group][]string) {
	ops = map[group][]string{}
	for i := range t.Samples {
		s := &t.Samples[i]
		g := group{s.Tool, s.Callers}
		if !slices.Contains(all, g) {
			all = append(all, g)
		}
		if !slices.Contains(ops[g], s.Op) {
			ops[g] = append(ops[g], s.Op)
		}
	}
	return all, ops
}

// Versus compares systems with a peer: for each tool and number of callers a table
// of throughput, one of CPU and, where it was measured, one of latency.
func (t *Set) Versus(peer string, systems ...string) []*Table {
	var tables []*Table
	all, ops := t.groups()
	for _, g := range all {
		with := fmt.Sprintf("%s, %d callers", g.tool, g.callers)
		if g.callers == 1 {
			with = g.tool + ", 1 caller"
		}
		tables = append(tables,
			t.ratios(with+": operations a second", g, ops[g], peer, systems, Throughput, Count),
			t.cpu(with+": CPU, µs a call", g, ops[g], peer, systems))
		latency := t.latency(with+": latency, p50 / p99 in µs", g, ops[g], append([]string{peer}, systems...))
		if latency != nil {
			tables = append(tables, latency)
		}
	}
	return tables
}

func (g group) key(system, op string) Key { return Key{system, g.tool, op, g.callers} }

func (t *Set) ratios(title string, g group, ops []string, peer string, systems []string, value Value, format func(float64) string) *Table {
	head := []string{"", peer}
	for _, s := range systems {
		head = append(head, s, "× "+peer)
	}
	table := NewTable(title, head...)
	for _, op := range ops {
		row := []string{op, t.Of(g.key(peer, op), value).In(format)}
		for _, s := range systems {
			row = append(row, t.Of(g.key(s, op), value).In(format), t.Ratio(g.key(s, op), g.key(peer, op), value).String())
		}
		table.Row(row...)
	}
	return table
}

// cpu shows NameNode + database and the ratio of their sum, then the client's.
func (t *Set) cpu(title string, g group, ops []string, peer string, systems []string) *Table {
	head := []string{"", peer}
	for _, s := range systems {
		head = append(head, s, "× "+peer)
	}
	head = append(head, "client: "+peer)
	head = append(head, systems...)
	table := NewTable(title, head...)
	servers := func(k Key) string {
		nn := t.Of(k, CPU(NameNode)).In(Short)
		if db := t.Of(k, CPU(Database)); db.N > 0 {
			return nn + " + " + db.In(Short)
		}
		return nn
	}
	for _, op := range ops {
		row := []string{op, servers(g.key(peer, op))}
		for _, s := range systems {
			row = append(row, servers(g.key(s, op)), t.Ratio(g.key(s, op), g.key(peer, op), ServerCPU).String())
		}
		for _, s := range append([]string{peer}, systems...) {
			cell := t.Of(g.key(s, op), CPU(Client)).In(Short)
			if spin := t.Of(g.key(s, op), CPU(Spin)); spin.N > 0 {
				cell += " + " + spin.In(Short)
			}
			row = append(row, cell)
		}
		table.Row(row...)
	}
	return table
}

// latency is nil when nothing was measured.
func (t *Set) latency(title string, g group, ops, systems []string) *Table {
	table := NewTable(title, append([]string{""}, systems...)...)
	found := false
	for _, op := range ops {
		row := []string{op}
		for _, s := range systems {
			p50, p99 := t.Of(g.key(s, op), Latency("p50")), t.Of(g.key(s, op), Latency("p99"))
			found = found || p50.N > 0
			row = append(row, p50.In(Count)+" / "+p99.In(Count))
		}
		table.Row(row...)
	}
	if !found {
		return nil
	}
	return table
}
