package topology

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hopsql/hopsql/hadoop/conf"
)

func save(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func mapping(t *testing.T, kv map[string]string) *Mapping {
	t.Helper()
	m, err := FromConf(conf.New(kv), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOneRack(t *testing.T) {
	m := mapping(t, nil)
	if rack, ok := m.Rack(t.Context(), "10.0.0.1"); rack != DefaultRack || !ok {
		t.Errorf("%q, %v", rack, ok)
	}
	if rack := m.Guess("10.0.0.1"); rack != "" {
		t.Errorf("a guess without a source: %q", rack)
	}
	var none *Mapping
	if rack := none.Guess("10.0.0.1"); rack != "" {
		t.Errorf("a guess without a mapping: %q", rack)
	}
}

func TestTable(t *testing.T) {
	file := save(t, "table", "10.0.0.1 /a # first\n\nhost.example.org\t/b/c/\none two three\n10.0.0.9 no-rack\n", 0o600)
	m := mapping(t, map[string]string{keyMapping: "org.apache.hadoop.net.TableMapping", keyTable: file})
	for _, c := range []struct {
		names []string
		rack  string
		known bool
	}{
		{[]string{"10.0.0.1"}, "/a", true},
		{[]string{"::ffff:10.0.0.1"}, "/a", true},
		{[]string{"10.0.0.2", "HOST.example.org"}, "/b/c", true},
		{[]string{"10.0.0.2", "other"}, DefaultRack, false},
		{[]string{"one"}, DefaultRack, false},
		{[]string{"10.0.0.9"}, DefaultRack, false},
	} {
		if rack, ok := m.Rack(t.Context(), c.names...); rack != c.rack || ok != c.known {
			t.Errorf("%q: %q, %v", c.names, rack, ok)
		}
	}
	if rack := m.Guess("10.0.0.1"); rack != "/a" {
		t.Errorf("guess: %q", rack)
	}
	if err := os.WriteFile(file, []byte("10.0.0.1 /z"), 0o600); err != nil {
		t.Fatal(err)
	}
	if rack, _ := m.Rack(t.Context(), "10.0.0.1"); rack != "/a" {
		t.Errorf("before it is told to read the table again: %q", rack)
	}
	if err := m.Reload(); err != nil {
		t.Fatal(err)
	}
	if rack, _ := m.Rack(t.Context(), "10.0.0.1"); rack != "/z" {
		t.Errorf("after it was told to read the table again: %q", rack)
	}
}

func TestScript(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	file := save(t, "script", "#!/bin/sh\necho $1 >> "+count+"\ncase $1 in 10.0.0.1) echo /a;; 10.0.0.2) echo /b /c;; 10.0.0.3) exit 1;; esac\n", 0o700)
	m := mapping(t, map[string]string{keyScript: file})
	for range 2 {
		if rack, ok := m.Rack(t.Context(), "10.0.0.1"); rack != "/a" || !ok {
			t.Errorf("%q, %v", rack, ok)
		}
	}
	if calls, _ := os.ReadFile(count); string(calls) != "10.0.0.1\n" {
		t.Errorf("the script was asked for %q", calls)
	}
	for _, host := range []string{"10.0.0.2", "10.0.0.3", "10.0.0.4"} {
		if rack, ok := m.Rack(t.Context(), host); rack != DefaultRack || ok {
			t.Errorf("%s: %q, %v", host, rack, ok)
		}
	}
	if rack := m.Guess("10.0.0.1"); rack != "/a" {
		t.Errorf("a guess about a known host: %q", rack)
	}
	if err := m.Reload(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for m.Guess("10.0.0.1") != "/a" {
		if ctx.Err() != nil {
			t.Fatal("no guess while the script has answered long ago")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestBadSettings(t *testing.T) {
	for _, kv := range []map[string]string{
		{keyMapping: "org.example.Mine"},
		{keyMapping: "org.apache.hadoop.net.TableMapping"},
		{keyMapping: "org.apache.hadoop.net.TableMapping", keyTable: "/nowhere/table"},
		{keyScript: "/bin/true", keyArgs: "0"},
	} {
		if _, err := FromConf(conf.New(kv), nil); err == nil {
			t.Errorf("%v is taken", kv)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"/a", "/a", 0}, {"/a", "/b", 2}, {"/d/a", "/d/b", 2}, {"/d/a", "/e/a", 4}, {"/d/a", "/d", 1}} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("%s to %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
