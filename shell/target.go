package shell

import (
	"errors"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/hopsql/hopsql/client"
)

// name is a path as the user wrote it, taken apart by Hadoop's rules: a scheme
// ends at the first colon before any slash, an authority stands between two
// slashes and the next one, the rest is the path with nothing escaped.
type name struct {
	scheme    string
	authority string
	path      string
	hasAuth   bool
}

func parseName(s string) (name, error) {
	if s == "" {
		return name{}, badUsage("Can not create a Path from an empty string")
	}
	var n name
	rest := s
	if colon, slash := strings.IndexByte(s, ':'), strings.IndexByte(s, '/'); colon >= 0 && (slash < 0 || colon < slash) {
		n.scheme, rest = s[:colon], s[colon+1:]
	}
	if strings.HasPrefix(rest, "//") && len(rest) > 2 {
		n.authority, rest, _ = cutSlash(rest[2:])
		n.hasAuth = n.authority != ""
	}
	n.path = rest
	if n.scheme != "" && !strings.HasPrefix(rest, "/") && rest != "" {
		return name{}, badUsage("java.net.URISyntaxException: Relative path in absolute URI: " + s)
	}
	return n, nil
}

func cutSlash(s string) (before, after string, found bool) {
	if i := strings.IndexByte(s, '/'); i >= 0 {
		return s[:i], s[i:], true
	}
	return s, "", false
}

// prefix is what stands before the path when a name is shown again.
func (n name) prefix() string {
	switch {
	case n.scheme == "":
		return ""
	case n.hasAuth || n.scheme != "file":
		return n.scheme + "://" + n.authority
	default:
		return n.scheme + "://"
	}
}

// item is one path that a verb works on, with what was found there.
type item struct {
	fs   FileSystem
	path string           // absolute
	text string           // as shown to the user
	info *client.FileInfo // nil: nothing has that name
}

func (it *item) String() string { return it.text }
func (it *item) exists() bool   { return it.info != nil }
func (it *item) isDir() bool    { return it.info != nil && it.info.Dir }
func (it *item) isFile() bool   { return it.info != nil && !it.info.Dir && it.info.Link == "" }
func (it *item) base() string   { return path.Base(it.path) }

// full is the path with its file system: hdfs://host:port/path.
func (it *item) full() string { return it.fs.URI() + it.path }

// looksLikeDir says that the user ended the path with a slash.
func (it *item) looksLikeDir() bool { return strings.HasSuffix(it.text, "/") }

// child is an entry of the directory it; info may be nil.
func (it *item) child(base string, info *client.FileInfo) *item {
	text := base
	if it.text != "." {
		text = strings.TrimSuffix(it.text, "/") + "/" + base
	}
	return &item{fs: it.fs, path: path.Join(it.path, base), text: text, info: info}
}

// find is child with a look at what is there.
func (it *item) find(base string) (*item, error) {
	c := it.child(base, nil)
	return c, c.refresh()
}

// refresh looks again at what is there; nothing is no error.
func (it *item) refresh() error {
	info, err := it.fs.Stat(it.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		info = nil
	}
	it.info = info
	return nil
}

// parentExists looks for the directory above; a path that ends with a slash is
// one itself.
func (it *item) parentExists() (bool, error) {
	p := &item{fs: it.fs, path: path.Dir(it.path)}
	if it.looksLikeDir() {
		p.path = it.path
	}
	err := p.refresh()
	return p.exists(), err
}

// missingParent is the error of a verb that cannot make it.
func (it *item) missingParent() error {
	return &pathIssue{path: it.text, text: textNotFound, full: it.full()}
}

// fileSystem finds the FileSystem of a name, and its absolute path there.
func (s *Shell) fileSystem(n name) (FileSystem, string, error) {
	f, err := s.open(n)
	if err != nil {
		return nil, "", err
	}
	p := n.path
	if !strings.HasPrefix(p, "/") {
		p = f.Home() + "/" + p
	}
	return f, path.Clean(p), nil
}

func (s *Shell) open(n name) (FileSystem, error) {
	if n.scheme == "" && n.hasAuth {
		return nil, plain(`No FileSystem for scheme "null"`)
	}
	key := ""
	if n.scheme != "" {
		key = n.scheme + "://" + n.authority
	}
	if f, ok := s.systems[key]; ok {
		return f, nil
	}
	f, err := s.Open(key)
	if err != nil {
		return nil, err
	}
	if s.systems == nil {
		s.systems = map[string]FileSystem{}
	}
	s.systems[key] = f
	return f, nil
}

// lookup makes an item of one path as it is written: no pattern in it counts.
func (s *Shell) lookup(arg string) (*item, error) {
	n, err := parseName(arg)
	if err != nil {
		return nil, err
	}
	f, p, err := s.fileSystem(n)
	if err != nil {
		return nil, err
	}
	it := &item{fs: f, path: p, text: arg}
	return it, it.refresh()
}

// lookupLocal makes an item of a path on this machine's disk, which a scheme
// may name but need not.
func (s *Shell) lookupLocal(arg string) (*item, error) {
	n, err := parseName(arg)
	if err != nil {
		return nil, err
	}
	if n.scheme == "" {
		n.scheme, n.hasAuth = "file", false
	}
	f, p, err := s.fileSystem(n)
	if err != nil {
		return nil, err
	}
	it := &item{fs: f, path: p, text: arg}
	return it, it.refresh()
}

// shown is how a path that a pattern found appears: in the form of the pattern.
func shown(n name, f FileSystem, p string, dir bool) string {
	switch {
	case n.scheme != "" && !n.hasAuth:
		return n.prefix() + p
	case n.scheme != "":
		return f.URI() + p
	case strings.HasPrefix(n.path, "/"):
		return p
	default:
		return relative(f.Home(), p, dir)
	}
}

// relative writes p as seen from the directory home, with ".." where needed.
func relative(home, p string, dir bool) string {
	if home == p {
		return "."
	}
	a, b := strings.TrimSuffix(home, "/")+"/", p
	if dir && !strings.HasSuffix(b, "/") {
		b += "/"
	}
	sep := -1
	for i := 0; i < min(len(a), len(b)) && a[i] == b[i]; i++ {
		if a[i] == '/' {
			sep = i
		}
	}
	out := ""
	if sep+1 < len(p) {
		out = p[sep+1:]
	}
	for up := strings.Count(a[min(sep+1, len(a)):], "/"); up > 0; up-- {
		if out == "" {
			out = ".."
		} else {
			out = "../" + out
		}
	}
	return out
}

// sameSystem says whether both are one file system by scheme and host.
func sameSystem(a, b FileSystem) bool {
	x, errX := url.Parse(a.URI())
	y, errY := url.Parse(b.URI())
	return errX == nil && errY == nil && x.Scheme == y.Scheme && x.Hostname() == y.Hostname()
}
