package limits

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/process"
)

// onSmallDisk makes a command line run in a mount namespace of its own in which
// dir is a file system of that many MB, empty at first, after the commands in
// setup. The test itself sees the folder as it was.
func onSmallDisk(dir string, megabytes int, setup string, args []string) []string {
	script := fmt.Sprintf(`mount -t tmpfs -o size=%dm tmpfs "$1" || exit; dir=$1; shift; %s exec "$@"`, megabytes, setup)
	line := []string{"unshare", "-m"}
	if os.Geteuid() != 0 {
		line = []string{"unshare", "-Urm"}
	}
	return append(append(line, "sh", "-c", script, "sh", dir), args...)
}

// grow changes the size of that file system.
func grow(t *testing.T, p *process.Process, dir string, megabytes int) {
	t.Helper()
	args := []string{"nsenter", "-m", "-t", fmt.Sprint(p.PID())}
	if os.Geteuid() != 0 {
		args = append(args, "-U", "--preserve-credentials")
	}
	args = append(args, "mount", "-o", fmt.Sprintf("remount,size=%dm", megabytes), dir)
	process.Run(t, process.Spec{Name: "grow the disk", Args: args}, "").OK(t)
}

// TestFullDiskUnderSQLite fills the disk of the database: writers get an error
// that says so, readers go on, nothing is lost, and with room writing goes on.
func TestFullDiskUnderSQLite(t *testing.T) {
	disk := t.TempDir()
	c := cluster.New(t, cluster.Options{StoreURL: "sqlite://" + filepath.Join(disk, "namespace.db")})
	c.Wrap = func(_ string, args []string) []string {
		return onSmallDisk(disk, 6, `"$1" namenode -format -force -nonInteractive || exit;`, args)
	}
	c.StartNameNode(t)
	made := 0
	var last process.Result
	for ; made < 100_000; made += 100 {
		args := []string{"dfs", "-mkdir", "-p"}
		for i := range 100 {
			args = append(args, fmt.Sprintf("/%s/%d", strings.Repeat("n", 200), made+i))
		}
		if last = c.HDFS(t, args...); last.Exit != 0 {
			break
		}
	}
	if last.Exit == 0 {
		t.Fatalf("%d directories went into 6 MB", made)
	}
	if words := strings.ToLower(last.Stderr); !strings.Contains(words, "full") && !strings.Contains(words, "no space") {
		t.Errorf("the error does not say that the disk is full:\n%.1000s", last.Stderr)
	}
	if c.NameNode().Ended() {
		t.Fatalf("the NameNode ended:\n%s", c.NameNode().Tail())
	}
	count := func() int {
		var dirs int
		out := c.HDFS(t, "dfs", "-count", "/").OK(t)
		if _, err := fmt.Sscan(out, &dirs); err != nil {
			t.Fatal(err)
		}
		return dirs
	}
	before := count()
	if before < made {
		t.Errorf("%d directories are there, %d were answered", before, made)
	}
	grow(t, c.NameNode(), disk, 64)
	c.HDFS(t, "dfs", "-mkdir", "/more").OK(t)
	if after := count(); after != before+1 {
		t.Errorf("%d directories with room again, want %d", after, before+1)
	}
}

// TestFullDiskUnderDataNode writes more than fits: the writer gets an error, what
// was there stays readable, and what is removed makes room again.
func TestFullDiskUnderDataNode(t *testing.T) {
	c := cluster.New(t, cluster.Options{DataNodes: 1, Conf: map[string]string{"dfs.blocksize": "4194304", "dfs.datanode.du.reserved": "0"}})
	disk := c.DataDir(0)
	if err := os.MkdirAll(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	c.Wrap = func(name string, args []string) []string {
		if name == "namenode" {
			return args
		}
		return onSmallDisk(disk, 48, "", args)
	}
	c.Format(t)
	c.StartNameNode(t)
	c.StartDataNode(t, 0)
	c.WaitDataNodes(t, 1)
	local := filepath.Join(t.TempDir(), "local")
	write := func(megabytes int) string {
		data := strings.Repeat(fmt.Sprintf("%07d\n", megabytes), megabytes<<17)
		if err := os.WriteFile(local, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		return data
	}
	small := write(8)
	c.HDFS(t, "dfs", "-put", local, "/small").OK(t)
	write(100)
	r := c.HDFS(t, "dfs", "-put", local, "/large")
	if r.Exit != 1 || r.Stderr == "" {
		t.Errorf("-put of 100 MB on a disk of 48 MB: exit %d, %q", r.Exit, r.Stderr)
	}
	if strings.Contains(r.Stderr, "goroutine ") {
		t.Errorf("a stack trace: %s", r.Stderr)
	}
	if got := c.HDFS(t, "dfs", "-cat", "/small").OK(t); got != small {
		t.Errorf("what was there before has %d bytes now, want %d", len(got), len(small))
	}
	if c.DataNode(0).Ended() {
		t.Fatalf("the DataNode ended:\n%s", c.DataNode(0).Tail())
	}
	c.HDFS(t, "dfs", "-rm", "-skipTrash", "-f", "/large", "/large._COPYING_").OK(t)
	data := write(16)
	deadline := time.Now().Add(time.Minute)
	for c.HDFS(t, "dfs", "-put", "-f", local, "/again").Exit != 0 {
		if time.Now().After(deadline) {
			t.Fatal("a minute after the removal there is still no room")
		}
		time.Sleep(time.Second)
	}
	if got := c.HDFS(t, "dfs", "-cat", "/again").OK(t); got != data {
		t.Errorf("%d bytes came back, want %d", len(got), len(data))
	}
}
