package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/testkit/process"
)

// without are the tests of colinmarc/hdfs that fail: there are no snapshots.
var without = []string{"TestAllowSnapshot", "TestDeleteSnapshot", "TestDisallowSnapshot", "TestSnapshot"}

// hasty are those that want an answer within a tenth of a second, however busy the
// machine is. They are left out.
const hasty = "Deadline$"

// suiteSize is how many of the others pass. Two more are left out there.
const suiteSize = 116

var verdict = regexp.MustCompile(`(?m)^--- (PASS|FAIL): (\S+)`)

// suite runs the tests that colinmarc/hdfs has for itself, prepared as its
// documentation says.
func (s *system) suite(t *testing.T) {
	const module = "github.com/colinmarc/hdfs/v2"
	command := func(args ...string) process.Spec {
		return process.Spec{Name: strings.Join(args, " "), Args: args, Dir: source("gohdfs")}
	}
	bin := filepath.Join(t.TempDir(), "suite")
	dir := strings.TrimSpace(process.Run(t, command("go", "list", "-m", "-f", "{{.Dir}}", module), "").OK(t))
	process.Run(t, command("go", "test", "-c", "-o", bin, module), "").OK(t)

	s.HDFS(t, "dfs", "-mkdir", "/_test").OK(t)
	s.HDFS(t, "dfs", "-chmod", "777", "/_test").OK(t)
	for _, name := range []string{"foo.txt", "mobydick.txt"} {
		s.HDFS(t, "dfs", "-put", filepath.Join(dir, "testdata", name), "/_test/"+name).OK(t)
	}
	tests := exec.Command(bin, "-test.v", "-test.skip", hasty, "-test.timeout", patience.String())
	tests.Dir, tests.Env = dir, append(os.Environ(), s.environment()...)
	said, _ := tests.CombinedOutput() // what failed is in it
	passed, failed := 0, []string(nil)
	for _, m := range verdict.FindAllStringSubmatch(string(said), -1) {
		if m[1] == "PASS" {
			passed++
		} else {
			failed = append(failed, m[2])
		}
	}
	slices.Sort(failed)
	if passed != suiteSize || !slices.Equal(failed, without) {
		t.Errorf("%d tests pass, want %d, and %q fail, want %q\n%s", passed, suiteSize, failed, without, said)
	}
}
