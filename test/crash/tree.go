// Package crash ends NameNodes and databases in the middle of their work, over
// and over, and holds what is there afterwards against what was answered: every
// answered operation is there, and one without an answer is there whole or not at
// all.
package crash

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// node is what a worker knows of a file or directory.
type node struct {
	dir  bool
	mode uint32
	open bool   // a file that is being written
	id   uint64 // of a file; not compared
}

func (n node) String() string {
	if n.dir {
		return fmt.Sprintf("directory %o", n.mode)
	}
	return fmt.Sprintf("file %o open=%v", n.mode, n.open)
}

// tree is the part of the file system that one worker changes, by path.
type tree map[string]node

// verb is what an op does.
type verb int

const (
	mkdir verb = iota
	create
	complete
	rename
	remove
	chmod
)

var verbNames = [...]string{"mkdir", "create", "complete", "rename", "delete", "chmod"}

// op is one change of the tree.
type op struct {
	verb verb
	path string
	to   string // rename: the new path
	mode uint32 // mkdir, create, chmod
	id   uint64 // complete
}

func (o op) String() string {
	return fmt.Sprintf("%s %s %s %o", verbNames[o.verb], o.path, o.to, o.mode)
}

func below(path, dir string) bool { return strings.HasPrefix(path, dir+"/") }

// after is the tree once the operation is done; t stays as it is.
func (t tree) after(o op) tree {
	next := maps.Clone(t)
	switch o.verb {
	case mkdir:
		next[o.path] = node{dir: true, mode: o.mode}
	case create:
		next[o.path] = node{mode: o.mode, open: true}
	case complete:
		n := next[o.path]
		n.open = false
		next[o.path] = n
	case chmod:
		n := next[o.path]
		n.mode = o.mode
		next[o.path] = n
	case remove:
		maps.DeleteFunc(next, func(p string, _ node) bool { return p == o.path || below(p, o.path) })
	case rename:
		for p, n := range t {
			if p == o.path || below(p, o.path) {
				delete(next, p)
				next[o.to+strings.TrimPrefix(p, o.path)] = n
			}
		}
	}
	return next
}

// differences lists where two trees differ, at most ten places.
func (t tree) differences(other tree) []string {
	var list []string
	paths := maps.Clone(t)
	maps.Copy(paths, other)
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		a, inA := t[p]
		b, inB := other[p]
		a.id, b.id = 0, 0
		switch {
		case inA && !inB:
			list = append(list, fmt.Sprintf("%s is missing (%v)", p, a))
		case !inA && inB:
			list = append(list, fmt.Sprintf("%s is there (%v) and should not be", p, b))
		case a != b:
			list = append(list, fmt.Sprintf("%s is %v, should be %v", p, b, a))
		}
	}
	if len(list) > 10 {
		list = append(list[:10], fmt.Sprintf("… and %d more", len(list)-10))
	}
	return list
}
