package readme

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/mariadb"
	"github.com/hopsql/hopsql/testkit/process"
)

// TestSeveralNameNodes types the block about several NameNodes, on a MariaDB that
// is configured and formatted as the section before it says. Ports are others, so
// that nothing else on this machine is in the way.
func TestSeveralNameNodes(t *testing.T) {
	run := blocks(read(t, "README.md"), "sh run several")
	if len(run) != 1 {
		t.Fatalf("%d blocks about several NameNodes in README.md", len(run))
	}
	dir := copyTree(t)
	conf := filepath.Join(dir, "conf")
	for _, folder := range []string{conf, filepath.Join(dir, "bin")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(cluster.Binary(t), filepath.Join(dir, "bin", "hdfs")); err != nil {
		t.Fatal(err)
	}
	first, second := fmt.Sprint("127.0.0.1:", process.FreePort(t)), fmt.Sprint("127.0.0.1:", process.FreePort(t))
	site := "<configuration>\n"
	for key, value := range map[string]string{
		"fs.defaultFS": "hdfs://" + first, "dfs.storage.driver.url": strings.ReplaceAll(mariadb.Database(t), "&", "&amp;"),
		"dfs.namenode.http-address": fmt.Sprint("127.0.0.1:", process.FreePort(t)), "hadoop.tmp.dir": dir,
	} {
		site += "<property><name>" + key + "</name><value>" + value + "</value></property>\n"
	}
	if err := os.WriteFile(filepath.Join(conf, "core-site.xml"), []byte(site+"</configuration>\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	block := strings.ReplaceAll(run[0], "127.0.0.1:8021", second)
	block = strings.ReplaceAll(block, "127.0.0.1:9871", fmt.Sprint("127.0.0.1:", process.FreePort(t)))
	// A reader takes longer than the next heartbeats of NameNodes.
	const ask = "\nbin/hdfs namenodes"
	wait := func(line string, n int) string {
		return fmt.Sprintf("\nuntil test $(%s | wc -l) = %d; do sleep 0.1; done\n%s\n", line, n, line)
	}
	block = strings.Replace(block, ask+" -fs hdfs://"+second+"\n", wait("bin/hdfs namenodes -fs hdfs://"+second, 1), 1)
	block = strings.Replace(block, ask+"\n", wait("bin/hdfs namenodes", 2), 1)
	env := []string{"HADOOP_HOME=", "HADOOP_CONF_DIR=" + conf, "HADOOP_PID_DIR=" + dir, "HADOOP_LOG_DIR=" + dir, "HADOOP_USER_NAME=", "HADOOP_IDENT_STRING="}
	process.Run(t, process.Spec{Name: "format", Args: []string{"bin/hdfs", "namenode", "-format", "-nonInteractive"}, Dir: dir, Env: env}, "").OK(t)

	r := process.Run(t, process.Spec{Name: "README.md", Args: []string{"bash", "-c", "set -euo pipefail\n" + block}, Dir: dir, Env: env}, "")
	if r.Exit != 0 { // Whatever was left running must not stay.
		stop := "scripts/stop-nn.sh; HADOOP_IDENT_STRING=second scripts/stop-nn.sh"
		process.Run(t, process.Spec{Name: "stop", Args: []string{"bash", "-c", stop}, Dir: dir, Env: env}, "")
	}
	out := r.OK(t)
	// Both with the first one leading, then the second one alone.
	for address, times := range map[string]int{"\t" + first + "\t": 1, "\t" + second + "\t": 2, "/several\n": 1} {
		if n := strings.Count(out, address); n != times {
			t.Errorf("%q is %d times in the output, want %d:\n%s", address, n, times, out)
		}
	}
}
