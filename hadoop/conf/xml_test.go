package conf

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
)

func TestInclude(t *testing.T) {
	dir := write(t, map[string]string{
		"core-site.xml": site(property("a", "before"), `<xi:include href="sub/inc.xml"/>`, property("b", "after"),
			`<xi:include href="none.xml"><xi:fallback>`+property("fb", "1")+`</xi:fallback></xi:include>`,
			`<xi:include href="sub/inc.xml"><xi:fallback>`+property("fb2", "1")+`</xi:fallback></xi:include>`,
			`<xi:include href="none.xml"><xi:fallback/></xi:include>`),
		"sub/inc.xml":     site(property("a", "included"), property("b", "included"), `<xi:include href="further.xml"/>`),
		"sub/further.xml": site(property("c", "further")),
		"hdfs-site.xml":   `<configuration><xi:include href="sub/further.xml"/></configuration>`, // namespace not declared
	})
	c := load(t, Options{Dir: dir})
	for key, v := range map[string]string{"a": "included", "b": "included", "c": "further", "fb": "1", "fb2": ""} {
		want(t, c, key, v)
	}
}

func TestBrokenFiles(t *testing.T) {
	for _, tc := range []struct{ name, text, at, says string }{
		{"unclosed", "<configuration>\n<property>\n<name>x</name>\n", ":4: ", "broken XML"},
		{"mismatch", "<configuration>\n<property>\n<name>x</value>\n", ":3: ", "broken XML"},
		{"empty", "", ":1: ", "no <configuration>"},
		{"root", "<config/>", ":1: ", "<config> is where"},
		{"two roots", "<configuration/>\n<configuration/>", ":2: ", "one <configuration>"},
		{"no name", "<configuration>\n\n<property><value>x</value></property></configuration>", ":3: ", "without a <name>"},
		{"element in value", "<configuration>\n<property><name>x</name><value><b>x</b></value></property></configuration>", ":2: ", "<b> inside <value>"},
		{"entity", "<configuration>\n<property><name>x</name><value>&xxe;</value></property></configuration>", ":2: ", "broken XML"},
		{"include missing", site(`<xi:include href="gone.xml"/>`), ":3: ", "gone.xml"},
		{"include nothing", site(`<xi:include/>`), ":3: ", "without href"},
		{"include http", site(`<xi:include href="http://x/y"/>`), ":3: ", "files only"},
		{"include itself", site(`<xi:include href="core-site.xml"/>`), ":3: ", "include itself"},
		{"nested", strings.Repeat("<configuration>", 100), ":1: ", "nested too deeply"},
		{"encoding", `<?xml version="1.0" encoding="utf-16"?><configuration/>`, ":1: ", "use UTF-8"},
		{"binary", "\x00\x01\x02", ":1: ", "broken XML"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := write(t, map[string]string{"core-site.xml": tc.text})
			_, err := Load(Options{Dir: dir})
			if err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, "core-site.xml")+tc.at) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("in an included file", func(t *testing.T) {
		dir := write(t, map[string]string{"core-site.xml": site(`<xi:include href="inc.xml"><xi:fallback/></xi:include>`), "inc.xml": "<configuration>\n<property>"})
		if _, err := Load(Options{Dir: dir}); err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, "inc.xml")+":2: ") {
			t.Errorf("got %v", err)
		}
	})
}

func TestHugeFile(t *testing.T) {
	var l loader
	r := io.MultiReader(strings.NewReader("<configuration><!--"), &repeat{' '})
	if err := l.read(r, "big.xml", 0); err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") {
		t.Errorf("got %v", err)
	}
}

// repeat is an endless stream of one byte.
type repeat struct{ b byte }

func (r *repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.b
	}
	return len(p), nil
}

func TestLatin1(t *testing.T) {
	dir := write(t, map[string]string{"core-site.xml": "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><configuration>" + property("x", "gr\xfc\xdfe") + "</configuration>"})
	want(t, load(t, Options{Dir: dir}), "x", "grüße")
}

func FuzzLoader(f *testing.F) {
	f.Add(site(property("a", "${b}"), `<xi:include href="x"><xi:fallback>`+property("b", "1")+`</xi:fallback></xi:include>`))
	f.Add(`<configuration><property name="a" value="b" final="true"/></configuration>`)
	f.Add("<configuration><property><name>x</name><value>${x}${env.A:-${x}}</value></property></configuration>")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		c := New(nil)
		l := loader{add: c.add, open: func(path string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("<configuration/>")), nil
		}}
		if err := l.read(strings.NewReader(text), "fuzz.xml", 0); err != nil && !strings.HasPrefix(err.Error(), "fuzz.xml") && !strings.Contains(err.Error(), "include") {
			t.Errorf("error without a place: %v", err)
		}
		c.check()
		for key := range c.values {
			if key != strings.TrimSpace(key) || key == "" {
				t.Errorf("key %q", key)
			}
			if len(c.Get(key)) > maxExpanded+len(text) {
				t.Errorf("%s has %d bytes", key, len(c.Get(key)))
			}
		}
	})
}
