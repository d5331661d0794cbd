// Package readme runs what README.md tells its readers to type, in a copy of the
// tree, and checks that what the documents point to is there.
package readme

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/namenode/rpc"
	"github.com/hopsql/hopsql/testkit/process"
)

const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// blocks are the fenced blocks of a document whose info string is info.
func blocks(text, info string) []string {
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```"+regexp.QuoteMeta(info)+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// copyTree copies the files that git knows, or would take, to a new folder.
func copyTree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "hopsql")
	list := process.Run(t, process.Spec{Name: "git ls-files", Dir: root, Args: []string{"git", "ls-files", "-co", "--exclude-standard"}}, "").OK(t)
	for name := range strings.Lines(list) {
		name = strings.TrimSpace(name)
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil || !info.Mode().IsRegular() {
			continue // removed in the tree, not yet in git
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(read(t, name)), info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// goEnvironment keeps Go's caches where they are when HOME is another folder.
func goEnvironment(t *testing.T) []string {
	t.Helper()
	var env []string
	for _, name := range []string{"GOPATH", "GOMODCACHE", "GOCACHE"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(out)))
	}
	return env
}

// TestRunnableBlocks types the blocks marked with `sh run` one after another into
// one shell, as a reader would.
func TestRunnableBlocks(t *testing.T) {
	run := blocks(read(t, "README.md"), "sh run")
	if len(run) < 2 {
		t.Fatalf("%d runnable blocks in README.md", len(run))
	}
	dir, home := copyTree(t), t.TempDir()
	env := append(goEnvironment(t), "HOME="+home, "HADOOP_HOME=", "HADOOP_CONF_DIR=", "HADOOP_PID_DIR=", "HADOOP_LOG_DIR=", "HADOOP_USER_NAME=")
	script := "set -euo pipefail\n" + strings.Join(run, "\n")
	began := time.Now()
	r := process.Run(t, process.Spec{Name: "README.md", Args: []string{"bash", "-c", script}, Dir: dir, Env: env}, "")
	if r.Exit != 0 {
		// Whatever was left running must not stay.
		stop := "export HADOOP_PID_DIR=~/hopsql-quickstart; scripts/stop-dn.sh; scripts/stop-nn.sh"
		process.Run(t, process.Spec{Name: "stop", Args: []string{"bash", "-c", stop}, Dir: dir, Env: env}, "")
	}
	out := r.OK(t)
	for _, want := range []string{"byte for byte", "/user/alice/docs/architecture.md", "Live datanodes (1)"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in the output:\n%s", want, out)
		}
	}
	t.Logf("done in %v", time.Since(began).Round(time.Second))
}

// TestQuickstartCheck is the first command of the README as a test of itself.
func TestQuickstartCheck(t *testing.T) {
	dir := copyTree(t)
	before := leftovers(t)
	r := process.Run(t, process.Spec{Name: "quickstart --check", Args: []string{"scripts/quickstart.sh", "--check"}, Dir: dir, Env: append(goEnvironment(t), "HOME="+t.TempDir())}, "")
	if out := r.OK(t); !strings.Contains(out, "byte for byte") {
		t.Errorf("no word of success:\n%s", out)
	}
	if after := leftovers(t); len(after) > len(before) {
		t.Errorf("processes left behind: %v", after)
	}
	if !slices.Contains(blocks(read(t, "README.md"), "sh"), "scripts/quickstart.sh\n") || !slices.Contains(blocks(read(t, "README.md"), "sh"), "scripts/test.sh\n") {
		t.Error("README.md does not have its two commands")
	}
}

// leftovers are the servers that run from a copy of the tree.
func leftovers(t *testing.T) []string {
	t.Helper()
	var found []string
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.Contains(target, "TestQuickstartCheck") {
			found = append(found, target)
		}
	}
	return found
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

// TestLinks wants every file that a document points to.
func TestLinks(t *testing.T) {
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range append(documents, filepath.Join(root, "README.md")) {
		data, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(data), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s points to %s: %v", filepath.Base(doc), m[1], err)
			}
		}
	}
}

// TestPathsInDocuments wants every folder of the tree that a document names in
// backquotes to exist.
func TestPathsInDocuments(t *testing.T) {
	path := regexp.MustCompile("`((?:namenode|datanode|client|shell|dal|txn|schema|migrations|hadoop|testkit|test|scripts|docker)(?:/[A-Za-z0-9_.-]+)*)`")
	for _, doc := range []string{"README.md", "docs/architecture.md", "docs/operations.md", "docs/STATUS.md", "docs/performance.md", "docs/divergences.md"} {
		for _, m := range path.FindAllStringSubmatch(read(t, doc), -1) {
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s names %s, which is not there", doc, m[1])
			}
		}
	}
}

// TestDivergencesAreComplete wants every refused call on the page of divergences.
func TestDivergencesAreComplete(t *testing.T) {
	page := read(t, "docs/divergences.md")
	for _, u := range rpc.Unsupported {
		if !strings.Contains(page, "`"+u.Method+"`") {
			t.Errorf("docs/divergences.md does not have %s", u.Method)
		}
	}
	if len(rpc.Unsupported) == 0 {
		t.Error("no refused calls at all?")
	}
}
