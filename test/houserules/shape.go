package houserules

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"path"
	"slices"
	"strings"
)

// The caps on sizes.
const (
	maxFileLines        = 1000
	maxFunctionLines    = 100
	maxInterfaceMethods = 6
)

// emptyNames say nothing of what a package or file does.
var emptyNames = []string{"util", "utils", "common", "helper", "helpers", "impl", "manager", "misc"}

// fileSize caps the lines of a file.
func fileSize(files []*file) (bad []string) {
	for _, f := range files {
		if f.syntax == nil || f.generated() {
			continue
		}
		if n := bytes.Count(f.data, []byte("\n")); n > maxFileLines {
			bad = append(bad, fmt.Sprintf("%s: %d lines, more than %d", f.path, n, maxFileLines))
		}
	}
	return bad
}

// functionSize caps the lines of a function, literals within it included.
func functionSize(files []*file) (bad []string) {
	for _, f := range files {
		if f.syntax == nil || f.generated() {
			continue
		}
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := f.line(fn.End()) - f.line(fn.Pos()) + 1; n > maxFunctionLines {
				bad = append(bad, fmt.Sprintf("%s:%d: function %s has %d lines, more than %d", f.path, f.line(fn.Pos()), fn.Name.Name, n, maxFunctionLines))
			}
		}
	}
	return bad
}

// interfaceSize caps the methods that an interface declares. What it embeds is
// declared elsewhere: a database driver's connection is nine small interfaces.
func interfaceSize(files []*file) (bad []string) {
	for _, f := range files {
		if f.syntax == nil || f.generated() {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			t, ok := n.(*ast.InterfaceType)
			if !ok {
				return true
			}
			methods := 0
			for _, m := range t.Methods.List {
				methods += len(m.Names)
			}
			if methods > maxInterfaceMethods {
				bad = append(bad, fmt.Sprintf("%s:%d: an interface of %d methods, more than %d", f.path, f.line(t.Pos()), methods, maxInterfaceMethods))
			}
			return true
		})
	}
	return bad
}

// packageComments wants a comment of some substance on every package.
func packageComments(files []*file) (bad []string) {
	documented := map[string]bool{} // folder → has a comment
	for _, f := range files {
		if f.syntax == nil {
			continue
		}
		has := f.syntax.Doc != nil && len(strings.Fields(f.syntax.Doc.Text())) >= 6
		documented[f.dir()] = documented[f.dir()] || has || f.generated()
	}
	for dir, ok := range documented {
		if !ok && path.Base(dir) != "testdata" {
			bad = append(bad, fmt.Sprintf("%s: no package comment that says what the package promises", dir))
		}
	}
	slices.Sort(bad)
	return bad
}

// names forbids names of packages and files that say nothing.
func names(files []*file) (bad []string) {
	for _, f := range files {
		if f.syntax == nil {
			continue
		}
		base := strings.TrimSuffix(strings.TrimSuffix(path.Base(f.path), ".go"), "_test")
		if slices.Contains(emptyNames, base) {
			bad = append(bad, fmt.Sprintf("%s: a file called %q says nothing of what it holds", f.path, base))
		}
		if pkg := strings.TrimSuffix(f.syntax.Name.Name, "_test"); slices.Contains(emptyNames, pkg) {
			bad = append(bad, fmt.Sprintf("%s: a package called %q says nothing of what it does", f.path, pkg))
		}
	}
	return bad
}

// formatted wants every file as gofmt leaves it.
func formatted(files []*file) (bad []string) {
	for _, f := range files {
		if f.syntax == nil {
			continue
		}
		if want, err := format.Source(f.data); err != nil || !bytes.Equal(want, f.data) {
			bad = append(bad, f.path+": not as gofmt leaves it")
		}
	}
	return bad
}
