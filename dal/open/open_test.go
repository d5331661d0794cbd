package open

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/sqlstore"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

func TestURLs(t *testing.T) {
	for raw, want := range map[string]sqlstore.MySQLConfig{
		"mysql://u:p@db1:3307/hops":                                {User: "u", Password: "p", Address: "db1:3307", Database: "hops", Engine: "innodb"},
		"mysql://u@db1/hops?engine=ndbcluster":                     {User: "u", Address: "db1:3306", Database: "hops", Engine: "ndbcluster"},
		"mysql://u:p@ss:w/o?r#d@[::1]:1/h":                         {User: "u", Password: "p@ss:w/o?r#d", Address: "[::1]:1", Database: "h", Engine: "innodb"},
		"mysql://u:a%40b@h/d?tls=true&connections=5&engine=INNODB": {User: "u", Password: "a@b", Address: "h:3306", Database: "d", Engine: "innodb", TLS: "true", MaxConnections: 5},
		"mysql://u@localhost/d?socket=/run/s.sock":                 {User: "u", Address: "/run/s.sock", Database: "d", Engine: "innodb"},
		"mysql://u:100%@h/d":                                       {User: "u", Password: "100%", Address: "h:3306", Database: "d", Engine: "innodb"},
	} {
		l, err := Locate(conf.New(map[string]string{KeyURL: raw}))
		if err != nil || l.MySQL == nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		got := *l.MySQL
		if got.User != want.User || got.Password != want.Password || got.Address != want.Address || got.Database != want.Database ||
			got.Engine != want.Engine || got.TLS != want.TLS || got.MaxConnections != want.MaxConnections {
			t.Errorf("%s: %+v", raw, got)
		}
		if want.Password != "" && want.Password != "p" && strings.Contains(l.String(), want.Password) {
			t.Errorf("%s shows the password", l)
		}
	}
	for raw, want := range map[string]string{
		"sqlite:///a/b.db":     "sqlite:///a/b.db",
		"sqlite:///a%20b/c.db": "sqlite:///a b/c.db",
		"mem:":                 "mem:",
	} {
		if l, err := Locate(conf.New(map[string]string{KeyURL: raw})); err != nil || l.String() != want {
			t.Errorf("%s: %v, %v", raw, l, err)
		}
	}
}

func TestBadURLsNameTheKeyAndHideThePassword(t *testing.T) {
	for _, raw := range []string{
		"x", "postgres://u:secret@h/d", "sqlite:", "sqlite:file.db", "sqlite://file.db", "sqlite:///", "sqlite:///a/",
		"mysql:", "mysql://", "mysql://h/d", "mysql://u:secret@", "mysql://u:secret@h", "mysql://u:secret@h/", "mysql://u:secret@/d",
		"mysql://:secret@h/d", "mysql://u:secret@h:port/d", "mysql://u:secret@h:70000/d", "mysql://u:secret@h/d/e",
		"mysql://u:secret@h/d?engine=myisam", "mysql://u:secret@h/d?x=1", "mysql://u:secret@h/d?connections=0", "mysql://u:secret@h/d?tls=maybe", "mysql://u:secret@h/d?socket=s", "mysql://u:secret@h/d#x",
	} {
		_, err := Locate(conf.New(map[string]string{KeyURL: raw}))
		if err == nil {
			t.Errorf("%s: no error", raw)
			continue
		}
		if text := err.Error(); !strings.Contains(text, KeyURL) || strings.Contains(text, "secret") || strings.Contains(text, "\n") {
			t.Errorf("%s: %s", raw, text)
		}
	}
}

func FuzzURL(f *testing.F) {
	for _, raw := range []string{"mysql://u:p@h:1/d?engine=innodb", "sqlite:///a", "mem:", "mysql://u:%zz@[::1]/d", "x:y"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		l, err := parse(raw)
		if err == nil && l.MySQL != nil && (l.MySQL.User == "" || l.MySQL.Database == "" || l.MySQL.Address == "" || l.MySQL.Engine == "") {
			t.Errorf("%q is %+v", raw, l.MySQL)
		}
		if err == nil && l.MySQL == nil && l.File == "" && raw != "mem:" {
			t.Errorf("%q is memory", raw)
		}
		if err != nil && !strings.Contains(err.Error(), KeyURL) {
			t.Error(err)
		}
	})
}

func TestDefaultIsAFileUnderTheTmpDir(t *testing.T) {
	l, err := Locate(conf.New(map[string]string{"hadoop.tmp.dir": "/x/y"}))
	if err != nil || l.File != "/x/y/dfs/namespace.db" {
		t.Error(l, err)
	}
}

func TestPasswordFromFileAndEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from file\r\nsecond line"), 0o600); err != nil {
		t.Fatal(err)
	}
	kv := map[string]string{KeyURL: "mysql://u:url@h/d"}
	get := func() string {
		l, err := Locate(conf.New(kv))
		if err != nil {
			t.Fatal(err)
		}
		return l.MySQL.Password
	}
	if p := get(); p != "url" {
		t.Error(p)
	}
	t.Setenv(EnvPassword, "environment")
	if p := get(); p != "environment" {
		t.Error(p)
	}
	kv[KeyPasswordFile] = file
	if p := get(); p != "from file" {
		t.Error(p)
	}
	kv[KeyPasswordFile] = file + ".none"
	if _, err := Locate(conf.New(kv)); err == nil || !strings.Contains(err.Error(), KeyPasswordFile) {
		t.Error(err)
	}
}

func TestHopsFSProperties(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HADOOP_CONF_DIR", dir)
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "ndb.properties"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kv := map[string]string{KeyClass: hopsFSClass, KeyFile: "ndb.properties"}
	write("# comment\ncom.mysql.clusterj.connectstring=ndb1:1186\ncom.mysql.clusterj.database = hops\n" +
		"io.hops.metadata.ndb.mysqlserver.host=sql1\nio.hops.metadata.ndb.mysqlserver.port: 3307\n" +
		"io.hops.metadata.ndb.mysqlserver.username=u\nio.hops.metadata.ndb.mysqlserver.password=secret=1\n")
	l, err := Locate(conf.New(kv))
	if err != nil || l.String() != "mysql://u@sql1:3307/hops?engine=ndbcluster" || l.MySQL.Password != "secret=1" {
		t.Error(l, err)
	}
	write("com.mysql.clusterj.database=hops\nio.hops.metadata.ndb.mysqlserver.password=secret\n")
	if _, err := Locate(conf.New(kv)); err == nil || !strings.Contains(err.Error(), "mysqlserver.host") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	kv[KeyClass] = "io.example.Other"
	if _, err := Locate(conf.New(kv)); err == nil || !strings.Contains(err.Error(), KeyClass) {
		t.Error(err)
	}
}

func TestOpen(t *testing.T) {
	for name, kv := range map[string]map[string]string{
		"sqlite": {KeyURL: "sqlite://" + filepath.Join(t.TempDir(), "new", "n.db")},
		"innodb": {KeyURL: mariadb.Database(t)},
		"memory": {KeyURL: "mem:"},
	} {
		s, err := Open(t.Context(), conf.New(kv))
		if err != nil {
			t.Fatal(name, err)
		}
		if err := s.Admin().Migrate(t.Context()); err != nil {
			t.Error(name, err)
		}
		if s.Traits().Name != name {
			t.Error(s.Traits())
		}
		if err := s.Close(); err != nil {
			t.Error(name, err)
		}
	}
}

func TestWrongPasswordAndDownServer(t *testing.T) {
	url := mariadb.Database(t)
	server := mariadb.Shared(t)
	for _, c := range []struct {
		url  string
		kind dal.Kind
		want string
	}{
		{strings.Replace(url, server.Password, "wrong", 1), dal.Permanent, KeyURL},
		{"mysql://u:secret@127.0.0.1:1/d", dal.Unavailable, "127.0.0.1:1"},
	} {
		s, err := Open(t.Context(), conf.New(map[string]string{KeyURL: c.url}))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		_, _, err = s.Admin().Version(t.Context())
		if !dal.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "wrong") {
			t.Error(err)
		}
	}
}
