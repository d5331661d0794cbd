package stock

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/hadoop"
	"github.com/hopsql/hopsql/testkit/process"
)

var record = flag.Bool("record", false, "write what Apache's own NameNode answers into testdata")

const quotaFile = "testdata/quota.txt"

// quotaConf keeps blocks small, so that quotas are small numbers.
var quotaConf = map[string]string{"dfs.blocksize": "1048576", "dfs.replication": "1", "dfs.namenode.fs-limits.min-block-size": "1024"}

// A tools runs dfs, dfsadmin ("admin") and storagepolicies ("sp").
type tools map[string]dfs

func stockTools(c *hadoop.Client, s *hadoop.Shell) tools {
	return tools{"dfs": s.DFS, "admin": s.Admin, "sp": func(tb testing.TB, args ...string) process.Result {
		tb.Helper()
		return c.Run(tb, "org.apache.hadoop.hdfs.tools.StoragePolicyAdmin", args...)
	}}
}

func ownTools(c *cluster.Cluster) tools {
	all := tools{}
	for word, command := range map[string]string{"dfs": "dfs", "admin": "dfsadmin", "sp": "storagepolicies"} {
		all[word] = func(tb testing.TB, args ...string) process.Result {
			tb.Helper()
			return c.HDFS(tb, append([]string{command}, args...)...)
		}
	}
	return all
}

// answers runs the commands of a recording and returns it with fresh answers.
func (ts tools) answers(t *testing.T, recording, local string) string {
	t.Helper()
	var out bytes.Buffer
	for line := range strings.Lines(recording) {
		words := strings.Fields(line)
		if strings.HasPrefix(line, " ") || len(words) == 0 {
			continue
		}
		args := strings.Split(strings.ReplaceAll(strings.Join(words[1:], " "), "LOCAL", local), " ")
		if len(words) == 1 {
			args = nil
		}
		r := ts[words[0]](t, args...)
		fmt.Fprintf(&out, "%s  exit %d\n", line, r.Exit)
		for l := range strings.Lines(r.Stdout + r.Stderr) {
			fmt.Fprintf(&out, "    %s\n", strings.TrimRight(l, "\n"))
		}
	}
	return out.String()
}

// TestQuotas: quotas and storage policies by Apache's tools and by ours do what they
// did with Apache's NameNode, word by word.
func TestQuotas(t *testing.T) {
	data, err := os.ReadFile(quotaFile)
	if err != nil {
		t.Fatal(err)
	}
	local := filepath.Join(t.TempDir(), "local")
	if err := os.WriteFile(local, bytes.Repeat([]byte("x"), 1277), 0o644); err != nil {
		t.Fatal(err)
	}
	if *record {
		nn := hadoop.StartNameNode(t, t.TempDir(), quotaConf)
		hadoop.StartDataNode(t, t.TempDir(), nn.FS(), nil)
		c := hadoop.NewClient(t, nn.FS(), quotaConf)
		if err := os.WriteFile(quotaFile, []byte(stockTools(c, c.Shell(t)).answers(t, string(data), local)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	cluster.OnEachStore(t, func(t *testing.T, storeURL string) {
		start := func(t *testing.T) *cluster.Cluster {
			return cluster.Start(t, cluster.Options{StoreURL: storeURL, DataNodes: 1, Conf: quotaConf})
		}
		t.Run("stock", func(t *testing.T) {
			c := start(t).Stock(t, quotaConf)
			sameLines(t, stockTools(c, c.Shell(t)).answers(t, string(data), local), string(data))
		})
		t.Run("own", func(t *testing.T) {
			sameLines(t, ownTools(start(t)).answers(t, string(data), local), string(data))
		})
	})
}

// sameLines shows the lines of a recording that differ, below their commands.
func sameLines(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	command, wrong := "", 0
	for i, j := 0, 0; i < len(g) && j < len(w); i, j = i+1, j+1 {
		if !strings.HasPrefix(g[i], " ") {
			command = g[i]
		}
		if g[i] == w[j] {
			continue
		}
		if wrong++; wrong > 20 {
			t.Fatal("and more")
		}
		t.Errorf("%s\n got %s\nwant %s", command, g[i], w[j])
		for i+1 < len(g) && strings.HasPrefix(g[i+1], " ") {
			i++
		}
		for j+1 < len(w) && strings.HasPrefix(w[j+1], " ") {
			j++
		}
	}
}
