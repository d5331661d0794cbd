package bulk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/bulk"
	"github.com/hopsql/hopsql/testkit/cluster"
)

// TestFill: what is made passes the check of the store, can be listed, and new ids
// do not meet it.
func TestFill(t *testing.T) {
	const dirs, files = 3, 500
	cluster.OnEachStore(t, func(t *testing.T, storeURL string) {
		c := cluster.New(t, cluster.Options{StoreURL: storeURL, Conf: map[string]string{"dfs.namenode.safemode.threshold-pct": "0"}})
		c.Format(t)
		l, err := bulk.Open(c.StoreURL)
		if err != nil {
			t.Fatal(err)
		}
		for _, blocks := range []bool{false, true} {
			tree := bulk.Tree{Blocks: blocks, Directories: []bulk.Directory{{Name: fmt.Sprintf("top-%v", blocks), Parent: -1}}}
			for d := range dirs {
				tree.Directories = append(tree.Directories, bulk.Directory{Name: fmt.Sprintf("d%d", d), Parent: 0, Files: func() []string {
					names := []string{"with\ttab", `back\slash`, "line\nfeed", "ü"}
					for i := range files - len(names) {
						names = append(names, fmt.Sprintf("f%d", i))
					}
					return names
				}})
			}
			began := time.Now()
			n, err := l.Fill(t.Context(), tree)
			if err != nil {
				t.Fatal(err)
			}
			if n != dirs*files {
				t.Errorf("%d files made, want %d", n, dirs*files)
			}
			t.Logf("%d files in %v", n, time.Since(began).Round(time.Millisecond))
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		c.CheckStore(t)
		c.StartNameNode(t)
		for _, top := range []string{"/top-false", "/top-true"} {
			var gotDirs, gotFiles, length int
			out := c.HDFS(t, "dfs", "-count", top).OK(t)
			if _, err := fmt.Sscan(out, &gotDirs, &gotFiles, &length); err != nil {
				t.Fatal(err)
			}
			if gotDirs != dirs+1 || gotFiles != dirs*files || (length > 0) != (top == "/top-true") {
				t.Errorf("%s has %d directories and %d files of %d bytes", top, gotDirs, gotFiles, length)
			}
		}
		c.HDFS(t, "dfs", "-test", "-e", "/top-true/d1/with\ttab").OK(t)
		c.HDFS(t, "dfs", "-mkdir", "-p", "/top-true/d1/new").OK(t)
		c.HDFS(t, "dfs", "-touchz", "/top-true/d1/new/file").OK(t)
		c.StopNameNode(t)
		c.CheckStore(t)
	})
}
