package linearizable

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A node is a file or a directory of the model.
type node struct {
	dir   bool
	mode  int
	owner string
	id    int64 // of a file, as its creator was told
}

// A tree is a state of the model: nodes by path. It is never changed; text says the
// same in one string, so that states are quick to compare.
type tree struct {
	nodes map[string]node
	text  string
}

// top is the directory of the model that stands for the directory of a history.
const top = ""

func newTree(nodes map[string]node) *tree {
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(nodes)) {
		n := nodes[path]
		fmt.Fprintf(&b, "%s %s\n", cmp.Or(path, "/"), n)
	}
	return &tree{nodes, b.String()}
}

// String is what stat tells of a node, but for a directory's number of children.
func (n node) String() string {
	if n.dir {
		return fmt.Sprintf("d%o %s", n.mode, n.owner)
	}
	return fmt.Sprintf("-%o %s #%d", n.mode, n.owner, n.id)
}

// change returns a tree with fn's changes.
func (t *tree) change(fn func(nodes map[string]node)) *tree {
	nodes := maps.Clone(t.nodes)
	fn(nodes)
	return newTree(nodes)
}

// children are the names in a directory, in order.
func (t *tree) children(dir string) []string {
	var names []string
	for path := range t.nodes {
		if path != top && parent(path) == dir {
			names = append(names, path[len(dir)+1:])
		}
	}
	slices.Sort(names)
	return names
}

// status is what stat tells of a path that exists.
func (t *tree) status(path string) string {
	n := t.nodes[path]
	if n.dir {
		return fmt.Sprintf("%s %d children", n, len(t.children(path)))
	}
	return n.String()
}

func parent(path string) string { return path[:strings.LastIndexByte(path, '/')] }

func base(path string) string { return path[strings.LastIndexByte(path, '/'):] }

func under(path, dir string) bool { return strings.HasPrefix(path, dir+"/") }

// A walk is a path on the tree, as far as it goes.
type walk struct {
	t       *tree
	user    string
	path    string
	found   bool
	blocked bool   // a file is in the way
	deepest string // what exists of the path; a file if found or blocked
}

func (t *tree) walk(user, path string) walk {
	w := walk{t: t, user: user, path: path}
	for i := 1; i < len(path); i++ {
		if path[i] != '/' {
			continue
		}
		if !w.step(path[:i]) {
			return w
		}
	}
	w.found = path == top || w.step(path)
	return w
}

func (w *walk) step(path string) bool {
	if w.t.nodes[w.deepest].dir {
		if _, ok := w.t.nodes[path]; !ok {
			return false
		}
		w.deepest = path
		return true
	}
	w.blocked = true
	return false
}

func (w *walk) target() node { return w.t.nodes[w.path] }

// hasParent reports whether the directory of the last name exists.
func (w *walk) hasParent() bool { return w.path != top && w.t.nodes[parent(w.path)].dir }

// may reports whether the user has all rights of want (4, 2, 1 as in a mode) on path.
func (w *walk) may(path string, want int) bool {
	n := w.t.nodes[path]
	shift := 0
	if n.owner == w.user {
		shift = 6
	}
	return w.user == superuser || n.mode>>shift&want == want
}

// enter returns the error of a path that the user may not follow.
func (w *walk) enter(creating bool) string {
	for dir := w.path; dir != top; {
		dir = parent(dir)
		if w.t.nodes[dir].dir && len(dir) <= len(w.deepest) && !w.may(dir, 1) {
			return denied
		}
	}
	switch {
	case !w.blocked:
		return ok
	case creating:
		return notDirectory
	}
	return denied
}

// mayAdd reports whether the user may write to the deepest directory of the path
// above its last name.
func (w *walk) mayAdd() bool {
	dir := w.deepest
	if dir == w.path && dir != top {
		dir = parent(dir)
	}
	return w.may(dir, 2)
}

// mayTake reports whether the user may take the last name out of its directory.
func (w *walk) mayTake() bool { return !w.hasParent() || w.may(parent(w.path), 2) }
