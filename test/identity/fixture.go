package identity

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/hadoop"
)

// server is a NameNode and a stock client of it.
type server struct {
	*hadoop.Shell
	name   string
	conf   string // folder of its configuration
	audits string // file of its audit log, "" if there is none
}

// start starts Apache's NameNode and this project's with the same keys.
func start(t *testing.T, keys map[string]string) []*server {
	t.Helper()
	dir := t.TempDir()
	apache := hadoop.StartNameNode(t, dir, keys)
	audits := filepath.Join(t.TempDir(), "audit.log")
	own := maps.Clone(keys)
	own["hopsql.audit.log"] = audits
	ours := cluster.Start(t, cluster.Options{Conf: own})
	return []*server{
		{Shell: client(t, apache.FS()), name: "Apache", conf: filepath.Join(dir, "conf")},
		{Shell: client(t, ours.FS()), name: "here", conf: ours.Conf, audits: audits},
	}
}

func client(t *testing.T, fs string) *hadoop.Shell {
	t.Helper()
	return hadoop.NewClient(t, fs, map[string]string{"hadoop.security.groups.cache.secs": "1"}).Shell(t)
}

// set changes a key of the server's configuration. It counts after a refresh.
func (s *server) set(t *testing.T, key, value string) {
	t.Helper()
	path := filepath.Join(s.conf, "core-site.xml")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	old := regexp.MustCompile(`(?s)<property>\s*<name>` + regexp.QuoteMeta(key) + `</name>.*?</property>`)
	data = old.ReplaceAll(data, nil)
	more := "<property><name>" + key + "</name><value>" + value + "</value></property></configuration>"
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), "</configuration>", more, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// volatile is what two servers do not have in common.
var volatile = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d,\d+)?|127\.0\.0\.1:\d+`)

// said is what a command printed, and how it ended.
func said(r hadoop.Result) string {
	return volatile.ReplaceAllString(r.Stdout+r.Stderr, "*") + map[bool]string{true: "failed"}[r.Exit != 0]
}

// same has each server do something and compares the answers. It returns this
// project's.
func same(t *testing.T, servers []*server, what string, do func(*server) hadoop.Result) string {
	t.Helper()
	want := said(do(servers[0]))
	got := said(do(servers[1]))
	if got != want {
		t.Errorf("%s\nApache: %s\n  here: %s", what, want, got)
	}
	return got
}

var superuser = conf.UserName()
