package shell

import (
	"slices"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/client"
)

func TestOptions(t *testing.T) {
	f := format{flags: []string{"R", "h"}, values: []string{"t"}, min: 1, max: 2}
	cases := []struct {
		args  string
		flags string
		t     string // value of -t; "?" if not given
		rest  string
		err   string
	}{
		{"a", "", "?", "a", ""},
		{"-R a", "R", "?", "a", ""},
		{"-R -h a b", "Rh", "?", "a b", ""},
		{"-Rh a", "", "", "", "Illegal option -Rh"},
		{"-r a", "", "", "", "Illegal option -r"},
		{"a -R", "", "?", "a -R", ""}, // options end at the first path
		{"-R -- -h", "R", "?", "-h", ""},
		{"- a", "", "?", "- a", ""},
		{"-R -", "R", "?", "-", ""},
		{"-t 5 a", "", "5", "a", ""},
		{"-t a", "", "", "a", ""}, // the last word is the argument, not the value
		{"-t -R a", "R", "", "a", ""},
		{"", "", "", "", "Not enough arguments: expected 1 but got 0"},
		{"-R", "", "", "", "Not enough arguments: expected 1 but got 0"},
		{"a b c", "", "", "", "Too many arguments: expected 2 but got 3"},
	}
	for _, c := range cases {
		o, rest, err := f.parse(strings.Fields(c.args))
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%q: %v, want %s", c.args, err, c.err)
			}
			continue
		}
		v, given := o.value("t")
		if !given {
			v = "?"
		}
		flags := ""
		for _, fl := range []string{"R", "h"} {
			if o.has(fl) {
				flags += fl
			}
		}
		if err != nil || flags != c.flags || v != c.t || !slices.Equal(rest, strings.Fields(c.rest)) {
			t.Errorf("%q: flags %q, -t %q, rest %q, %v", c.args, flags, v, rest, err)
		}
	}
	lenient := format{flags: []string{"R"}, min: 2, max: many, lenient: true}
	if o, rest, err := lenient.parse([]string{"-R", "-x", "f"}); err != nil || !o.has("R") || !slices.Equal(rest, []string{"-x", "f"}) {
		t.Errorf("chmod -x: %v %v", rest, err)
	}
}

func TestHuman(t *testing.T) {
	cases := []struct {
		n        int64
		unit     string
		decimals int
		want     string
	}{
		{0, "", 1, "0"}, {1023, "", 1, "1023"}, {1024, "", 1, "1 K"}, {24 << 10, "", 1, "24 K"},
		{1280, "", 1, "1.3 K"}, // half is rounded up
		{1152, "", 2, "1.13 K"}, {3 << 20, "", 1, "3 M"}, {3040870, "", 1, "2.9 M"},
		{1<<20 - 1, "", 1, "1.0 M"}, {270553174016, "", 1, "252.0 G"}, {1<<63 - 1, "", 1, "8.0 E"},
		{0, "B", 2, "0 B"}, {159883, "B", 2, "156.14 KB"}, {270553174016, "B", 2, "251.97 GB"}, {-2048, "", 1, "-2 K"},
	}
	for _, c := range cases {
		if got := Human(c.n, c.unit, c.decimals); got != c.want {
			t.Errorf("Human(%d, %q, %d) = %q, want %q", c.n, c.unit, c.decimals, got, c.want)
		}
	}
}

func TestPermissions(t *testing.T) {
	for p, want := range map[uint32]string{0o755: "rwxr-xr-x", 0: "---------", 0o1777: "rwxrwxrwt", 0o1644: "rw-r--r-T"} {
		if got := Permissions(p); got != want {
			t.Errorf("%o is %s, want %s", p, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	df := &table{title: []string{"Filesystem", "Size", "Use%"}, right: true}
	if df.String() != "" {
		t.Error("a table without rows prints something")
	}
	df.add("hdfs://host:8020", "252.0 G", "0%")
	if want := "Filesystem           Size  Use%\nhdfs://host:8020  252.0 G    0%\n"; df.String() != want {
		t.Errorf("got %q, want %q", df, want)
	}
	du := &table{}
	du.add("2007", "6021", "/a")
	du.add("7", "7", "/long/name")
	if want := "2007  6021  /a\n7     7     /long/name\n"; du.String() != want {
		t.Errorf("got %q, want %q", du, want)
	}
}

func TestPercent(t *testing.T) {
	for _, c := range []struct {
		used, total int64
		want        string
	}{{0, 0, "NaN%"}, {0, 10, "0%"}, {1, 4, "25%"}, {999, 1000, "100%"}} {
		if got := percent(c.used, c.total, 0); got != c.want {
			t.Errorf("%d of %d is %s, want %s", c.used, c.total, got, c.want)
		}
	}
}

func TestParseName(t *testing.T) {
	cases := []struct {
		in   string
		want name
		err  string
	}{
		{"/a", name{path: "/a"}, ""},
		{"a:/b", name{scheme: "a", path: "/b"}, ""},
		{"dir/x:y", name{path: "dir/x:y"}, ""},
		{"hdfs://h:1/p", name{scheme: "hdfs", authority: "h:1", hasAuth: true, path: "/p"}, ""},
		{"hdfs://h:1", name{scheme: "hdfs", authority: "h:1", hasAuth: true}, ""},
		{"hdfs:///p", name{scheme: "hdfs", path: "/p"}, ""},
		{"//h/p", name{authority: "h", hasAuth: true, path: "/p"}, ""},
		{"", name{}, "Can not create a Path from an empty string"},
		{"x:y", name{}, "java.net.URISyntaxException: Relative path in absolute URI: x:y"},
	}
	for _, c := range cases {
		got, err := parseName(c.in)
		if c.err != "" && (err == nil || err.Error() != c.err) || c.err == "" && (err != nil || got != c.want) {
			t.Errorf("%q: %+v, %v", c.in, got, err)
		}
	}
}

func TestRelative(t *testing.T) {
	for _, c := range []struct {
		home, p string
		dir     bool
		want    string
	}{
		{"/user/a", "/user/a", true, "."}, {"/user/a", "/user/a/f", false, "f"}, {"/user/a", "/user/a/d/f", false, "d/f"},
		{"/user/a", "/user", true, ".."}, {"/user/a", "/user/b", true, "../b"}, {"/user/a", "/x", false, "../../x"}, {"/user/a", "/", true, "../.."},
	} {
		if got := relative(c.home, c.p, c.dir); got != c.want {
			t.Errorf("%s from %s is %q, want %q", c.p, c.home, got, c.want)
		}
	}
}

func TestPatterns(t *testing.T) {
	cases := []struct {
		glob     string
		yes, no  string
		wildcard bool
	}{
		{"a*", "a ab a.b", "b ba", true}, {"a?c", "abc a.c", "ac abbc", true}, {"[a-c]x", "ax cx", "dx x", true},
		{"[^a]x", "bx", "ax", true}, {"[!a]x", "bx", "ax", true}, {"{one,two}.txt", "one.txt two.txt", "three.txt", true},
		{"a.b", "a.b", "axb", false}, {`\*`, "*", "a", false}, {"a+(b)$^|", "a+(b)$^|", "aab", false}, {"}", "}", "{", false},
		{"a{b,c{d,e}}", "ab acd ace", "ac a", true}, {"[.]x", ".x", "ax", true}, {"]", "]", "[", false}, {"a,b", "a,b", "a", false},
	}
	for _, c := range cases {
		p, err := compilePattern(c.glob)
		if err != nil {
			t.Errorf("%q: %v", c.glob, err)
			continue
		}
		if p.wildcard != c.wildcard {
			t.Errorf("%q: wildcard %v", c.glob, p.wildcard)
		}
		for s := range strings.FieldsSeq(c.yes) {
			if !p.matches(s) {
				t.Errorf("%q does not match %q", c.glob, s)
			}
		}
		for s := range strings.FieldsSeq(c.no) {
			if p.matches(s) {
				t.Errorf("%q matches %q", c.glob, s)
			}
		}
	}
	for _, bad := range []string{"[a", "{a", `a\`, "[[a]"} {
		if _, err := compilePattern(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestExpandBraces(t *testing.T) {
	for in, want := range map[string]string{
		"/a/{b,c}": "/a/{b,c}", "/{a/b,c}/d": "/a/b/d /c/d", "/{a,{b/c,d}}": "/a /b/c /d", `/\{a/b}`: `/\{a/b}`, "/{a/b": "/{a/b", "/}/{a/b}": "/}/a/b",
	} {
		flats, err := expandBraces(in)
		if got := strings.Join(flats, " "); got != want || err != nil {
			t.Errorf("%q is %q, %v; want %q", in, got, err, want)
		}
	}
	if _, err := expandBraces(strings.Repeat("{a/b,c}", 30)); err == nil {
		t.Error("two to the thirtieth paths were written out")
	}
}

func FuzzGlob(f *testing.F) {
	for _, s := range []string{"/a/*", "/{a/b,c}/[x-z]?", `\*`, "/[!a]{b,c}", "/{{{", "/{a/b,{c/d,e}}/*"} {
		f.Add(s, "abc")
	}
	f.Fuzz(func(t *testing.T, glob, base string) {
		flats, err := expandBraces(glob)
		if err != nil || len(flats) > 100 {
			return
		}
		for _, flat := range flats {
			for part := range strings.SplitSeq(flat, "/") {
				if p, err := compilePattern(part); err == nil {
					p.matches(base)
					if !p.wildcard && !p.matches(unescape(part)) {
						t.Errorf("%q does not match itself", part)
					}
				}
			}
		}
	})
}

func TestMessage(t *testing.T) {
	for want, err := range map[string]error{
		"`/a': No such file or directory":                               notFound("/a"),
		"`/a' to `/b': x: `hdfs://n/a'":                                 &pathIssue{path: "/a", target: "/b", text: "x", full: "hdfs://n/a"},
		"Permission denied: user=bob":                                   plain("Permission denied: user=bob\n\tat Java"),
		"Call From h/1 to n:1 failed on connection exception: no route": &client.ConnectError{Local: "h/1", Addr: "n:1", Err: plain("no route")},
	} {
		if got := Message(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
