package houserules

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

var (
	statement = regexp.MustCompile(`^\s*((SELECT|INSERT|REPLACE INTO|UPDATE|DELETE|CREATE TABLE|ALTER TABLE|DROP|TRUNCATE)\s` +
		`|(?is:SELECT\s.+\sFROM|INSERT\s+(IGNORE\s+)?INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM|CREATE\s+TABLE)\b)`)
	selectStar = regexp.MustCompile(`(?i)\bSELECT\s+(\w+\.)?\*`)
)

// sqlHomes are where SQL may be written. The test kit starts databases and looks
// into them from outside; bench/bare is what the store is measured against.
var sqlHomes = []string{"dal/sqlstore", "migrations", "testkit", "test", "bench/bare"}

// sql allows statements only in the store and in the migrations.
func sql(files []*file) (bad []string) {
	for _, f := range files {
		home := false
		for _, h := range sqlHomes {
			home = home || within(f.dir(), h)
		}
		eachString(f, func(s string, pos token.Pos) {
			if !home && statement.MatchString(s) {
				bad = append(bad, fmt.Sprintf("%s:%d: SQL outside of dal/sqlstore and migrations", f.path, f.line(pos)))
			}
			if selectStar.MatchString(s) && !within(f.dir(), "test/houserules") {
				bad = append(bad, fmt.Sprintf("%s:%d: SELECT must name its columns", f.path, f.line(pos)))
			}
		})
	}
	return bad
}

// eachString visits the string literals of a Go file.
func eachString(f *file, visit func(s string, pos token.Pos)) {
	if f.syntax == nil || f.generated() {
		return
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				visit(s, lit.Pos())
			}
		}
		return true
	})
}

// skips forbids t.Skip unless the same if statement asks testing.Short: a test
// whose server is missing fails.
func skips(files []*file) (bad []string) {
	for _, f := range files {
		if f.syntax == nil {
			continue
		}
		allowed := map[ast.Node]bool{}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if s, ok := n.(*ast.IfStmt); ok && asksShort(s.Cond) {
				ast.Inspect(s.Body, func(n ast.Node) bool {
					allowed[n] = true
					return true
				})
			}
			call, ok := n.(*ast.CallExpr)
			if !ok || allowed[n] {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && strings.HasPrefix(sel.Sel.Name, "Skip") && isTestVariable(sel.X) {
				bad = append(bad, fmt.Sprintf("%s:%d: a test may skip only when testing.Short()", f.path, f.line(n.Pos())))
			}
			return true
		})
	}
	return bad
}

func asksShort(cond ast.Expr) (found bool) {
	ast.Inspect(cond, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Short" {
			found = true
		}
		return !found
	})
	return found
}

func isTestVariable(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && (id.Name == "t" || id.Name == "b" || id.Name == "f" || id.Name == "tb")
}

// foreignWords are places outside of the project: whoever has the project does
// not have them. They are put together here so that this file does not hold
// them.
var foreignWords = []string{"/work" + "/", "shared" + "/reference", "shared" + "/design", "." + "library"}

// foreign forbids them in every file.
func foreign(files []*file) (bad []string) {
	for _, f := range files {
		for _, w := range foreignWords {
			if strings.Contains(string(f.data), w) {
				bad = append(bad, fmt.Sprintf("%s: mentions %q, which is no part of the project", f.path, w))
			}
		}
	}
	return bad
}
