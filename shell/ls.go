package shell

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hopsql/hopsql/client"
)

// lister keeps the widths of columns, which grow from listing to listing.
type lister struct {
	*run
	repl, owner, group, size, ec int
}

func doLs(r *run, args []string) error {
	if len(args) == 0 {
		args = []string{"."}
	}
	l := &lister{run: r, repl: 3, size: 10}
	recursive := r.has("R") && !r.has("d")
	t := &traversal{visit: l.line, recursive: recursive, group: l.heading}
	if !r.has("d") {
		t.argument = func(it *item) error {
			if it.isDir() {
				return r.descend(it, t)
			}
			return r.enter([]*item{it}, nil, t)
		}
	}
	if recursive && !l.ordered() {
		t.batch = 100
		if r.has("C") {
			t.batch = 1
		}
	}
	return r.each(args, t)
}

func (l *lister) ordered() bool { return l.has("t") || l.has("S") || l.has("r") }

// heading prints the head of a listing, sorts it and measures its columns.
func (l *lister) heading(dir *item, items []*item) error {
	if dir != nil && !l.has("R") && len(items) > 0 && !l.has("C") {
		l.printf("Found %d items\n", len(items))
	}
	if dir != nil && (l.ordered() || !l.has("R")) {
		l.sort(items)
	}
	if l.has("C") {
		return nil
	}
	for _, it := range items {
		l.repl = max(l.repl, len(fmt.Sprint(it.info.Replication)))
		l.size = max(l.size, len(fmt.Sprint(it.info.Length)))
		l.owner = max(l.owner, len(it.info.Owner))
		l.group = max(l.group, len(it.info.Group))
		if l.has("e") {
			p, err := l.policy(it)
			if err != nil {
				return err
			}
			l.ec = max(l.ec, len(p))
		}
	}
	return nil
}

// What servers call the erasure coding policy of a file that has none.
const replicated = "Replicated"

// policy is the column of -e; it costs a call for each entry, as in Hadoop.
func (l *lister) policy(it *item) (string, error) {
	s, err := it.fs.ContentSummary(it.path)
	if err != nil {
		return "", err
	}
	if s.ECPolicy == "" && !it.isDir() {
		return replicated, nil
	}
	return s.ECPolicy, nil
}

func (l *lister) sort(items []*item) {
	slices.SortStableFunc(items, func(a, b *item) int {
		n := strings.Compare(a.path, b.path)
		switch {
		case l.has("t"):
			if c := l.time(b.info).Compare(l.time(a.info)); c != 0 {
				n = c
			}
		case l.has("S"):
			if a.info.Length != b.info.Length {
				n = 1
				if a.info.Length > b.info.Length {
					n = -1
				}
			}
		}
		if l.has("r") {
			n = -n
		}
		return n
	})
}

func (l *lister) time(f *client.FileInfo) time.Time {
	if l.has("u") {
		return f.Accessed
	}
	return f.Modified
}

func (l *lister) line(it *item) error {
	text := it.text
	if l.has("q") {
		text = strings.Map(func(c rune) rune {
			if unicode.IsPrint(c) {
				return c
			}
			return '?'
		}, text)
	}
	if l.has("C") {
		l.printf("%s\n", text)
		return nil
	}
	f := it.info
	kind, repl := "-", fmt.Sprint(f.Replication)
	if f.Dir {
		kind, repl = "d", "-"
	} else if f.Link != "" {
		kind = "l"
	}
	mark := " "
	if f.ACL {
		mark = "+"
	}
	ec := ""
	if l.has("e") {
		p, err := l.policy(it)
		if err != nil {
			return err
		}
		ec = column(l.ec, p)
	}
	l.printf("%s%s%s%*s %s%s%s%*s %s %s\n", kind, Permissions(f.Perm), mark, l.repl, repl,
		column(l.owner, f.Owner), column(l.group, f.Group), ec, l.size, l.run.size(f.Length),
		l.time(f).Local().Format("2006-01-02 15:04"), text)
	return nil
}

// column pads to the left edge, with a blank after it; no width, no column.
func column(width int, s string) string {
	if width == 0 {
		return s
	}
	return fmt.Sprintf("%-*s ", width, s)
}

// Permissions writes twelve permission bits as rwxr-xr-t.
func Permissions(p uint32) string {
	b := []byte("rwxrwxrwx")
	for i := range b {
		if p&(1<<(8-i)) == 0 {
			b[i] = '-'
		}
	}
	if p&0o1000 != 0 {
		b[8] = 'T'
		if p&1 != 0 {
			b[8] = 't'
		}
	}
	return string(b)
}
