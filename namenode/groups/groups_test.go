package groups

import (
	"errors"
	"os/user"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hopsql/hopsql/hadoop/conf"
)

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); c.t = c.t.Add(d); c.mu.Unlock() }

func TestCacheAndRefresh(t *testing.T) {
	var asked atomic.Int64
	c := &clock{t: time.Unix(0, 0)}
	m := New(Config{Now: c.now, Lookup: func(u string) ([]string, error) {
		n := asked.Add(1)
		if u == "nobody" {
			return nil, errors.New("unknown")
		}
		return []string{u, string(rune('a' + n))}, nil
	}})
	if g := m.Of("x"); !slices.Equal(g, []string{"x", "b"}) {
		t.Fatalf("groups %q", g)
	}
	c.pass(299 * time.Second)
	if m.Of("x"); asked.Load() != 1 {
		t.Fatalf("asked %d times within the time to live", asked.Load())
	}
	c.pass(2 * time.Second)
	if g := m.Of("x"); !slices.Equal(g, []string{"x", "b"}) {
		t.Fatalf("an old answer is given while the new one comes, got %q", g)
	}
	for m.Of("x")[1] != "c" {
		time.Sleep(time.Millisecond)
	}
	m.Refresh()
	if g := m.Of("x"); g[1] != "d" {
		t.Fatalf("after Refresh %q", g)
	}
	if g := m.Of("nobody"); len(g) != 0 {
		t.Fatalf("unknown user has %q", g)
	}
	n := asked.Load()
	if m.Of("nobody"); asked.Load() != n {
		t.Fatal("an unknown user is asked for again at once")
	}
	c.pass(31 * time.Second)
	m.Of("nobody")
	for asked.Load() == n {
		time.Sleep(time.Millisecond)
	}
}

func TestManyAskAtOnce(t *testing.T) {
	var asked atomic.Int64
	gate := make(chan struct{})
	m := New(Config{Lookup: func(string) ([]string, error) {
		asked.Add(1)
		<-gate
		return []string{"g"}, nil
	}})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if g := m.Of("u"); !slices.Equal(g, []string{"g"}) {
				t.Errorf("groups %q", g)
			}
		})
	}
	time.Sleep(10 * time.Millisecond)
	close(gate)
	wg.Wait()
	if asked.Load() != 1 {
		t.Errorf("looked up %d times", asked.Load())
	}
}

func TestStatic(t *testing.T) {
	static, err := parseStatic("dr.who=; bob = a, b ;")
	if err != nil {
		t.Fatal(err)
	}
	m := New(Config{Static: static, Lookup: func(u string) ([]string, error) { return []string{"system"}, nil }})
	for u, want := range map[string][]string{"dr.who": nil, "bob": {"a", "b"}, "eve": {"system"}} {
		if g := m.Of(u); !slices.Equal(g, want) {
			t.Errorf("%s has %q, want %q", u, g, want)
		}
	}
	for _, bad := range []string{"bob", "=a", "a=b=c"} {
		if _, err := parseStatic(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestOfTheSystem(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	primary, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := FromConf(conf.New(nil))
	if err != nil {
		t.Fatal(err)
	}
	m := New(cfg)
	if g := m.Of(me.Username); len(g) == 0 || g[0] != primary.Name {
		t.Errorf("%s is in %q, want %q first", me.Username, g, primary.Name)
	}
	if g := m.Of("no-such-user-xyz"); len(g) != 0 {
		t.Errorf("an unknown user is in %q", g)
	}
}
