package apache

import (
	"bufio"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/hadoop"
)

// result is how one test of a suite ended.
type result struct {
	suite, name string
	outcome     string // pass, fail or skip
	detail      string // of what is no pass
}

// patience is how long the suites of one JVM may take: many times what they do.
const patience = 20 * time.Minute

// compile compiles what is in java/ and returns the folder of the classes.
func compile(t *testing.T) string {
	t.Helper()
	var sources []string
	root := filepath.Join(cluster.Root(), "test", "apache", "java")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(name, ".java") {
			sources = append(sources, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	lib, err := hadoop.LibDir()
	if err != nil {
		t.Fatal(err)
	}
	classes := t.TempDir()
	args := append([]string{"-nowarn", "-d", classes, "-cp", filepath.Join(lib, "*")}, sources...)
	if out, err := exec.Command("javac", args...).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v (scripts/test.sh installs what is missing)\n%s", err, out)
	}
	return classes
}

// resources is a copy of the suites' resources: some cases write beside them.
func resources(t *testing.T) string {
	t.Helper()
	lib, err := hadoop.LibDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "resources")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(lib, "resources"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// run runs suites in a JVM and returns how their tests ended. The command-line
// cases run by the program, "" for Apache's own.
func (s *system) run(t *testing.T, classes, program string, suites []string) []result {
	t.Helper()
	files := resources(t)
	args := append([]string{files, program, strconv.Itoa(s.replicas)}, suites...)
	// Our classes come before Apache's of the same name.
	path := strings.Join([]string{classes, s.Conf, files}, ":")
	line, err := hadoop.Command(path, "1g", "hopsql.Suites", args...)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(s.Dir, "suites.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+s.Conf, "HADOOP_HOME=")
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	var results []result
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		words := strings.Split(lines.Text(), " ")
		for i, w := range words {
			if words[i], err = url.QueryUnescape(w); err != nil {
				t.Errorf("the suites said %q: %v", lines.Text(), err)
			}
		}
		switch {
		case words[0] == "configure":
			s.configure(t, keysOf(words[1:]))
			fmt.Fprintln(in, "done")
		case words[0] == "restart":
			s.restart(t)
			fmt.Fprintln(in, "done")
		case words[0] == "result" && len(words) == 5:
			results = append(results, result{words[1], words[2], words[3], words[4]})
		default:
			t.Errorf("the suites said %q", lines.Text())
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the JVM of the suites: %v\n%s", err, tail(log.Name()))
	}
	return results
}

func keysOf(words []string) map[string]string {
	keys := map[string]string{}
	for _, w := range words {
		if name, value, ok := strings.Cut(w, "="); ok {
			keys[name] = value
		}
	}
	return keys
}

func tail(name string) string {
	data, _ := os.ReadFile(name)
	return string(data[max(0, len(data)-4000):])
}
