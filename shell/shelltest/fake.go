// Package shelltest runs the shell's verbs as text files say: commands, and
// what they print. It has a small file system in memory for that, and takes any
// other shell.FileSystem as well.
//
// It knows the words of the shell's answers no better than the files do.
package shelltest

import (
	"errors"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/shell"
)

const (
	fakeUser  = "root"
	fakeGroup = "supergroup"
	umask     = 0o022
	rootQuota = 1<<63 - 1
)

// Fake is an HDFS in memory with the answers of a NameNode for the everyday
// calls. It has one user, who may do everything.
type Fake struct {
	mu    sync.Mutex
	nodes map[string]*node
}

type node struct {
	info client.FileInfo
	data []byte
}

var _ shell.FileSystem = (*Fake)(nil)

// NewFake is an empty file system.
func NewFake() *Fake {
	f := &Fake{nodes: map[string]*node{}}
	f.put("/", &node{info: client.FileInfo{Path: "/", Dir: true, Perm: 0o755}})
	return f
}

func (f *Fake) put(p string, n *node) {
	n.info.Path, n.info.Owner, n.info.Group, n.info.Modified = p, fakeUser, fakeGroup, time.Now()
	if n.info.Accessed.IsZero() {
		n.info.Accessed = time.UnixMilli(0)
	}
	f.nodes[p] = n
}

// remote is an error as a NameNode sends it, of a kind.
func remote(class, text string, kind error) error {
	return errors.Join(&rpc.Exception{Class: class, Message: text}, kind)
}

func notFound(p string) error {
	return remote("java.io.FileNotFoundException", "File does not exist: "+p, fs.ErrNotExist)
}

// parents fails if a file stands on the way to p.
func (f *Fake) parents(p string) error {
	for d := path.Dir(p); ; d = path.Dir(d) {
		if n := f.nodes[d]; n != nil {
			if !n.info.Dir {
				return remote("org.apache.hadoop.fs.ParentNotDirectoryException", d+" (is not a directory)", client.ErrNotDir)
			}
			return nil
		}
	}
}

// URI is fixed.
func (f *Fake) URI() string { return "hdfs://fake:8020" }

// Home is the directory of the one user.
func (f *Fake) Home() string { return "/user/" + fakeUser }

// User is the one user.
func (f *Fake) User() string { return fakeUser }

// Stat describes a name.
func (f *Fake) Stat(p string) (*client.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.nodes[p]
	if n == nil {
		return nil, &fs.PathError{Op: "stat", Path: p, Err: fs.ErrNotExist}
	}
	info := n.info
	return &info, nil
}

// List yields the entries of a directory.
func (f *Fake) List(p string) iter.Seq2[*client.FileInfo, error] {
	return func(yield func(*client.FileInfo, error) bool) {
		st, err := f.Stat(p)
		if err != nil || !st.Dir {
			yield(st, err)
			return
		}
		for _, c := range f.below(p, false) {
			info, err := f.Stat(c)
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// below lists the paths in p, or all that are below it.
func (f *Fake) below(p string, deep bool) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	prefix := strings.TrimSuffix(p, "/") + "/"
	var out []string
	for c := range f.nodes {
		if rest, ok := strings.CutPrefix(c, prefix); ok && rest != "" && (deep || !strings.Contains(rest, "/")) {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	return out
}

// MkdirAll makes directories.
func (f *Fake) MkdirAll(p string, perm fs.FileMode) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mkdirAll(p, perm)
}

func (f *Fake) mkdirAll(p string, perm fs.FileMode) error {
	if n := f.nodes[p]; n != nil {
		if !n.info.Dir {
			return remote("org.apache.hadoop.fs.FileAlreadyExistsException", p+" is not a directory", fs.ErrExist)
		}
		return nil
	}
	if err := f.parents(p); err != nil {
		return err
	}
	for d := p; f.nodes[d] == nil; d = path.Dir(d) {
		f.put(d, &node{info: client.FileInfo{Dir: true, Perm: uint32(perm.Perm()) &^ umask}})
	}
	return nil
}

// Delete removes a name.
func (f *Fake) Delete(p string, recursive bool) (bool, error) {
	below := f.below(p, true)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes[p] == nil || p == "/" {
		return false, nil
	}
	if len(below) > 0 && !recursive {
		return false, remote("org.apache.hadoop.fs.PathIsNotEmptyDirectoryException", p+" is non empty': Directory is not empty", client.ErrNotEmpty)
	}
	for _, c := range append(below, p) {
		delete(f.nodes, c)
	}
	return true, nil
}

// Move renames as the older call does.
func (f *Fake) Move(from, to string) (bool, error) {
	err := f.Rename(from, to, client.NoReplace)
	return err == nil, nil
}

// Rename renames.
func (f *Fake) Rename(from, to string, mode client.RenameMode) error {
	below := f.below(from, true)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.nodes[from] == nil:
		return notFound(from)
	case f.nodes[to] != nil && mode != client.Replace:
		return remote("org.apache.hadoop.fs.FileAlreadyExistsException", "rename destination "+to+" already exists", fs.ErrExist)
	case f.nodes[path.Dir(to)] == nil:
		return notFound(path.Dir(to))
	}
	for _, c := range append([]string{from}, below...) {
		n := f.nodes[c]
		delete(f.nodes, c)
		n.info.Path = to + strings.TrimPrefix(c, from)
		f.nodes[n.info.Path] = n
	}
	return nil
}

func (f *Fake) change(p string, do func(n *node)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.nodes[p]
	if n == nil {
		return notFound(p)
	}
	do(n)
	return nil
}

// Chmod sets permissions.
func (f *Fake) Chmod(p string, mode fs.FileMode) error {
	return f.change(p, func(n *node) {
		n.info.Perm = uint32(mode.Perm())
		if mode&fs.ModeSticky != 0 {
			n.info.Perm |= 0o1000
		}
	})
}

// Chown sets owner and group.
func (f *Fake) Chown(p, owner, group string) error {
	return f.change(p, func(n *node) {
		if owner != "" {
			n.info.Owner = owner
		}
		if group != "" {
			n.info.Group = group
		}
	})
}

// Chtimes sets times.
func (f *Fake) Chtimes(p string, atime, mtime time.Time) error {
	return f.change(p, func(n *node) {
		if !atime.IsZero() {
			n.info.Accessed = atime
		}
		if !mtime.IsZero() {
			n.info.Modified = mtime
		}
	})
}

// SetReplication is noted and nothing else.
func (f *Fake) SetReplication(p string, r int) (set bool, err error) {
	err = f.change(p, func(n *node) {
		if set = !n.info.Dir; set {
			n.info.Replication = r
		}
	})
	return set, err
}

// Access allows everything.
func (f *Fake) Access(p string, _ uint32) error { return f.change(p, func(*node) {}) }

// Replicas has as many as were asked for.
func (f *Fake) Replicas(p string) ([]int, error) {
	info, err := f.Stat(p)
	if err != nil {
		return nil, err
	}
	return []int{info.Replication}, nil
}

// StatFS is a terabyte with a quarter of it used.
func (f *Fake) StatFS(string) (*client.FSStat, error) {
	return &client.FSStat{Capacity: 1 << 40, Used: 1 << 38, Remaining: 3 << 38}, nil
}

// TrashInterval leaves it to the client.
func (f *Fake) TrashInterval() (time.Duration, error) { return 0, nil }

// Paths lists everything, for tests that look at the result.
func (f *Fake) Paths() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.nodes))
}
