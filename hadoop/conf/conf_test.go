package conf

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// write puts files into a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func property(name, value string) string {
	return "<property><name>" + name + "</name><value>" + value + "</value></property>\n"
}

func site(properties ...string) string {
	return "<?xml version=\"1.0\"?>\n<configuration xmlns:xi=\"http://www.w3.org/2001/XInclude\">\n" + strings.Join(properties, "") + "</configuration>\n"
}

func load(t *testing.T, opt Options) *Config {
	t.Helper()
	c, err := Load(opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func want(t *testing.T, c *Config, key, value string) {
	t.Helper()
	if got := c.Get(key); got != value {
		t.Errorf("%s = %q, want %q", key, got, value)
	}
}

func TestPrecedence(t *testing.T) {
	dir := write(t, map[string]string{
		"core-site.xml": site(property("a", "core"), property("b", "core"), property("d", "core"),
			`<property><name>f</name><value>kept</value><final>true</final></property>`,
			`<property name="attr" value="1" final="true"/>`),
		"hdfs-site.xml": site(property("b", "hdfs"), property("d", "hdfs"), property("f", "changed"), property("attr", "2"), property(" spaced ", "\n  v \n")),
		"more.xml":      site(property("d", "more"), "<configuration>"+property("nested", "yes")+"</configuration>"),
	})
	c := load(t, Options{Dir: dir, Files: []string{filepath.Join(dir, "more.xml")}, Set: []string{"e=option", "x=y=z"}})
	for key, v := range map[string]string{
		"a": "core", "b": "hdfs", "d": "more", "e": "option", "f": "kept", "attr": "1", "x": "y=z", "spaced": "v", "nested": "yes",
		"dfs.replication": "3", "fs.defaultFS": "file:///", "no.such.key": "",
	} {
		want(t, c, key, v)
	}
	if w := c.Warnings(); len(w) != 2 || !strings.Contains(w[0], "final parameter f ") {
		t.Errorf("warnings: %q", w)
	}
	want(t, load(t, Options{Dir: dir, Set: []string{"f=forced"}}), "f", "forced")
	if src := c.Source("b"); src != filepath.Join(dir, "hdfs-site.xml")+":3" {
		t.Errorf("source of b: %s", src)
	}
	if _, ok := c.Lookup("no.such.key"); ok || c.IsSet("dfs.replication") || !c.IsSet("a") {
		t.Error("Lookup or IsSet")
	}
	if keys := c.Keys(); !slices.IsSorted(keys) || !slices.Contains(keys, "nested") || !slices.Contains(keys, "dfs.blocksize") {
		t.Error("Keys")
	}
}

func TestDirectories(t *testing.T) {
	dir := write(t, map[string]string{"core-site.xml": site(property("where", "conf")), "home/etc/hadoop/core-site.xml": site(property("where", "home"))})
	t.Setenv("HADOOP_CONF_DIR", "")
	t.Setenv("HADOOP_HOME", filepath.Join(dir, "home"))
	want(t, load(t, Options{}), "where", "home")
	t.Setenv("HADOOP_CONF_DIR", dir)
	want(t, load(t, Options{}), "where", "conf")
	want(t, load(t, Options{Dir: filepath.Join(dir, "home")}), "where", "")
	t.Setenv("HADOOP_CONF_DIR", filepath.Join(dir, "gone"))
	if _, err := Load(Options{}); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("a missing directory: %v", err)
	}
	t.Setenv("HADOOP_CONF_DIR", "")
	t.Setenv("HADOOP_HOME", filepath.Join(dir, "gone"))
	want(t, load(t, Options{}), "dfs.blocksize", "134217728")
	if _, err := Load(Options{Files: []string{filepath.Join(dir, "no.xml")}}); err == nil || !strings.Contains(err.Error(), "no.xml") {
		t.Errorf("a missing -conf file: %v", err)
	}
}

func TestExpansion(t *testing.T) {
	t.Setenv("CONF_SET", "env")
	t.Setenv("CONF_EMPTY", "")
	os.Unsetenv("CONF_UNSET")
	kv := map[string]string{
		"base": "/data", "one": "${base}/one", "two": "${one}/two", "unknown": "${no.such}/x",
		"env": "${env.CONF_SET}", "colon": "${env.CONF_EMPTY:-d}", "dash": "[${env.CONF_EMPTY-d}]", "unset": "${env.CONF_UNSET-d}${env.CONF_UNSET:-e}",
		"left": "${env.CONF_UNSET}", "inner": "${env.CONF_UNSET:-${base}}", "tmp": "${java.io.tmpdir}", "loop": "${pool}", "pool": "${loop}",
		"by.old.name": "${dfs.block.size}", "space": "${not a name}",
	}
	c := New(kv)
	for key, v := range map[string]string{
		"two": "/data/one/two", "unknown": "${no.such}/x", "env": "env", "colon": "d", "dash": "[]", "unset": "de",
		"left": "${env.CONF_UNSET}", "inner": "/data", "tmp": "/tmp", "loop": "${pool}", "by.old.name": "134217728", "space": "${not a name}",
		"hadoop.tmp.dir":        "/tmp/hadoop-" + UserName(),
		"dfs.namenode.name.dir": "file:///tmp/hadoop-" + UserName() + "/dfs/name",
	} {
		if key == "dfs.namenode.name.dir" {
			v = "file:///tmp/hadoop-" + UserName() + "/dfs/name"
			if got := c.Get(key); strings.TrimPrefix(got, "file://") != strings.TrimPrefix(v, "file://") {
				t.Errorf("%s = %q", key, got)
			}
			continue
		}
		want(t, c, key, v)
	}
}

func TestExpansionIsBounded(t *testing.T) {
	dir := write(t, map[string]string{"core-site.xml": site(property("b0", strings.Repeat("x", 100)),
		property("b1", strings.Repeat("${b0}", 50)), property("b2", strings.Repeat("${b1}", 20)), property("b3", strings.Repeat("${b2}", 20)),
		property("self", "${self}x"))})
	c := load(t, Options{Dir: dir})
	if n := len(c.Get("b2")); n != 100000 {
		t.Errorf("b2 has %d bytes", n)
	}
	want(t, c, "b3", strings.Repeat("${b2}", 20))
	want(t, c, "self", "${self}x")
	if w := strings.Join(c.Warnings(), "\n"); !strings.Contains(w, "b3") || !strings.Contains(w, "self") {
		t.Errorf("warnings: %s", w)
	}
}

func TestDeprecated(t *testing.T) {
	dir := write(t, map[string]string{"hdfs-site.xml": site(property("dfs.block.size", "1m"), property("fs.default.name", "hdfs://old:9000"), property("mine", "${dfs.block.size}"))})
	c := load(t, Options{Dir: dir})
	want(t, c, "dfs.blocksize", "1m")
	want(t, c, "dfs.block.size", "1m")
	want(t, c, "fs.defaultFS", "hdfs://old:9000")
	want(t, c, "mine", "1m")
	c.Set("fs.defaultFS", "hdfs://new:8020")
	want(t, c, "fs.default.name", "hdfs://new:8020")
	want(t, load(t, Options{Dir: dir, Set: []string{"dfs.blocksize=2m"}}), "dfs.block.size", "2m")
	for old, now := range deprecated {
		if _, chain := deprecated[now]; chain {
			t.Errorf("%s leads to %s, which is deprecated too", old, now)
		}
		if _, has := defaults()[old]; has {
			t.Errorf("the deprecated %s has a default, which nothing reads", old)
		}
	}
}

func TestTyped(t *testing.T) {
	c := New(map[string]string{
		"i": "-12", "hex": "0x10", "nothex": "-0xF", "bad": "12x", "empty": "",
		"k": "64k", "m": "128M", "g": "1g", "t": "2t", "p": "1P", "e": "1e", "huge": "16e", "plain": "512", "nosize": "k",
		"yes": "TRUE", "no": "false", "maybe": "1", "f": "0.999f", "f2": "2.5", "inf": "inf", "list": " a, b ,,c\n d ",
		"ns": "5ns", "us": "6us", "ms": "7 ms", "s": "8s", "min": "9M", "h": "10h", "d": "7d", "bare": "11", "forever": "9223372036854775807", "soon": "-9223372036854775807d", "half": "0.5s",
	})
	integer := func(f func(string, int64) (int64, error), key string, want int64) {
		t.Helper()
		if got, err := f(key, 99); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", key, got, err, want)
		}
	}
	integer(c.Int, "i", -12)
	integer(c.Int, "hex", 16)
	integer(c.Int, "nothex", -15)
	integer(c.Int, "empty", 99)
	integer(c.Int, "no.such", 99)
	for key, v := range map[string]int64{"k": 64 << 10, "m": 128 << 20, "g": 1 << 30, "t": 2 << 40, "p": 1 << 50, "e": 1 << 60, "plain": 512, "hex": 16, "empty": 99} {
		integer(c.Size, key, v)
	}
	for key, v := range map[string]bool{"yes": true, "no": false, "empty": true} {
		if got, err := c.Bool(key, true); err != nil || got != v {
			t.Errorf("%s: %v, %v", key, got, err)
		}
	}
	for key, v := range map[string]float64{"f": 0.999, "f2": 2.5, "empty": 7} {
		if got, err := c.Float(key, 7); err != nil || got != v {
			t.Errorf("%s: %v, %v", key, got, err)
		}
	}
	for key, v := range map[string]time.Duration{
		"ns": 5, "us": 6 * time.Microsecond, "ms": 7 * time.Millisecond, "s": 8 * time.Second, "min": 9 * time.Minute, "h": 10 * time.Hour,
		"d": 168 * time.Hour, "bare": 11 * time.Second, "forever": math.MaxInt64, "soon": math.MinInt64, "empty": 1,
	} {
		if got, err := c.Duration(key, 1, time.Second); err != nil || got != v {
			t.Errorf("%s: %v, %v", key, got, err)
		}
	}
	if got := c.Strings("list"); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("list: %q", got)
	}
	_, e1 := c.Int("bad", 0)
	_, e2 := c.Size("huge", 0)
	_, e3 := c.Bool("maybe", false)
	_, e4 := c.Float("inf", 0)
	_, e5 := c.Duration("half", 0, 1)
	_, e6 := c.Size("nosize", 0)
	for i, err := range []error{e1, e2, e3, e4, e5, e6} {
		if err == nil || !strings.Contains(err.Error(), "want") || !strings.Contains(err.Error(), "set by the program") {
			t.Errorf("error %d: %v", i+1, err)
		}
	}
	if e1.Error() != `bad = "12x" (set by the program): want a whole number` {
		t.Errorf("text: %v", e1)
	}
}

func TestRedacted(t *testing.T) {
	c := New(map[string]string{
		"dfs.storage.driver.url":                           "mysql://hops:p@ss:w/o?rd@db1:3306/hops?engine=ndbcluster",
		"io.hops.metadata.ndb.mysqlserver.password":        "geheim",
		"ssl.server.keystore.keypassword":                  "geheim",
		"hadoop.security.credential.provider.path":         "jceks://file/x",
		"hadoop.http.authentication.signature.secret.file": "/etc/secret",
		"hadoop.http.authentication.signature.secret":      "geheim",
		"fs.azure.account.key.acc.blob":                    "geheim",
		"plain":                                            "hdfs://nn:8020/x",
		"jdbc":                                             "jdbc:mysql://db/x?user=u&password=geheim&a=b",
	})
	for key, v := range map[string]string{
		"dfs.storage.driver.url":                           "mysql://hops:<redacted>@db1:3306/hops?engine=ndbcluster",
		"io.hops.metadata.ndb.mysqlserver.password":        hidden,
		"ssl.server.keystore.keypassword":                  hidden,
		"hadoop.security.credential.provider.path":         "jceks://file/x",
		"hadoop.http.authentication.signature.secret.file": "/etc/secret",
		"hadoop.http.authentication.signature.secret":      hidden,
		"fs.azure.account.key.acc.blob":                    hidden,
		"plain":                                            "hdfs://nn:8020/x",
		"jdbc":                                             "jdbc:mysql://db/x?user=u&password=<redacted>&a=b",
		"dfs.permissions.superusergroup":                   "supergroup",
	} {
		if got := c.Redacted(key); got != v {
			t.Errorf("%s = %q, want %q", key, got, v)
		}
	}
	if _, err := c.Int("io.hops.metadata.ndb.mysqlserver.password", 0); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("error: %v", err)
	}
}

func TestParseGeneric(t *testing.T) {
	opt, rest, err := ParseGeneric([]string{"-D", "a=b", "-Dc=d=e", "-conf", "x.xml", "-fs", "hdfs://h:1", "-jt", "local", "-ls", "-D", "z=1"})
	if err != nil || !slices.Equal(rest, []string{"-ls", "-D", "z=1"}) ||
		!slices.Equal(opt.Set, []string{"a=b", "c=d=e", "fs.defaultFS=hdfs://h:1"}) || !slices.Equal(opt.Files, []string{"x.xml"}) {
		t.Errorf("%+v %q %v", opt, rest, err)
	}
	for _, args := range [][]string{{"-D"}, {"-conf"}, {"-D", "novalue"}, {"-D=x"}, {"-Dnovalue"}} {
		if _, _, err := ParseGeneric(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	if _, err := Load(Options{Dir: t.TempDir(), Set: []string{"x"}}); err == nil {
		t.Error("Load took -D x")
	}
}
