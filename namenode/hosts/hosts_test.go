package hosts

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hopsql/hopsql/hadoop/conf"
)

func save(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func lists(t *testing.T, kv map[string]string) *Lists {
	t.Helper()
	l, err := FromConf(t.Context(), conf.New(kv), nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var now = time.UnixMilli(1_700_000_000_000)

// check asks for a DataNode at a port of 10.0.0.x.
func check(t *testing.T, l *Lists, ip string, port int64, want Wish) {
	t.Helper()
	if got, _ := l.Wish(ip, "host-"+ip, port, now); got != want {
		t.Errorf("%s:%d: %d, want %d", ip, port, got, want)
	}
}

func TestNoLists(t *testing.T) { check(t, lists(t, nil), "10.0.0.1", 9866, Serve) }

func TestPlainLists(t *testing.T) {
	exclude := save(t, "# comment\n10.0.0.2 10.0.0.3:9866\n\n10.0.0.9 # not included\n")
	l := lists(t, map[string]string{keyExclude: exclude})
	check(t, l, "10.0.0.1", 9866, Serve)
	check(t, l, "10.0.0.2", 1, Empty)
	check(t, l, "10.0.0.3", 9866, Empty)
	check(t, l, "10.0.0.3", 9867, Serve)

	l = lists(t, map[string]string{keyHosts: save(t, "10.0.0.1\n10.0.0.2:9866 localhost host-10.0.0.7"), keyExclude: exclude})
	check(t, l, "10.0.0.1", 9866, Serve)
	check(t, l, "10.0.0.2", 9866, Empty)
	check(t, l, "10.0.0.2", 9867, Refuse)
	check(t, l, "10.0.0.4", 9866, Refuse)
	check(t, l, "10.0.0.7", 9866, Serve)
	check(t, l, "10.0.0.9", 9866, Refuse)
	check(t, l, "127.0.0.1", 9866, Serve)
}

func TestReload(t *testing.T) {
	exclude := save(t, "")
	l := lists(t, map[string]string{keyExclude: exclude})
	check(t, l, "10.0.0.2", 1, Serve)
	if err := os.WriteFile(exclude, []byte("10.0.0.2"), 0o600); err != nil {
		t.Fatal(err)
	}
	check(t, l, "10.0.0.2", 1, Serve)
	if err := l.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, l, "10.0.0.2", 1, Empty)
	if err := os.WriteFile(exclude, []byte("10.0.0.2:x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Reload(t.Context()); err == nil {
		t.Error("a port that is no number is taken")
	}
	check(t, l, "10.0.0.2", 1, Empty)
}

func TestCombinedFile(t *testing.T) {
	entries := `{"hostName": "10.0.0.1"} , {"hostName": "10.0.0.2", "port": 9866, "adminState": "DECOMMISSIONED", "upgradeDomain": "u"},
		{"hostName": "10.0.0.3", "adminState": "IN_MAINTENANCE"},
		{"hostName": "10.0.0.4", "adminState": "IN_MAINTENANCE", "maintenanceExpireTimeInMS": 1700000000001},
		{"hostName": "10.0.0.5", "adminState": "IN_MAINTENANCE", "maintenanceExpireTimeInMS": 1700000000000}`
	for _, text := range []string{"[" + entries + "]", `{"hostName": "10.0.0.1"} {"hostName": "10.0.0.2", "port": 9866, "adminState": "DECOMMISSIONED"}
		{"hostName": "10.0.0.3", "adminState": "IN_MAINTENANCE"} {"hostName": "10.0.0.4", "adminState": "IN_MAINTENANCE", "maintenanceExpireTimeInMS": 1700000000001}
		{"hostName": "10.0.0.5", "adminState": "IN_MAINTENANCE", "maintenanceExpireTimeInMS": 1700000000000}`} {
		l := lists(t, map[string]string{keyProvider: "org.apache.hadoop.hdfs.server.blockmanagement.CombinedHostFileManager", keyHosts: save(t, text)})
		check(t, l, "10.0.0.1", 9866, Serve)
		check(t, l, "10.0.0.2", 9866, Empty)
		check(t, l, "10.0.0.2", 9867, Refuse)
		check(t, l, "10.0.0.3", 9866, Maintain)
		check(t, l, "10.0.0.4", 9866, Maintain)
		check(t, l, "10.0.0.5", 9866, Serve)
		check(t, l, "10.0.0.6", 9866, Refuse)
		if _, until := l.Wish("10.0.0.4", "", 9866, now); until != 1_700_000_000_001 {
			t.Errorf("until %d", until)
		}
	}
	l := lists(t, map[string]string{keyProvider: "CombinedHostFileManager", keyHosts: save(t, `[{"hostName": "10.0.0.3", "adminState": "DECOMMISSIONED"}]`)})
	check(t, l, "10.0.0.1", 9866, Serve)
	check(t, l, "10.0.0.3", 9866, Empty)
}

func TestBadLists(t *testing.T) {
	combined := "org.apache.hadoop.hdfs.server.blockmanagement.CombinedHostFileManager"
	for _, kv := range []map[string]string{
		{keyProvider: "org.example.Mine"},
		{keyHosts: "/nowhere/hosts"},
		{keyExclude: "/nowhere/hosts"},
		{keyProvider: combined},
		{keyProvider: combined, keyHosts: "/nowhere/hosts"},
		{keyProvider: combined, keyHosts: save(t, `[{"hostName": "a", "adminState": "ASLEEP"}]`)},
		{keyProvider: combined, keyHosts: save(t, `[{"port": 1}]`)},
		{keyProvider: combined, keyHosts: save(t, `[{"hostName": 1}]`)},
		{keyProvider: combined, keyHosts: save(t, `{"hostName": "10.0.0.1"`)},
	} {
		if _, err := FromConf(t.Context(), conf.New(kv), nil); err == nil {
			t.Errorf("%v is taken", kv)
		}
	}
}
