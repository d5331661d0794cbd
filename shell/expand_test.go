package shell

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestExpand(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"d1", "d2", "e"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	f := Local(dir)
	for word, want := range map[string][]string{
		"d*": {dir + "/d1", dir + "/d2"}, f.URI() + dir + "/{e,d2}": {dir + "/d2", dir + "/e"},
		"missing": {dir + "/missing"}, dir + "/e": {dir + "/e"},
	} {
		if got, err := Expand(f, word); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q %v, want %q", word, got, err, want)
		}
	}
	for _, word := range []string{"x*", "hdfs://elsewhere/d1", ""} {
		if got, err := Expand(f, word); err == nil {
			t.Errorf("%s: %q", word, got)
		}
	}
}
