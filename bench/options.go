package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Options say what to run. Zero values mean the default in brackets.
type Options struct {
	NameNodes   []string // host:port; callers are spread over them
	Ops         []string // run one after another
	Dir         string   // root of the tree [/bench]
	Callers     int      // calls in progress at a time [64]
	Connections int      // all together [one for 8 callers]

	Count int64         // calls of each operation [20000, or no bound if Time is set]
	Time  time.Duration // how long each operation runs [no bound]
	// Calls in front of each operation that do not count: so many, or for so long
	// but no more than a quarter of Count. [none]
	WarmupCount int64
	WarmupTime  time.Duration

	Depth  int   // components of the path of a file [4]
	Fanout int   // directories in a directory, at the last two levels [16]
	Files  int64 // files there are for operations that need some [Count, or 20000]
	Hot    bool  // everything is in one directory
	Zipf   bool  // 3 % of the files get 80 % of the accesses

	Mix       Mix       // of the operation mix [Industrial]
	DataNodes int       // simulated DataNodes to register [none]
	Processes []Process // whose CPU is told
	Existing  bool      // the tree is there with its Files, made elsewhere or by a run with Keep; it stays
	Clean     bool      // what lies at Dir goes first
	Keep      bool      // the tree stays
	Seed      uint64    // of everything random
}

// Process is one whose CPU time is told, under a name.
type Process struct {
	Name string
	PID  int
}

const (
	defaultCount   = 20000
	callersPerConn = 8
)

// ErrOptions is matched by the errors of Check.
var ErrOptions = errors.New("bad option")

var errNoDataNodes = wrong("write needs datanodes: somebody must report its blocks")

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrOptions, fmt.Sprintf(format, args...))
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// Check fills in the defaults. Its errors match ErrOptions, unless /proc cannot be
// read.
func (o *Options) Check() error {
	setDefault(&o.Dir, "/bench")
	setDefault(&o.Callers, 64)
	setDefault(&o.Depth, 4)
	setDefault(&o.Fanout, 16)
	if o.Time == 0 {
		setDefault(&o.Count, defaultCount)
	}
	setDefault(&o.Files, o.Count)
	setDefault(&o.Files, defaultCount)
	setDefault(&o.Connections, max((o.Callers+callersPerConn-1)/callersPerConn, len(o.NameNodes)))
	if o.Mix == nil {
		o.Mix = Industrial(o.DataNodes > 0)
	}
	if err := o.checkNumbers(); err != nil {
		return err
	}
	if len(o.NameNodes) == 0 {
		return wrong("no NameNode is named")
	}
	if !path.IsAbs(o.Dir) || path.Clean(o.Dir) != o.Dir || o.Dir == "/" {
		return wrong("dir %q is no path of a directory below the root", o.Dir)
	}
	if most := o.Depth - 1; components(o.Dir) > most {
		return wrong("files at depth %d do not lie below %s: depth counts every component of a path", o.Depth, o.Dir)
	}
	for _, p := range o.Processes {
		if _, err := CPUTime(p.PID); errors.Is(err, fs.ErrNotExist) {
			return wrong("there is no process %d to be %s", p.PID, p.Name)
		} else if err != nil {
			return err
		}
	}
	return o.checkOps()
}

func (o *Options) checkNumbers() error {
	for _, n := range []struct {
		name  string
		value int64
		least int64
	}{
		{"callers", int64(o.Callers), 1},
		{"connections", int64(o.Connections), 1},
		{"count", o.Count, 0},
		{"time", int64(o.Time), 0},
		{"warmup", min(o.WarmupCount, int64(o.WarmupTime)), 0},
		{"depth", int64(o.Depth), 1},
		{"fanout", int64(o.Fanout), 1},
		{"files", o.Files, 1},
		{"datanodes", int64(o.DataNodes), 0},
	} {
		if n.value < n.least {
			return wrong("%s is %d, the least is %d", n.name, n.value, n.least)
		}
	}
	return nil
}

func (o *Options) checkOps() error {
	if len(o.Ops) == 0 {
		return wrong("no operation is named; there are %s", strings.Join(OpNames(), ", "))
	}
	for _, op := range o.Ops {
		if !slices.Contains(OpNames(), op) {
			return wrong("there is no operation %q, only %s", op, strings.Join(OpNames(), ", "))
		}
		if op == "write" && o.DataNodes == 0 {
			return errNoDataNodes
		}
	}
	if slices.Contains(o.Ops, mixName) {
		return o.Mix.check(o.DataNodes > 0)
	}
	return nil
}

func components(p string) int { return strings.Count(p, "/") }

// optionJSON is how options are told; times are Go's notation.
type optionJSON struct {
	Ops         []string `json:"ops"`
	Dir         string   `json:"dir"`
	Callers     int      `json:"callers"`
	Connections int      `json:"connections"`
	Count       int64    `json:"count,omitempty"`
	Time        string   `json:"time,omitempty"`
	Warmup      string   `json:"warmup,omitempty"`
	Depth       int      `json:"depth"`
	Fanout      int      `json:"fanout"`
	Files       int64    `json:"files"`
	Hot         bool     `json:"hot,omitempty"`
	Zipf        bool     `json:"zipf,omitempty"`
	Mix         Mix      `json:"mix,omitempty"`
	DataNodes   int      `json:"datanodes,omitempty"`
	Existing    bool     `json:"existing,omitempty"`
	Seed        uint64   `json:"seed"`
	Procs       int      `json:"procs"` // cores that the driver uses
}

func (o *Options) json() optionJSON {
	j := optionJSON{
		Ops: o.Ops, Dir: o.Dir, Callers: o.Callers, Connections: o.Connections, Count: o.Count, Depth: o.Depth, Fanout: o.Fanout,
		Files: o.Files, Hot: o.Hot, Zipf: o.Zipf, DataNodes: o.DataNodes, Existing: o.Existing, Seed: o.Seed,
		Procs: runtime.GOMAXPROCS(0),
	}
	if slices.Contains(o.Ops, mixName) {
		j.Mix = o.Mix
	}
	if o.Time > 0 {
		j.Time = o.Time.String()
	}
	switch {
	case o.WarmupTime > 0:
		j.Warmup = o.WarmupTime.String()
	case o.WarmupCount > 0:
		j.Warmup = fmt.Sprint(o.WarmupCount)
	}
	return j
}
