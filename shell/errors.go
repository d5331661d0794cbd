package shell

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/rpc"
)

// Fixed texts of the shell.
const (
	textExists      = "File exists"
	textNotFound    = "No such file or directory"
	textIsDir       = "Is a directory"
	textNotDir      = "Is not a directory"
	textNotEmpty    = "Directory is not empty"
	textPermission  = "Permission denied"
	textUnsupported = "Operation not supported"
	textIO          = "Input/output error"
)

// pathIssue is an error about a path as the user wrote it: `path': text.
type pathIssue struct {
	path   string
	text   string
	target string // second path of the operation, if any
	full   string // the path in full, if it helps
}

func (e *pathIssue) Error() string {
	var b strings.Builder
	b.WriteString(quote(e.path))
	if e.target != "" {
		b.WriteString(" to " + quote(e.target))
	}
	b.WriteString(": " + e.text)
	if e.full != "" && e.full != e.path {
		b.WriteString(": " + quote(e.full))
	}
	return b.String()
}

func quote(path string) string { return "`" + path + "'" }

func notFound(path string) error { return &pathIssue{path: path, text: textNotFound} }
func exists(path string) error   { return &pathIssue{path: path, text: textExists} }
func isDir(path string) error    { return &pathIssue{path: path, text: textIsDir} }
func notDir(path string) error   { return &pathIssue{path: path, text: textNotDir} }
func failed(path string) error   { return &pathIssue{path: path, text: textIO} }

// usageError is a command that makes no sense: the shell answers with its usage
// and exit code 255.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func badUsage(text string) error { return &usageError{text} }

// plain is an error whose text is shown as it is.
type plain string

func (e plain) Error() string { return string(e) }

// Message is the one line that the user sees of err. What a server said goes
// through unchanged; for the rest the kind decides.
func Message(err error) string {
	var x *rpc.Exception
	var issue *pathIssue
	var words plain
	var connect *client.ConnectError
	switch {
	case errors.As(err, &connect):
		return firstLine(connect.Error())
	case errors.As(err, &issue):
		return firstLine(issue.Error())
	case errors.As(err, &words):
		return firstLine(string(words))
	case errors.As(err, &x):
		return firstLine(x.Error())
	}
	name, kind := "", err
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		name, kind = pe.Path, pe.Err
	case errors.As(err, &le):
		name, kind = le.Old, le.Err
	}
	for _, t := range kindTexts {
		if errors.Is(kind, t.kind) {
			if name == "" {
				return t.text
			}
			return quote(name) + ": " + t.text
		}
	}
	return firstLine(kind.Error())
}

var kindTexts = []struct {
	kind error
	text string
}{
	{fs.ErrNotExist, textNotFound},
	{fs.ErrExist, textExists},
	{fs.ErrPermission, textPermission},
	{syscall.ENOTEMPTY, textNotEmpty},
	{syscall.ENOTDIR, textNotDir},
	{syscall.EISDIR, textIsDir},
	{errors.ErrUnsupported, textUnsupported},
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
