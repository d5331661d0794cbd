package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWithoutApache runs everything that needs no Java, for a moment, on both stores;
// test/throughput runs the rest.
func TestWithoutApache(t *testing.T) {
	systems, parts := "mariadb,sqlite", "many,one,ls,bare"
	if testing.Short() {
		systems, parts = "sqlite", "many,ls"
	}
	file := filepath.Join(t.TempDir(), "figures.json")
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"-systems", systems, "-only", parts, "-rounds", "1", "-files", "100", "-fanout", "2",
		"-time", "40ms", "-warmup", "10ms", "-json", file}, &out, &errs)
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, errs.String())
	}
	wants := map[string][]string{
		"many": {"hdfs bench, 64 callers: operations a second", "| delete"}, "one": {"hdfs bench, 1 caller: CPU"},
		"ls": {"| " + big}, "bare": {bareTool + ", 32 callers"},
	}
	wanted := 0
	for part := range strings.SplitSeq(parts, ",") {
		for _, want := range wants[part] {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in the output:\n%s", want, out.String())
			}
		}
		wanted += map[string]int{"many": len(manyOps), "one": len(oneOps), "ls": 2, "bare": 2}[part] * (1 + strings.Count(systems, ","))
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Samples) != wanted {
		t.Errorf("%d samples, want %d", len(doc.Samples), wanted)
	}
	for _, s := range doc.Samples {
		if s.Ops == 0 || s.Errors != 0 || s.OpsPerSecond <= 0 || s.Seconds <= 0 || s.Round != 1 {
			t.Errorf("%+v", s)
		}
	}
}

func TestWrongArguments(t *testing.T) {
	for _, args := range [][]string{{"-only", "nothing"}, {"-systems", "oracle"}, {"-threads", "0"}, {"-rounds", "0"}, {"x"}, {"-nonsense"}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%q: exit %d, %q", args, code, errs.String())
		}
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-help"}, &out, &errs); code != 0 || !strings.Contains(errs.String(), "-short") {
		t.Errorf("-help: exit %d, %q", code, errs.String())
	}
}

// TestSteps: every run of NNThroughputBenchmark that takes files over finds those that
// the step before it kept, and nothing is left at the end.
func TestSteps(t *testing.T) {
	for _, threads := range [][]int{{32}, {32, 64}, {1, 8, 64}} {
		kept := ""
		for _, st := range steps(threads) {
			if st.from != kept {
				t.Errorf("%v: %s with %d threads takes the files of %q, the step before kept those of %q", threads, st.op, st.threads, st.from, kept)
			}
			if kept = ""; st.keep {
				kept = st.op
			}
		}
		if kept != "" {
			t.Errorf("%v: the files of %s stay", threads, kept)
		}
		for _, op := range []string{"create", "mkdirs", "open", "fileStatus", "delete", "rename"} {
			for _, n := range threads {
				if !slices.ContainsFunc(steps(threads), func(st step) bool { return st.op == op && st.threads == n }) {
					t.Errorf("%v: no %s with %d threads", threads, op, n)
				}
			}
		}
	}
}
