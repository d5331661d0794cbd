package hadoop

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStockServers shows that the kit itself works, with Apache's own NameNode
// and DataNode in the place of ours.
func TestStockServers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts four JVMs")
	}
	nn := StartNameNode(t, t.TempDir(), nil)
	StartDataNode(t, t.TempDir(), nn.FS(), nil)
	sh := NewClient(t, nn.FS(), map[string]string{"dfs.replication": "1"}).Shell(t)
	want := bytes.Repeat([]byte("some bytes\x00\xff\n"), 1000)
	local := filepath.Join(t.TempDir(), "local")
	if err := os.WriteFile(local, want, 0o644); err != nil {
		t.Fatal(err)
	}
	sh.DFS(t, "-mkdir", "-p", "/d 1/ü").OK(t)
	sh.DFS(t, "-put", local, "/d 1/ü/f").OK(t)
	if got := sh.DFS(t, "-cat", "/d 1/ü/f").OK(t); got != string(want) {
		t.Errorf("cat gave %d bytes, put had %d", len(got), len(want))
	}
	if ls := sh.DFS(t, "-ls", "/d 1/ü").OK(t); !strings.Contains(ls, "Found 1 items") {
		t.Errorf("ls: %s", ls)
	}
	if r := sh.DFS(t, "-cat", "/missing"); r.Exit != 1 || r.Stderr != "cat: `/missing': No such file or directory\n" {
		t.Errorf("cat of a missing file: exit %d, %q", r.Exit, r.Stderr)
	}
	if r := sh.DFS(t, "-nonsense"); r.Exit != 255 {
		t.Errorf("unknown verb: exit %d, want 255", r.Exit)
	}
	if out := sh.Admin(t, "-report").OK(t); !strings.Contains(out, "Live datanodes (1)") {
		t.Errorf("report: %s", out)
	}
}

func TestConfGoesWhereHadoopLooks(t *testing.T) {
	dir := t.TempDir()
	WriteConf(t, dir, map[string]string{"fs.defaultFS": "hdfs://h:1", "dfs.replication": "2", "dfs.x": "<&>"})
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if core := read("core-site.xml"); !strings.Contains(core, "<name>fs.defaultFS</name>") || strings.Contains(core, "dfs.replication") {
		t.Errorf("core-site.xml:\n%s", core)
	}
	if hdfs := read("hdfs-site.xml"); !strings.Contains(hdfs, "<name>dfs.replication</name>") || !strings.Contains(hdfs, "&lt;&amp;&gt;") {
		t.Errorf("hdfs-site.xml:\n%s", hdfs)
	}
}
