package houserules

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rule is one house rule with a file that breaks it.
type rule struct {
	name  string
	check func([]*file) []string
	path  string // of the file that breaks it
	bad   string
	good  string // the same file, mended
}

var rules = []rule{
	{"file size", fileSize, "a/a.go", "package a\n" + strings.Repeat("// x\n", 1000), "package a\n" + strings.Repeat("// x\n", 999)},
	{"function size", functionSize, "a/a.go",
		"package a\n\nfunc f() {\n" + strings.Repeat("\tg()\n", 99) + "}\n", "package a\n\nfunc f() {\n" + strings.Repeat("\tg()\n", 98) + "}\n"},
	{"interface size", interfaceSize, "a/a.go",
		"package a\n\ntype I interface { A(); B(); C(); D(); E(); F(); G() }\n", "package a\n\ntype I interface { A(); B(); C(); D(); E(); F() }\n"},
	{"package comments", packageComments, "a/a.go", "package a\n", "// Package a says in some words what it promises.\npackage a\n"},
	{"file names", names, "a/util.go", "package a\n", ""},
	{"package names", names, "a/a.go", "package helper\n", "package a\n"},
	{"gofmt", formatted, "a/a.go", "package a\nvar  x int\n", "package a\n\nvar x int\n"},
	{"rules know no database", imports, "namenode/namespace/a.go",
		"package namespace\n\nimport _ \"database/sql\"\n", "package namespace\n\nimport _ \"" + Module + "/txn\"\n"},
	{"hadoop knows no NameNode", imports, "hadoop/rpc/a.go", "package rpc\n\nimport _ \"" + Module + "/namenode/blocks\"\n", "package rpc\n"},
	{"txn knows no NameNode", imports, "txn/a.go", "package txn\n\nimport _ \"" + Module + "/namenode\"\n", "package txn\n"},
	{"who chooses the store", imports, "namenode/election/a.go",
		"package election\n\nimport _ \"" + Module + "/dal/sqlstore\"\n", "package election\n\nimport _ \"" + Module + "/dal\"\n"},
	{"SQL in its place", sql, "namenode/a.go", "package a\n\nvar q = `\n select a from b`\n", "package a\n\nvar q = \"Select a file\"\n"},
	{"no SELECT *", sql, "dal/sqlstore/a.go", "package sqlstore\n\nvar q = \"SELECT * FROM a\"\n", "package sqlstore\n\nvar q = \"SELECT b FROM a\"\n"},
	{"no skipping", skips, "a/a_test.go", "package a\n\nfunc f(t T) {\n\tt.Skip(\"no server\")\n}\n",
		"package a\n\nfunc f(t T) {\n\tif testing.Short() {\n\t\tt.Skip(\"slow\")\n\t}\n}\n"},
	{"foreign words", foreign, "README.md", "see /work" + "/x", "see x"},
	{"migrations embedded", embedded, "migrations/sqlite/0001_a.up.sql", "CREATE TABLE a (b INT);", ""},
}

// TestRulesSeeWhatTheyForbid shows each rule a file that breaks it, and the
// mended one.
func TestRulesSeeWhatTheyForbid(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			parse := func(source string) []*file {
				f, err := newFile(r.path, []byte(source))
				if err != nil {
					t.Fatal(err)
				}
				return []*file{f}
			}
			if bad := r.check(parse(r.bad)); len(bad) != 1 || !strings.HasPrefix(bad[0], filepath.Dir(r.path)) && !strings.HasPrefix(bad[0], r.path) {
				t.Errorf("complaints about a file that breaks the rule: %q, want one that names %s", bad, r.path)
			}
			if r.good != "" {
				if bad := r.check(parse(r.good)); len(bad) != 0 {
					t.Errorf("complaints about a good file: %q", bad)
				}
			}
		})
	}
}

func TestEmbeddedMigrationsAreFound(t *testing.T) {
	var files []*file
	for name, data := range map[string]string{
		"migrations/migrations.go":      "package migrations\n\n//go:embed sqlite/*.sql innodb\nvar fs embed.FS\n",
		"migrations/sqlite/1_a.up.sql":  "",
		"migrations/innodb/1_a.up.sql":  "",
		"migrations/unknown/1_a.up.sql": "",
	} {
		f, err := newFile(name, []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	bad := embedded(files)
	if len(bad) != 1 || !strings.HasPrefix(bad[0], "migrations/unknown/") {
		t.Errorf("complaints %q, want one about migrations/unknown", bad)
	}
}

// TestTheTree holds the rules over the whole project.
func TestTheTree(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	files, err := readTree(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d files below %s", len(files), root)
	}
	seen := map[string]bool{}
	for _, r := range rules {
		key := fmt.Sprintf("%p", r.check)
		if seen[key] {
			continue
		}
		seen[key] = true
		for _, bad := range r.check(files) {
			t.Error(bad)
		}
	}
}
