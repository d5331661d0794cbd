package bench

import (
	"strings"
	"testing"
)

func TestTreeShapes(t *testing.T) {
	for _, c := range []struct {
		tree   Tree
		leaves int64
		path   string // of file 19
	}{
		{Tree{Dir: "/b", Depth: 2, Fanout: 4}, 1, "/b/f19"},
		{Tree{Dir: "/b", Depth: 3, Fanout: 4}, 4, "/b/d3/f19"},
		{Tree{Dir: "/b", Depth: 4, Fanout: 4}, 16, "/b/d0/d3/f19"},
		{Tree{Dir: "/b", Depth: 7, Fanout: 3}, 9, "/b/d0/d0/d0/d0/d1/f19"},
		{Tree{Dir: "/b/c", Depth: 4, Fanout: 5}, 5, "/b/c/d4/f19"},
		{Tree{Dir: "/b", Depth: 4, Fanout: 4, Hot: true}, 1, "/b/d0/d0/f19"},
	} {
		if got := c.tree.Path(19); c.tree.Leaves() != c.leaves || got != c.path || strings.Count(got, "/") != c.tree.Depth {
			t.Errorf("%+v: %d leaves and %s, want %d and %s", c.tree, c.tree.Leaves(), got, c.leaves, c.path)
		}
		paths := map[string]bool{}
		for i := range 3 * c.leaves {
			paths[c.tree.Path(i)] = true
			leaf := string(c.tree.AppendLeaf(nil, i%c.leaves))
			if !strings.HasPrefix(c.tree.Path(i), leaf+"/") {
				t.Errorf("%s does not lie in leaf %s", c.tree.Path(i), leaf)
			}
		}
		if len(paths) != int(3*c.leaves) {
			t.Errorf("%+v: %d files have %d paths", c.tree, 3*c.leaves, len(paths))
		}
	}
}
