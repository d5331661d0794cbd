package apache

import (
	_ "embed"
	"strings"
	"testing"
)

//go:embed exceptions.txt
var exceptionsText string

// exceptions are the tests that may fail: "suite name" → the reason.
func exceptions(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	reason := ""
	for line := range strings.Lines(exceptionsText) {
		line = strings.TrimSpace(line)
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "= "):
			reason = strings.TrimPrefix(line, "= ")
		default:
			if reason == "" || found[line] != "" {
				t.Errorf("exceptions.txt: %q has no reason, or two", line)
			}
			found[line] = reason
		}
	}
	return found
}

// judge fails the test when the results and the exceptions differ. by is put
// before the names of the suites in the list.
func judge(t *testing.T, by string, results []result) {
	t.Helper()
	listed := exceptions(t)
	passed, skipped, excused := 0, 0, 0
	perSuite := map[string][2]int{}
	for _, r := range results {
		name := by + r.suite + " " + r.name
		count := perSuite[r.suite]
		count[1]++
		switch reason := listed[name]; {
		case r.outcome == "skip":
			skipped++
		case r.outcome == "pass" && reason != "":
			t.Errorf("passes and is listed as an exception: %s (%s)", name, reason)
		case r.outcome == "pass":
			passed++
			count[0]++
		case reason != "":
			excused++
		default:
			t.Errorf("fails: %s\n%.1500s", name, r.detail)
		}
		perSuite[r.suite] = count
	}
	for suite, count := range perSuite {
		t.Logf("%-45s %3d of %3d", by+suite, count[0], count[1])
	}
	t.Logf("%d tests: %d passed, %d skipped by Apache, %d listed exceptions", len(results), passed, skipped, excused)
}

// allListedRan fails the test when an exception names a test that did not run.
func allListedRan(t *testing.T, results map[string]bool) {
	t.Helper()
	for name := range exceptions(t) {
		if !results[name] {
			t.Errorf("exceptions.txt lists a test that there is not: %s", name)
		}
	}
}
