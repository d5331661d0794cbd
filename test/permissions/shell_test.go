package permissions

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/testkit/cluster"
)

// times hides what may differ between two listings of the same files.
var times = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`)

// TestShells sends the same commands through Apache's shell and through this project's,
// each below a folder of its own (@ in testdata/shell.txt), and compares what they print,
// to the byte, and the exit status.
func TestShells(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a JVM")
	}
	data, err := os.ReadFile(filepath.Join("testdata", "shell.txt"))
	if err != nil {
		t.Fatal(err)
	}
	local := filepath.Join(t.TempDir(), "local")
	if err := os.WriteFile(local, []byte("some bytes\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cluster.OnEachStore(t, func(t *testing.T, storeURL string) {
		ours := cluster.Start(t, cluster.Options{StoreURL: storeURL, DataNodes: 1, Conf: settings(nil)})
		stock := ours.Stock(t, nil).Shell(t)
		n := 0
		for line := range strings.Lines(string(data)) {
			n++
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			words := func(home string) []string {
				w := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(line, "@", home), "LOCAL", local))
				for i := range w {
					w[i] = strings.Trim(strings.ReplaceAll(w[i], `\s`, " "), "'")
				}
				return w
			}
			a := stock.DFS(t, words("/stock")...)
			b := ours.HDFS(t, append([]string{"dfs"}, words("/own")...)...)
			show := func(s, home string) string { return times.ReplaceAllString(strings.ReplaceAll(s, home, "@"), "TIME") }
			if a.Exit != b.Exit || show(a.Stdout, "/stock") != show(b.Stdout, "/own") || show(a.Stderr, "/stock") != show(b.Stderr, "/own") {
				t.Errorf("shell.txt:%d: %s\nApache: exit %d\n%s%s\nhere: exit %d\n%s%s", n, line, a.Exit, a.Stdout, a.Stderr, b.Exit, b.Stdout, b.Stderr)
			}
		}
		ours.StopNameNode(t)
		ours.CheckStore(t)
	})
}
