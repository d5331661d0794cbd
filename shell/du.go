package shell

import (
	"fmt"
	"strings"
)

// table is rows of cells; columns are as wide as their widest cell.
type table struct {
	title []string
	rows  [][]string
	right bool // all columns but the first are aligned at their right
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// String is empty for a table without rows.
func (t *table) String() string {
	if len(t.rows) == 0 {
		return ""
	}
	all := t.rows
	if t.title != nil {
		all = append([][]string{t.title}, all...)
	}
	widths := make([]int, len(all[0]))
	for _, row := range all {
		for i, c := range row {
			widths[i] = max(widths[i], len(c))
		}
	}
	var b strings.Builder
	for _, row := range all {
		for i, c := range row {
			switch {
			case t.right && i > 0:
				fmt.Fprintf(&b, "  %*s", widths[i], c)
			case i == len(row)-1:
				b.WriteString("  " + c)
			case i == 0:
				fmt.Fprintf(&b, "%-*s", widths[i], c)
			default:
				fmt.Fprintf(&b, "  %-*s", widths[i], c)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func doDu(r *run, args []string) error {
	if len(args) == 0 {
		args = []string{"."}
	}
	tab := &table{}
	if r.has("v") {
		tab.title = []string{"SIZE", "DISK_SPACE_CONSUMED_WITH_ALL_REPLICAS", "FULL_PATH_NAME"}
	}
	t := &traversal{visit: func(it *item) error {
		s, err := it.fs.ContentSummary(it.path)
		if err != nil {
			return err
		}
		length, space := s.Length, s.Space
		if r.has("x") {
			length, space = length-s.SnapshotLength, space-s.SnapshotSpace
		}
		tab.add(r.size(length), r.size(space), it.text)
		return nil
	}}
	t.argument = func(it *item) error {
		if it.isDir() && !r.has("s") {
			return r.descend(it, t)
		}
		return r.enter([]*item{it}, nil, t)
	}
	err := r.each(args, t)
	r.printf("%s", tab)
	return err
}

func doDf(r *run, args []string) error {
	if len(args) == 0 {
		args = []string{"/"}
	}
	tab := &table{title: []string{"Filesystem", "Size", "Used", "Available", "Use%"}, right: true}
	err := r.each(args, &traversal{visit: func(it *item) error {
		s, err := it.fs.StatFS(it.path)
		if err != nil {
			return err
		}
		uri := it.fs.URI()
		if uri == "file://" {
			uri = "file:///"
		}
		tab.add(uri, r.size(s.Capacity), r.size(s.Used), r.size(s.Remaining), percent(s.Used, s.Capacity, 0))
		return nil
	}})
	r.printf("%s", tab)
	return err
}
