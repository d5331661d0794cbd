package shell_test

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/shell"
	"github.com/hopsql/hopsql/shell/shelltest"
)

var (
	rewrite = flag.Bool("rewrite", false, "write the answers into testdata instead of comparing")
	against = flag.String("namenode", "", "host:port of an empty HDFS to use instead of the one in memory")
)

// The answers in testdata were given by the shell of Apache Hadoop 3.4.3 on a
// stock NameNode.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			s := &shelltest.Scenario{FS: fileSystem(t), Rewrite: *rewrite}
			s.Run(t, f)
		})
	}
}

func fileSystem(t *testing.T) shell.FileSystem {
	if *against == "" {
		return shelltest.NewFake()
	}
	c, err := client.New(conf.New(map[string]string{"dfs.replication": "1"}), client.WithURI("hdfs://"+*against), client.WithUser("root"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	f := shell.HDFS(c)
	for info, err := range f.List("/") {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Delete(info.Path, true); err != nil {
			t.Fatal(err)
		}
	}
	return f
}
