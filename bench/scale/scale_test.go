package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/bench"
)

// TestAllParts runs every part with few files and for a moment.
func TestAllParts(t *testing.T) {
	parts, stores := allParts, allStores
	if testing.Short() {
		parts, stores = []string{partStart, partSizes, partSubtree}, []string{"sqlite"}
	}
	file := filepath.Join(t.TempDir(), "figures.json")
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"-only", strings.Join(parts, ","), "-stores", strings.Join(stores, ","), "-rounds", "1", "-files", "200", "-time", "20ms", "-warmup", "5ms", "-sizes", "10,2000", "-entries", "10,2500",
		"-moved", "10,100", "-depths", "2,10", "-nodes", "1,2", "-json", file}, &out, &errs)
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, errs.String())
	}
	wants := map[string]string{
		partStart: "SQLite: start and memory", partSizes: "SQLite, by number of files", partDepth: "MariaDB, by depth, 64 callers",
		partDirectories: "2,500 entries", partNameNodes: "MariaDB, by number of NameNodes", partSubtree: "| rm -r",
	}
	for _, part := range parts {
		if !strings.Contains(out.String(), wants[part]) {
			t.Errorf("no %q in the output:\n%s", wants[part], out.String())
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		if part == partStart || part == partSubtree {
			continue
		}
		if doc.Parts[part] == nil {
			t.Errorf("no samples of %s", part)
			continue
		}
		for _, s := range doc.Parts[part].Samples {
			if s.Ops == 0 || s.Errors != 0 {
				t.Errorf("%s: %+v", part, s)
			}
		}
	}
	if len(doc.Starts) != 2*len(stores) || len(doc.Moves) != 2*len(stores)*copies*(moves+1) {
		t.Errorf("%d starts and %d moves", len(doc.Starts), len(doc.Moves))
	}
}

// TestGrown: what is made in bulk has the paths that the driver asks for.
func TestGrown(t *testing.T) {
	for _, tree := range []bench.Tree{treeOf(5000), {Dir: "/a/b", Depth: 3, Fanout: 1, Hot: true}, {Dir: "/x", Depth: 10, Fanout: 3}} {
		const files = 5000
		have := map[string]bool{}
		rows := grown(tree, files)
		paths := make([]string, len(rows.Directories))
		for i, d := range rows.Directories {
			if d.Parent >= i {
				t.Fatalf("%s is before its parent", d.Name)
			}
			if d.Parent >= 0 {
				paths[i] = paths[d.Parent]
			}
			paths[i] += "/" + d.Name
			if d.Files != nil {
				for _, name := range d.Files() {
					have[paths[i]+"/"+name] = true
				}
			}
		}
		if len(have) != files {
			t.Errorf("%+v: %d files", tree, len(have))
		}
		for i := range int64(files) {
			if !have[tree.Path(i)] {
				t.Fatalf("%+v: no %s", tree, tree.Path(i))
			}
		}
	}
}

func TestWrongArguments(t *testing.T) {
	for _, args := range [][]string{{"-only", "nothing"}, {"-stores", "oracle"}, {"-sizes", "many"}, {"-depths", "0"}, {"-rounds", "0"}, {"x"}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%q: exit %d, %q", args, code, errs.String())
		}
	}
}
