package linearizable

import (
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/hopsql/hopsql/namenode/fault"
)

// superuser is asked for no rights.
const superuser = "root"

// Outcomes of calls: kinds of errors, and the answers that are none.
const (
	ok           = ""
	no           = "false" // the answer of delete and of the old rename
	absent       = "null"  // the answer of stat and ls
	denied       = string(fault.AccessDenied)
	notDirectory = string(fault.ParentNotDirectory)
	notFound     = string(fault.NotFound)
	exists       = string(fault.Exists)
	notEmpty     = string(fault.NotEmpty)
	beingCreated = string(fault.BeingCreated)
	failed       = string(fault.IO)
)

// A call is what a client asks for.
type call struct {
	op      string
	user    string
	path    string
	dst     string // mv, move
	mode    int    // mkdirs, create, chmod
	owner   string // chown
	force   bool   // rm: recursive; move, create: overwrite
	parents bool   // create: make them
}

func (c call) String() string {
	s := fmt.Sprintf("%s: %s %s", c.user, c.op, c.path)
	if c.dst != "" {
		s += " " + c.dst
	}
	if c.mode != 0 {
		s += fmt.Sprintf(" %o", c.mode)
	}
	if c.owner != "" {
		s += " " + c.owner
	}
	if c.force {
		s += " force"
	}
	if c.parents {
		s += " parents"
	}
	return s
}

// An answer is what came of a call.
type answer struct {
	outcome string // ok, no, absent or the kind of an error
	text    string // of stat and ls
	id      int64  // of a created file
}

func (a answer) String() string {
	if a.outcome != ok {
		return a.outcome
	}
	return strings.TrimSpace(fmt.Sprintf("ok %s %d", a.text, a.id))
}

// model is the namespace as one sequence of calls sees it.
var model = porcupine.Model{
	Init: func() any {
		return newTree(map[string]node{top: {dir: true, mode: 0o777, owner: superuser}})
	},
	Step: func(state, input, output any) (bool, any) {
		in, out := input.(call), output.(answer)
		after, want := state.(*tree).do(in, out.id)
		return want == out, after
	},
	Equal: func(a, b any) bool { return a.(*tree).text == b.(*tree).text },
	Hash: func(state any) uint64 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(state.(*tree).text))
		return h.Sum64()
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v → %v", input, output) },
	DescribeState:     func(state any) string { return state.(*tree).text },
}

// do is the tree after a call, and the call's answer. id is that of the file that a
// create makes, which only the NameNode can choose.
func (t *tree) do(c call, id int64) (*tree, answer) {
	w := t.walk(c.user, c.path)
	switch c.op {
	case "stat", "ls", "open":
		return t, w.read(c.op)
	case "mkdirs":
		return w.mkdirs(c)
	case "create":
		return w.create(c, id)
	case "rm":
		return w.remove(c)
	case "mv":
		return w.rename(c)
	case "move":
		return w.move(c)
	case "chmod", "chown":
		return w.attributes(c)
	}
	panic("no such call: " + c.op)
}

func (w walk) read(op string) answer {
	if op == "stat" && w.blocked && w.user == superuser {
		return answer{outcome: absent}
	}
	if op == "open" && !w.blocked && (!w.found || w.target().dir) {
		return answer{outcome: notFound} // whatever the rights on the way
	}
	if e := w.enter(false); e != ok {
		return answer{outcome: e}
	}
	if op == "open" {
		if !w.may(w.path, 4) {
			return answer{outcome: denied}
		}
		return answer{}
	}
	switch {
	case !w.found:
		return answer{outcome: absent}
	case op == "stat":
		return answer{text: w.t.status(w.path)}
	case !w.target().dir:
		return answer{text: "[" + w.t.status(w.path) + "]"}
	case !w.may(w.path, 5):
		return answer{outcome: denied}
	}
	var b strings.Builder
	for _, name := range w.t.children(w.path) {
		fmt.Fprintf(&b, "[%s %s]", name, w.t.status(w.path+"/"+name))
	}
	return answer{text: b.String()}
}

// refuse is a call that changed nothing.
func (w walk) refuse(outcome string) (*tree, answer) { return w.t, answer{outcome: outcome} }

func (w walk) mkdirs(c call) (*tree, answer) {
	if e := w.enter(true); e != ok {
		return w.refuse(e)
	}
	switch {
	case w.found && !w.target().dir:
		return w.refuse(exists)
	case w.found:
		return w.refuse(ok)
	case !w.mayAdd():
		return w.refuse(denied)
	}
	return w.t.change(func(nodes map[string]node) {
		w.makeParents(nodes, c.mode)
		nodes[c.path] = node{dir: true, mode: c.mode, owner: c.user}
	}), answer{}
}

// makeParents makes the missing directories above the last name.
func (w walk) makeParents(nodes map[string]node, mode int) {
	for dir := parent(w.path); dir != w.deepest && under(dir, w.deepest); dir = parent(dir) {
		nodes[dir] = node{dir: true, mode: mode | 0o300, owner: w.user}
	}
}

func (w walk) create(c call, id int64) (*tree, answer) {
	if e := w.enter(true); e != ok {
		return w.refuse(e)
	}
	switch {
	case !w.mayAdd():
		return w.refuse(denied)
	case w.found && w.target().dir:
		return w.refuse(exists)
	case w.found && c.force && !w.may(w.path, 2):
		return w.refuse(denied)
	case !c.parents && !w.hasParent():
		return w.refuse(notFound)
	case w.found && !c.force:
		return w.refuse(beingCreated) // files of histories are never closed
	}
	return w.t.change(func(nodes map[string]node) {
		w.makeParents(nodes, nodes[w.deepest].mode&0o777)
		nodes[c.path] = node{mode: c.mode, owner: c.user, id: id}
	}), answer{id: id}
}

func (w walk) remove(c call) (*tree, answer) {
	if e := w.enter(false); e != ok {
		return w.refuse(e)
	}
	switch {
	case !w.mayTake():
		return w.refuse(denied)
	case !w.found:
		return w.refuse(no)
	case w.target().dir && !c.force && len(w.t.children(c.path)) > 0:
		if !w.may(w.path, 7) {
			return w.refuse(denied)
		}
		return w.refuse(notEmpty)
	}
	return w.t.change(func(nodes map[string]node) {
		for path := range nodes {
			if path == c.path || under(path, c.path) {
				delete(nodes, path)
			}
		}
	}), answer{}
}

// mayRename returns the error of a move that the user has no right to.
func mayRename(from, to walk) string {
	if e := from.enter(false); e != ok {
		return e
	}
	if e := to.enter(true); e != ok {
		return e
	}
	if !from.mayTake() || !to.mayAdd() {
		return denied
	}
	return ok
}

// rename is the old call, which moves into a directory that is there and says false
// where it cannot.
func (w walk) rename(c call) (*tree, answer) {
	to := w.t.walk(c.user, c.dst)
	if to.found && to.target().dir {
		to = w.t.walk(c.user, c.dst+base(c.path))
	}
	if e := mayRename(w, to); e != ok {
		return w.refuse(e)
	}
	switch {
	case !w.found:
		return w.refuse(no)
	case w.path == to.path:
		return w.refuse(ok)
	case to.found || !to.hasParent() || under(to.path, w.path):
		return w.refuse(no)
	}
	return w.moved(to), answer{}
}

// move is the call that may replace a file or an empty directory.
func (w walk) move(c call) (*tree, answer) {
	to := w.t.walk(c.user, c.dst)
	if e := mayRename(w, to); e != ok {
		return w.refuse(e)
	}
	switch {
	case !w.found:
		return w.refuse(notFound)
	case w.path == to.path:
		return w.refuse(exists)
	case under(to.path, w.path):
		return w.refuse(failed)
	case to.found && w.target().dir != to.target().dir:
		return w.refuse(failed)
	case to.found && !c.force:
		return w.refuse(exists)
	case to.found && len(w.t.children(to.path)) > 0:
		return w.refuse(failed)
	case !to.found && !to.hasParent():
		return w.refuse(notFound)
	}
	return w.moved(to), answer{}
}

func (w walk) moved(to walk) *tree {
	return w.t.change(func(nodes map[string]node) {
		for path, n := range w.t.nodes {
			if path == w.path || under(path, w.path) {
				delete(nodes, path)
				nodes[to.path+path[len(w.path):]] = n
			}
		}
	})
}

func (w walk) attributes(c call) (*tree, answer) {
	if e := w.enter(false); e != ok {
		return w.refuse(e)
	}
	switch {
	case !w.found:
		return w.refuse(notFound)
	case c.user != superuser && (c.op == "chown" && c.owner != c.user || c.user != w.target().owner):
		return w.refuse(denied)
	}
	return w.t.change(func(nodes map[string]node) {
		n := nodes[c.path]
		if c.op == "chmod" {
			n.mode = c.mode
		} else {
			n.owner = c.owner
		}
		nodes[c.path] = n
	}), answer{}
}
