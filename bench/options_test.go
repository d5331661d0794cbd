package bench

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func valid() Options { return Options{NameNodes: []string{"nn:8020"}, Ops: []string{"stat"}} }

func TestDefaults(t *testing.T) {
	o := valid()
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	if o.Dir != "/bench" || o.Callers != 64 || o.Connections != 8 || o.Count != 20000 || o.Files != 20000 || o.Depth != 4 || o.Fanout != 16 {
		t.Errorf("defaults %+v", o)
	}
	o = valid()
	o.Time, o.Callers, o.NameNodes = time.Second, 2, []string{"a:1", "b:2"}
	if err := o.Check(); err != nil || o.Count != 0 || o.Files != 20000 || o.Connections != 2 {
		t.Errorf("with a time and few callers: %+v, %v", o, err)
	}
}

func TestBadOptions(t *testing.T) {
	for _, c := range []struct {
		change func(*Options)
		word   string // of the complaint
	}{
		{func(o *Options) { o.NameNodes = nil }, "NameNode"},
		{func(o *Options) { o.Ops = nil }, "mkdir, create"},
		{func(o *Options) { o.Ops = []string{"stat", "fly"} }, `"fly"`},
		{func(o *Options) { o.Ops = []string{"write"} }, "datanodes"},
		{func(o *Options) { o.Ops, o.Mix = []string{"mix"}, Mix{"write": 1} }, "datanodes"},
		{func(o *Options) { o.Ops, o.Mix = []string{"mix"}, Mix{"mix": 1} }, "mix"},
		{func(o *Options) { o.Dir = "bench" }, `"bench"`},
		{func(o *Options) { o.Dir = "/" }, `"/"`},
		{func(o *Options) { o.Dir = "/a/../b" }, `"/a/../b"`},
		{func(o *Options) { o.Dir, o.Depth = "/a/b/c", 3 }, "depth"},
		{func(o *Options) { o.Callers = -1 }, "callers"},
		{func(o *Options) { o.Connections = -1 }, "connections"},
		{func(o *Options) { o.Count = -1 }, "count"},
		{func(o *Options) { o.Time = -1 }, "time"},
		{func(o *Options) { o.WarmupTime = -1 }, "warmup"},
		{func(o *Options) { o.WarmupCount = -1 }, "warmup"},
		{func(o *Options) { o.Fanout = -1 }, "fanout"},
		{func(o *Options) { o.Files = -1 }, "files"},
		{func(o *Options) { o.Processes = []Process{{"nn", 1 << 30}} }, "process 1073741824"},
		{func(o *Options) { o.DataNodes = -1 }, "datanodes"},
	} {
		o := valid()
		c.change(&o)
		if err := o.Check(); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("want a complaint about %s, got %v", c.word, err)
		}
	}
}
