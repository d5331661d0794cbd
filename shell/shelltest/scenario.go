package shelltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/shell"
)

// Scenario is a text file of commands and what they answer:
//
//	# a remark
//	@write NAME TEXT     make a local file; \n in TEXT is a new line, TEXT*3 is three times TEXT
//	@show NAME           print a local file
//	@list DIR            print the names below a local directory
//	@stdin TEXT          what the next command reads
//	$ -ls /d             a command
//	| text               one line it prints; one without a new line ends in \
//	! text               one line of errors
//	= 1                  its exit code, if not 0
//
// {L} is the directory of local files, {NN} the URI of the file system, {USAGE}
// the usage of all verbs; times of this year are DATE.
type Scenario struct {
	FS      shell.FileSystem
	Rewrite bool // write what came back into the file instead of comparing
	// Set is configuration beyond that of the file, "key=value".
	Set []string

	local string
	stdin string
	out   []string
}

// Run plays a file.
func (s *Scenario) Run(t *testing.T, file string) {
	t.Helper()
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s.local = t.TempDir()
	for line := range strings.SplitSeq(strings.TrimSuffix(string(want), "\n"), "\n") {
		if line != "" && strings.Contains("|!=", line[:1]) {
			continue
		}
		s.out = append(s.out, line)
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "@write":
			s.writeLocal(t, rest)
		case "@show":
			s.show(rest)
		case "@list":
			s.list(t, rest)
		case "@stdin":
			s.stdin = strings.ReplaceAll(rest, `\n`, "\n")
		case "$":
			s.command(t, rest)
		}
	}
	got := strings.Join(s.out, "\n") + "\n"
	if s.Rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != strings.TrimSuffix(string(want), "\n")+"\n" {
		t.Errorf("%s: answers differ\n%s", file, difference(string(want), got))
	}
}

func (s *Scenario) writeLocal(t *testing.T, rest string) {
	name, text, _ := strings.Cut(rest, " ")
	if m := regexp.MustCompile(`^(.*)\*(\d+)$`).FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[2])
		text = strings.Repeat(m[1], n)
	}
	p := filepath.Join(s.local, name)
	err := os.MkdirAll(filepath.Dir(p), 0o755)
	if err == nil {
		err = os.WriteFile(p, []byte(strings.ReplaceAll(text, `\n`, "\n")), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (s *Scenario) show(name string) {
	b, err := os.ReadFile(filepath.Join(s.local, name))
	if err != nil {
		b = []byte("(none)")
	}
	s.lines("|", string(b))
}

func (s *Scenario) list(t *testing.T, dir string) {
	root := filepath.Join(s.local, dir)
	var names []string
	err := filepath.WalkDir(root, func(p string, _ fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(root, p); rel != "." {
			names = append(names, rel)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	slices.Sort(names)
	for _, n := range names {
		s.out = append(s.out, "| "+n)
	}
}

func (s *Scenario) command(t *testing.T, line string) {
	t.Helper()
	args := words(line)
	for i, a := range args {
		args[i] = strings.NewReplacer("{L}", s.local, "{NN}", s.FS.URI()).Replace(a)
	}
	opt, args, err := conf.ParseGeneric(args)
	if err != nil {
		t.Fatal(err)
	}
	kv := map[string]string{}
	for _, set := range append(slices.Clone(s.Set), opt.Set...) {
		k, v, _ := strings.Cut(set, "=")
		kv[k] = v
	}
	var out, errOut bytes.Buffer
	sh := &shell.Shell{In: strings.NewReader(s.stdin), Out: &out, Err: &errOut, Open: s.open, Conf: conf.New(kv)}
	s.stdin = ""
	code := sh.Run(context.Background(), args)
	s.lines("|", s.mask(out.String()))
	s.lines("!", s.mask(errOut.String()))
	if code != 0 {
		s.out = append(s.out, fmt.Sprintf("= %d", code))
	}
}

// open answers for the file system under test, by its URI or without one, and
// for the local disk.
func (s *Scenario) open(uri string) (shell.FileSystem, error) {
	switch {
	case uri == "" || uri == "hdfs://" || uri == s.FS.URI():
		return s.FS, nil
	case uri == "file://":
		return shell.Local(s.local), nil
	}
	scheme, _, _ := strings.Cut(uri, ":")
	return nil, fmt.Errorf("No FileSystem for scheme %q", scheme) //nolint:staticcheck // the words of Apache's client
}

func (s *Scenario) lines(mark, text string) {
	if text == "" {
		return
	}
	if cut, ended := strings.CutSuffix(text, "\n"); ended {
		text = cut
	} else {
		text += `\`
	}
	for line := range strings.SplitSeq(text, "\n") {
		s.out = append(s.out, mark+strings.TrimSuffix(" "+line, " "))
	}
}

var (
	usageText = regexp.MustCompile(`(?s)Usage: hadoop fs \[generic options\]\n\t.*command \[genericOptions\] \[commandOptions\]\n\n`)
	dateText  = regexp.MustCompile(`(\d{4})-\d\d-\d\d \d\d:\d\d(:\d\d)?`)
)

// Years that scenarios set themselves; the others are today.
var fixedYears = []string{"1970", "2020", "2021", "2022"}

func (s *Scenario) mask(text string) string {
	text = strings.NewReplacer("file://"+s.local, "file://{L}", s.local, "{L}", s.FS.URI(), "{NN}").Replace(text)
	text = usageText.ReplaceAllString(text, "{USAGE}\n")
	return dateText.ReplaceAllStringFunc(text, func(d string) string {
		switch {
		case slices.Contains(fixedYears, d[:4]):
			return d
		case len(d) > len("2006-01-02 15:04"):
			return "DATE+TIME"
		}
		return "DATE"
	})
}

// words splits a line at blanks; double quotes keep them.
func words(line string) []string {
	var out []string
	var b strings.Builder
	quoted, some := false, false
	for _, c := range line {
		switch {
		case c == '"':
			quoted, some = !quoted, true
		case c == ' ' && !quoted:
			if some {
				out = append(out, b.String())
			}
			b.Reset()
			some = false
		default:
			b.WriteRune(c)
			some = true
		}
	}
	if some {
		out = append(out, b.String())
	}
	return out
}

// difference shows the commands whose answers changed.
func difference(want, got string) string {
	split := func(s string) [][]string {
		var all [][]string
		for line := range strings.SplitSeq(strings.TrimSpace(s), "\n") {
			if len(all) == 0 || line == "" || !strings.Contains("|!=", line[:1]) {
				all = append(all, nil)
			}
			all[len(all)-1] = append(all[len(all)-1], line)
		}
		return all
	}
	a, b := split(want), split(got)
	var out strings.Builder
	for i := range min(len(a), len(b)) {
		if !slices.Equal(a[i], b[i]) {
			fmt.Fprintf(&out, "--- want\n%s\n--- got\n%s\n", strings.Join(a[i], "\n"), strings.Join(b[i], "\n"))
		}
	}
	return out.String()
}
