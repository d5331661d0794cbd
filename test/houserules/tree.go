package houserules

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Module is the import path of this project.
const Module = "github.com/hopsql/hopsql"

// file is one file of the tree; syntax is nil unless it is Go.
type file struct {
	path   string // from the root, with slashes
	data   []byte
	fset   *token.FileSet
	syntax *ast.File
}

func (f *file) dir() string     { return path.Dir(f.path) }
func (f *file) isTest() bool    { return strings.HasSuffix(f.path, "_test.go") }
func (f *file) generated() bool { return strings.HasSuffix(f.path, ".pb.go") }

func (f *file) line(pos token.Pos) int { return f.fset.Position(pos).Line }

// imports are the paths that the file imports.
func (f *file) imports() []string {
	if f.syntax == nil {
		return nil
	}
	var paths []string
	for _, s := range f.syntax.Imports {
		paths = append(paths, strings.Trim(s.Path.Value, `"`))
	}
	return paths
}

// newFile parses the file if it is Go.
func newFile(name string, data []byte) (*file, error) {
	f := &file{path: name, data: data}
	if !strings.HasSuffix(name, ".go") {
		return f, nil
	}
	f.fset = token.NewFileSet()
	var err error
	f.syntax, err = parser.ParseFile(f.fset, name, data, parser.ParseComments)
	return f, err
}

// readTree reads every text file below root; folders whose name starts with a
// dot other than .ci, and the build outputs bin and tmp, are left out.
func readTree(root string) ([]*file, error) {
	var files []*file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			hidden := strings.HasPrefix(d.Name(), ".") && rel != "." && rel != ".ci"
			if hidden || rel == "bin" || rel == "tmp" {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if bytes.IndexByte(data[:min(len(data), 512)], 0) >= 0 {
			return nil // not text
		}
		f, err := newFile(rel, data)
		if err != nil {
			return fmt.Errorf("parse: %w", err)
		}
		files = append(files, f)
		return nil
	})
	return files, err
}
