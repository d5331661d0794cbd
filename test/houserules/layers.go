package houserules

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// layer says what a package and those below it must not import. The names are
// folders of this project, or packages of others.
type layer struct {
	pkg    string
	forbid []string
	except []string // importing folder → imported one, allowed all the same
}

// layers are the rules of docs/architecture.md: imports go downwards only. They
// hold for the code of a package; its tests may reach further.
var layers = []layer{
	{"hadoop", []string{"namenode", "txn", "dal", "schema", "migrations", "datanode", "client", "cmd"}, nil},
	{"schema", []string{"namenode", "txn", "dal", "migrations", "hadoop", "datanode", "client", "cmd"}, nil},
	{"dal", []string{"namenode", "txn", "hadoop", "datanode", "client", "cmd"}, []string{"dal/open → hadoop/conf"}},
	{"migrations", []string{"namenode", "txn", "hadoop", "datanode", "client", "cmd"}, nil},
	{"txn", []string{"namenode", "hadoop", "datanode", "client", "cmd", "dal/sqlstore", "dal/memstore", "database/sql"}, nil},
	{"namenode/namespace", []string{"database/sql", "dal/sqlstore", "dal/memstore", "hadoop/rpc", "hadoop/protocols", "namenode/rpc"}, nil},
	{"namenode/blocks", []string{"database/sql", "dal/sqlstore", "dal/memstore", "hadoop/rpc", "hadoop/protocols", "namenode/rpc"}, nil},
	{"namenode/rpc", []string{"database/sql", "dal/sqlstore"}, nil},
	{"namenode", []string{"datanode", "client", "cmd"}, nil},
	{"datanode", []string{"namenode", "txn", "dal", "schema", "migrations", "client", "cmd", "database/sql"}, nil},
	{"client", []string{"namenode", "txn", "dal", "schema", "migrations", "datanode", "cmd", "database/sql"}, nil},
}

// openers may import dal/sqlstore: they choose the store of a process.
var openers = []string{"namenode", "cmd", "testkit"}

// within says whether an import path is pkg or below it.
func within(importPath, pkg string) bool {
	return importPath == pkg || strings.HasPrefix(importPath, pkg+"/")
}

// imports checks the layers.
func imports(files []*file) (bad []string) {
	for _, f := range files {
		if f.isTest() {
			continue
		}
		for _, imported := range f.imports() {
			short := strings.TrimPrefix(imported, Module+"/")
			for _, l := range layers {
				if !within(f.dir(), l.pkg) {
					continue
				}
				for _, no := range l.forbid {
					if within(short, no) && !slices.Contains(l.except, f.dir()+" → "+short) {
						bad = append(bad, fmt.Sprintf("%s: %s must not import %s", f.path, l.pkg, short))
					}
				}
			}
			if short == "dal/sqlstore" && !opensStores(f.dir()) {
				bad = append(bad, fmt.Sprintf("%s: dal/sqlstore is chosen by the NameNode process and the commands, nobody else", f.path))
			}
		}
	}
	return bad
}

func opensStores(dir string) bool {
	for _, o := range openers {
		// The namenode package itself, but none of the rules below it.
		if dir == o || (o != "namenode" && within(dir, o)) {
			return true
		}
	}
	return within(dir, "dal") || within(dir, "test")
}

// embedded wants every migration to match a go:embed line of its package, or
// one of a folder above it.
func embedded(files []*file) (bad []string) {
	var patterns []string
	for _, f := range files {
		if f.syntax == nil {
			continue
		}
		for line := range strings.Lines(string(f.data)) {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "//go:embed "); ok {
				for _, p := range strings.Fields(rest) {
					patterns = append(patterns, path.Join(f.dir(), p))
				}
			}
		}
	}
	for _, f := range files {
		if path.Ext(f.path) != ".sql" || !within(f.path, "migrations") {
			continue
		}
		if !matches(patterns, f.path) {
			bad = append(bad, f.path+": this migration is not embedded in the binary")
		}
	}
	return bad
}

// matches says whether a pattern names the file or a folder that it is in.
func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		for at := name; at != "."; at = path.Dir(at) {
			if ok, _ := path.Match(p, at); ok {
				return true
			}
		}
	}
	return false
}
