// Package bench runs `hdfs bench` for a short time against a NameNode on each
// store: every operation must be done as often as asked, without an error. How
// long it takes is nobody's business here.
package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/bench"
	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/mariadb"
	"github.com/hopsql/hopsql/testkit/process"
)

// report is what is read of -json.
type report struct {
	NameNode string `json:"namenode"`
	Options  struct {
		Callers int                `json:"callers"`
		Mix     map[string]float64 `json:"mix"`
	} `json:"options"`
	Results []result `json:"results"`
}

type result struct {
	Op         string             `json:"op"`
	Callers    int                `json:"callers"`
	Ops        int64              `json:"ops"`
	Errors     int64              `json:"errors"`
	FirstError string             `json:"firstError"`
	Seconds    float64            `json:"seconds"`
	PerSecond  float64            `json:"opsPerSecond"`
	Latency    map[string]float64 `json:"latencyMicros"`
	CPU        map[string]float64 `json:"cpuMicrosPerOp"`
	RSS        map[string]int64   `json:"rssBytes"`
	Mix        []struct {
		Op  string `json:"op"`
		Ops int64  `json:"ops"`
	} `json:"mix"`
}

// measure runs hdfs bench and returns its report, in which no call failed.
func measure(t *testing.T, c *cluster.Cluster, args ...string) report {
	t.Helper()
	var r report
	out := c.HDFS(t, append([]string{"bench", "-json", "-", "-callers", "16", "-fanout", "4"}, args...)...).OK(t)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	for _, x := range r.Results {
		if x.Errors != 0 || x.FirstError != "" {
			t.Errorf("%s: %d errors, the first: %s", x.Op, x.Errors, x.FirstError)
		}
		l := x.Latency
		if x.Callers != 16 || x.Seconds <= 0 || x.PerSecond <= 0 || l["p50"] <= 0 || l["p99"] < l["p50"] || l["p999"] < l["p99"] || l["max"] < l["p999"] || x.CPU["driver"] <= 0 {
			t.Errorf("figures that cannot be: %+v", x)
		}
	}
	return r
}

// ops are the operations of a report with their calls.
func (r report) ops() (s []string) {
	for _, x := range r.Results {
		s = append(s, fmt.Sprintf("%s %d", x.Op, x.Ops))
	}
	return s
}

func TestBench(t *testing.T) {
	cluster.OnEachStore(t, func(t *testing.T, storeURL string) {
		c := cluster.Start(t, cluster.Options{StoreURL: storeURL})
		t.Run("every operation", func(t *testing.T) { everyOperation(t, c) })
		t.Run("shapes", func(t *testing.T) { shapes(t, c) })
		t.Run("existing tree", func(t *testing.T) { existing(t, c) })
		t.Run("wrong use", func(t *testing.T) { wrongUse(t, c) })
		if c.SQLite() { // once is enough
			t.Run("example", func(t *testing.T) { example(t, c) })
		}
		c.StopNameNode(t)
		c.CheckStore(t)
	})
}

// TestSeveralNameNodes: callers are spread over those of fs.defaultFS, and all of
// them know the simulated DataNodes.
func TestSeveralNameNodes(t *testing.T) {
	c := cluster.Start(t, cluster.Options{StoreURL: mariadb.Database(t), NameNodes: 2})
	r := measure(t, c, "-count", "100", "-datanodes", "2", "create", "write", "open", "mix", "delete")
	if r.NameNode != c.AddressAt(0)+","+c.AddressAt(1) {
		t.Errorf("the load was put on %s", r.NameNode)
	}
	if want := []string{"create 100", "write 100", "open 100", "mix 100", "delete 100"}; !slices.Equal(r.ops(), want) {
		t.Errorf("operations %v, want %v", r.ops(), want)
	}
}

func everyOperation(t *testing.T, c *cluster.Cluster) {
	names := bench.OpNames()
	args := []string{"-count", "150", "-files", "100", "-warmup", "20", "-datanodes", "3", "-pid", fmt.Sprintf("namenode=%d", c.NameNode().PID())}
	r := measure(t, c, append(args, names...)...)
	var want []string
	for _, name := range names {
		want = append(want, name+" 150")
	}
	if !slices.Equal(r.ops(), want) {
		t.Errorf("operations %v, want %v", r.ops(), want)
	}
	if r.NameNode != c.Address || r.Options.Callers != 16 || r.Options.Mix["open"] != 68.73 {
		t.Errorf("NameNode %s, options %+v", r.NameNode, r.Options)
	}
	for _, x := range r.Results {
		if x.RSS["namenode"] < 1<<20 {
			t.Errorf("%s: the NameNode has %d bytes", x.Op, x.RSS["namenode"])
		}
		if x.Op != "mix" {
			continue
		}
		sum := int64(0)
		for _, part := range x.Mix {
			sum += part.Ops
		}
		if sum != 150 || len(x.Mix) < 10 {
			t.Errorf("the mix is %v", x.Mix)
		}
	}
	if found := c.HDFS(t, "dfs", "-ls", "/").OK(t); strings.Contains(found, "bench") {
		t.Errorf("the tree is still there:\n%s", found)
	}
}

func shapes(t *testing.T, c *cluster.Cluster) {
	for _, args := range [][]string{
		{"-hot", "-depth", "2", "-count", "40", "-files", "1100", "ls"}, // more than a page of a listing
		{"-zipf", "-depth", "9", "-time", "200ms", "-warmup", "50ms", "-files", "100", "-mix", "stat=5,create=1,delete=3,rename=1", "mix"},
		{"-dir", "/a/deep/place", "-depth", "5", "-count", "40", "-files", "10", "-connections", "1", "rename", "rename", "delete", "open"},
	} {
		r := measure(t, c, args...)
		for _, x := range r.Results {
			if timed := slices.Contains(args, "-time"); x.Ops == 0 || !timed && x.Ops != 40 {
				t.Errorf("%v: %s done %d times", args, x.Op, x.Ops)
			}
		}
	}
}

// existing: a tree that was there is as it was.
func existing(t *testing.T, c *cluster.Cluster) {
	measure(t, c, "-dir", "/kept", "-keep", "-count", "200", "create")
	names := func() string { return c.HDFS(t, "dfs", "-ls", "-R", "-C", "/kept").OK(t) }
	before := names()
	if strings.Count(before, "/f") != 200 {
		t.Fatalf("%d files of 200 are kept", strings.Count(before, "/f"))
	}
	r := measure(t, c, "-dir", "/kept", "-existing", "-files", "200", "-count", "50", "mkdir", "create", "stat", "rename", "delete", "chmod", "mix", "create")
	if len(r.Results) != 8 {
		t.Errorf("operations %v", r.ops())
	}
	if after := names(); after != before {
		t.Errorf("the tree was changed: it has %d entries, had %d", strings.Count(after, "\n"), strings.Count(before, "\n"))
	}
}

func wrongUse(t *testing.T, c *cluster.Cluster) {
	for _, w := range []struct {
		exit int
		says string // on standard error
		args []string
	}{
		{1, "/kept exists", []string{"-dir", "/kept", "stat"}},
		{1, "getFileInfo", []string{"-dir", "/kept", "-existing", "-files", "5000", "stat"}},
		{255, "no operation is named", nil},
		{255, `"fly"`, []string{"fly"}},
		{255, "-unknown", []string{"-unknown", "stat"}},
		{255, "-count", []string{"-count", "many", "stat"}},
		{255, "NAME=PID", []string{"-pid", "77", "stat"}},
		{255, "datanodes", []string{"write"}},
		{255, "no process 999999999", []string{"-pid", "x=999999999", "stat"}},
		{1, "Connection refused", []string{"-namenode", "127.0.0.1:1", "stat"}},
	} {
		r := c.HDFS(t, append([]string{"bench"}, w.args...)...)
		if r.Exit != w.exit || !strings.Contains(r.Stderr, w.says) || strings.Count(r.Stderr, "\n") != 1 {
			t.Errorf("hdfs bench %v: exit %d, want %d and %q; standard error:\n%s", w.args, r.Exit, w.exit, w.says, r.Stderr)
		}
	}
	help := c.HDFS(t, "bench", "-help").OK(t)
	for _, word := range append(bench.OpNames(), "-callers", "-datanodes", "Exit codes") {
		if !strings.Contains(help, word) {
			t.Errorf("-help does not tell of %s", word)
		}
	}
}

// example types what docs/operations.md shows.
func example(t *testing.T, c *cluster.Cluster) {
	text, err := os.ReadFile(filepath.Join(cluster.Root(), "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```sh bench\n(.*?)^```$").FindAllSubmatch(text, -1)
	if len(blocks) == 0 {
		t.Fatal("no example in docs/operations.md")
	}
	for _, b := range blocks {
		out := process.Run(t, process.Spec{
			Name: "the example", Dir: t.TempDir(), Args: []string{"bash", "-eu", "-c", string(b[1])},
			Env: []string{
				"HADOOP_CONF_DIR=" + c.Conf, "PATH=" + filepath.Dir(c.Binary()) + ":" + os.Getenv("PATH"),
				fmt.Sprintf("NAMENODE_PID=%d", c.NameNode().PID()),
			},
		}, "").OK(t)
		if !strings.Contains(out, "ops/s") || strings.Count(out, "\n") < 4 {
			t.Errorf("the example printed\n%s", out)
		}
	}
}
