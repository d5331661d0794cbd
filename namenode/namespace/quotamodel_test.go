package namespace_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/namenode/namespace"
)

// A modelNode is a file or a directory as the model of quotas knows it.
type modelNode struct {
	name         string
	up           *modelNode
	kids         map[string]*modelNode // nil for a file
	names, space int64                 // quotas
	blocks       int64                 // of 100 bytes
	writing      bool                  // a block more is being written
	open         bool
	replication  int64
}

func newModelDir(name string, up *modelNode) *modelNode {
	return &modelNode{name: name, up: up, kids: map[string]*modelNode{}, names: -1, space: -1}
}

func (m *modelNode) path() string {
	if m.up == nil {
		return ""
	}
	return m.up.path() + "/" + m.name
}

// uses counts the tree at m.
func (m *modelNode) uses() (names, space int64) {
	names = 1
	space = m.blocks * 100 * m.replication
	if m.writing {
		space += 1 << 20 * m.replication
	}
	for _, k := range m.kids {
		n, s := k.uses()
		names, space = names+n, space+s
	}
	return names, space
}

func (m *modelNode) walk(visit func(*modelNode)) {
	visit(m)
	for _, name := range sorted(m.kids) {
		m.kids[name].walk(visit)
	}
}

func sorted(kids map[string]*modelNode) []string {
	var out []string
	for name := range kids {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func (m *modelNode) isBelow(o *modelNode) bool {
	for ; m != nil; m = m.up {
		if m == o {
			return true
		}
	}
	return false
}

const (
	okAnswer    = ""
	namesAnswer = "error (namespace quota exceeded)"
	spaceAnswer = "error (space quota exceeded)"
)

// fits says what adding so much below m is answered with; directories from stop on,
// which are above, have it already.
func (m *modelNode) fits(names, space int64, stop *modelNode) string {
	for ; m != nil && (stop == nil || !stop.isBelow(m)); m = m.up {
		n, s := m.uses()
		switch {
		case m.names >= 0 && names > 0 && n+names > m.names:
			return namesAnswer
		case m.space >= 0 && space > 0 && s+space > m.space:
			return spaceAnswer
		}
	}
	return okAnswer
}

// history runs changes at a NameNode and in the model.
type history struct {
	t    *testing.T
	s    *scenario
	rng  *rand.Rand
	root *modelNode
	seen map[string]int // answers
}

// expect runs a command and compares its answer.
func (h *history) expect(want string, format string, args ...any) bool {
	h.t.Helper()
	cmd := fmt.Sprintf(format, args...)
	got := h.s.do("", strings.Fields(cmd))
	if strings.HasPrefix(got, "error") != (want != okAnswer) || !strings.HasPrefix(got, want) {
		h.t.Fatalf("%s: %s, want %q", cmd, got, want)
	}
	h.seen[want]++
	return want == okAnswer
}

func (h *history) pick(good func(*modelNode) bool) *modelNode {
	var all []*modelNode
	h.root.walk(func(m *modelNode) {
		if good(m) {
			all = append(all, m)
		}
	})
	if len(all) == 0 {
		return nil
	}
	return all[h.rng.IntN(len(all))]
}

func isModelDir(m *modelNode) bool  { return m.kids != nil }
func isModelFile(m *modelNode) bool { return m.kids == nil }

func (h *history) step() {
	name := fmt.Sprintf("n%d", h.rng.IntN(4))
	switch h.rng.IntN(10) {
	case 0:
		h.mkdirs(h.pick(isModelDir), name)
	case 1, 2:
		h.create(h.pick(isModelDir), name)
	case 3, 4, 5:
		if f := h.pick(isModelFile); f != nil {
			h.write(f)
		}
	case 6:
		if m := h.pick(func(m *modelNode) bool { return m.up != nil }); m != nil {
			h.expect(okAnswer, "delete %s recursive=yes", m.path())
			h.forget(m.path())
			delete(m.up.kids, m.name)
		}
	case 7, 8:
		h.move(h.pick(func(m *modelNode) bool { return m.up != nil }), h.pick(isModelDir), name)
	default:
		h.setQuota(h.pick(func(m *modelNode) bool { return isModelDir(m) && m.up != nil }))
	}
}

func (h *history) mkdirs(dir *modelNode, name string) {
	if dir.kids[name] != nil || strings.Count(dir.path(), "/") > 5 {
		return
	}
	want := okAnswer
	at := dir
	for _, part := range []string{name, "deep"} {
		if want = at.fits(1, 0, nil); want != okAnswer {
			break
		}
		at.kids[part] = newModelDir(part, at)
		at = at.kids[part]
	}
	h.expect(want, "mkdirs %s/%s/deep", dir.path(), name)
}

func (h *history) create(dir *modelNode, name string) {
	if dir.kids[name] != nil {
		return
	}
	rep := int64(1 + h.rng.IntN(2))
	if h.expect(dir.fits(1, 0, nil), "create %s/%s replication=%d", dir.path(), name, rep) {
		dir.kids[name] = &modelNode{name: name, up: dir, open: true, replication: rep, names: -1, space: -1}
		delete(h.s.last, dir.path()+"/"+name)
	}
}

// write does the next thing to a file.
func (h *history) write(f *modelNode) {
	p := f.path()
	switch {
	case f.writing && h.rng.IntN(4) == 0 && f.blocks == 0:
		h.expect(okAnswer, "abandon %s", p)
		f.writing = false
	case f.writing:
		h.expect(okAnswer, "received %s", p)
		h.expect(okAnswer, "complete %s", p)
		f.writing, f.open = false, false
		f.blocks++
	case f.open:
		if h.expect(f.up.fits(0, 1<<20*f.replication, nil), "addblock %s", p) {
			f.writing = true
		}
	case f.blocks > 0 && h.rng.IntN(2) == 0:
		rep := int64(1 + h.rng.IntN(3))
		if h.expect(f.up.fits(0, f.blocks*100*(rep-f.replication), nil), "setrep %s %d", p, rep) {
			f.replication = rep
		}
	case f.blocks > 0:
		if h.expect(f.up.fits(0, (1<<20-100)*f.replication, nil), "append %s", p) {
			f.blocks--
			f.writing, f.open = true, true
		}
	}
}

func (h *history) move(m, dir *modelNode, name string) {
	if m == nil || dir.isBelow(m) || dir.kids[name] == m || strings.Count(dir.path(), "/") > 5 {
		return
	}
	old := dir.kids[name]
	if old != nil && (isModelDir(old) != isModelDir(m) || len(old.kids) > 0) {
		return
	}
	names, space := m.uses()
	if old != nil {
		n, s := old.uses()
		names, space = names-n, space-s
	}
	from, to := m.path(), dir.path()+"/"+name
	if !h.expect(dir.fits(names, space, m.up), "rename2 %s %s overwrite=yes", from, to) {
		return
	}
	h.forget(to)
	for _, p := range lasts(h.s) {
		if p == from || strings.HasPrefix(p, from+"/") {
			h.s.last[to+p[len(from):]] = h.s.last[p]
			delete(h.s.last, p)
		}
	}
	delete(m.up.kids, m.name)
	m.up, m.name = dir, name
	dir.kids[name] = m
}

func lasts(s *scenario) []string {
	var out []string
	for p := range s.last {
		out = append(out, p)
	}
	return out
}

// forget drops the blocks below a path.
func (h *history) forget(path string) {
	for _, p := range lasts(h.s) {
		if p == path || strings.HasPrefix(p, path+"/") {
			delete(h.s.last, p)
		}
	}
}

func (h *history) setQuota(dir *modelNode) {
	if dir == nil {
		return
	}
	switch h.rng.IntN(4) {
	case 0:
		h.expect(okAnswer, "setquota %s names=no", dir.path())
		dir.names = -1
	case 1:
		n := int64(1 + h.rng.IntN(12))
		h.expect(okAnswer, "setquota %s names=%d", dir.path(), n)
		dir.names = n
	case 2:
		n := int64(h.rng.IntN(4)) * (1<<20 + 150)
		h.expect(okAnswer, "setquota %s space=%d", dir.path(), n)
		dir.space = n
	default:
		h.expect(okAnswer, "setquota %s space=no", dir.path())
		dir.space = -1
	}
}

// compare wants every directory to count what the model counts.
func (h *history) compare() {
	h.root.walk(func(m *modelNode) {
		if m.names < 0 && m.space < 0 {
			return
		}
		names, space := m.uses()
		u, err := h.s.ns.GetQuotaUsage(context.Background(), root, m.path())
		if err != nil {
			h.t.Fatal(err)
		}
		want := namespace.QuotaUsage{FileAndDirectoryCount: names, Quota: m.names, SpaceConsumed: space, SpaceQuota: m.space}
		if got := *u; got.FileAndDirectoryCount != want.FileAndDirectoryCount || got.Quota != want.Quota ||
			got.SpaceConsumed != want.SpaceConsumed || got.SpaceQuota != want.SpaceQuota {
			h.t.Fatalf("%s: %+v, want %+v", m.path(), got, want)
		}
	})
}

// TestRandomQuotas runs random histories with quotas: what is refused and what is
// counted is what a model of a few lines says.
func TestRandomQuotas(t *testing.T) {
	const steps = 1500
	for _, limit := range []int{2, 1000} { // trees that are counted in steps, and at once
		for seed := range uint64(10) {
			t.Run(fmt.Sprintf("seed=%d,limit=%d", seed, limit), func(t *testing.T) {
				defer namespace.CountInSteps(limit)()
				h := &history{t: t, s: newScenario(t, stores["memory"](t)), rng: rand.New(rand.NewPCG(seed, 3)),
					root: newModelDir("", nil), seen: map[string]int{}}
				h.s.run("$ datanode\n", false)
				for i := range steps {
					if i%50 == 0 {
						h.s.run("$ purge\n", false) // what is removed later changes no quota
					}
					h.s.now = h.s.now.Add(1e6)
					h.step()
					h.compare()
				}
				mustCheck(t, h.s.store)
				if h.seen[namesAnswer] < 3 || h.seen[spaceAnswer] < 3 {
					t.Errorf("quotas were hardly in the way: %v", h.seen)
				}
			})
		}
	}
}
