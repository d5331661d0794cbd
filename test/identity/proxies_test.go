package identity

import (
	"os"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/testkit/hadoop"
)

// proxyKeys are who may act for whom at first.
var proxyKeys = map[string]string{
	"hadoop.proxyuser.oozie.users":       "ann",
	"hadoop.proxyuser.oozie.hosts":       "127.0.0.1",
	"hadoop.proxyuser.hue.groups":        "users",
	"hadoop.proxyuser.hue.hosts":         "10.0.0.0/8,127.0.0.0/8",
	"hadoop.proxyuser.any.groups":        "*",
	"hadoop.proxyuser.any.hosts":         "*",
	"hadoop.proxyuser.far.users":         "*",
	"hadoop.proxyuser.far.hosts":         "10.0.0.1,10.1.0.0/16",
	"hadoop.proxyuser.nowhere.users":     "*",
	"hadoop.proxyuser.nobody.hosts":      "*",
	"hadoop.proxyuser.dotted.name.users": "ben",
	"hadoop.proxyuser.dotted.name.hosts": "localhost",
}

// proxyUsers has stock clients act for others, with and without the right to.
func proxyUsers(t *testing.T, servers []*server) {
	for _, s := range servers {
		s.DFS(t, "-mkdir", "/shared").OK(t)
		s.DFS(t, "-chown", "ann:staff", "/shared").OK(t)
		s.DFS(t, "-chmod", "770", "/shared").OK(t)
	}
	try := func(real, user string) string {
		t.Helper()
		same(t, servers, real+" as "+user+" makes a file", func(s *server) hadoop.Result {
			return s.Proxied(t, real, user, "dfs", "-touchz", "/shared/"+real+"-"+user)
		})
		return same(t, servers, real+" as "+user, func(s *server) hadoop.Result {
			return s.Proxied(t, real, user, "dfs", "-ls", "/shared")
		})
	}
	for _, users := range [][2]string{{"oozie", "ann"}, {"oozie", "ben"}, {"oozie", "oozie"}, {"hue", "ben"}, {"hue", "ann"},
		{"hue", "dave"}, {"any", "ann"}, {"any", superuser}, {"any", "dave"}, {"far", "ann"}, {"nowhere", "ann"}, {"nobody", "ann"},
		{"dotted.name", "ben"}, {"eve", "ann"}, {superuser, "ann"}} {
		try(users[0], users[1])
	}
	for _, s := range servers {
		s.set(t, "hadoop.proxyuser.eve.users", "*")
		s.set(t, "hadoop.proxyuser.eve.hosts", "*")
		s.set(t, "hadoop.proxyuser.hue.groups", "staff")
	}
	refresh := func(s *server) hadoop.Result { return s.Admin(t, "-refreshSuperUserGroupsConfiguration") }
	same(t, servers, "refresh", refresh)
	if got := try("eve", "ann"); strings.Contains(got, "failed") {
		t.Errorf("after a refresh: %s", got)
	}
	if got := try("hue", "ben"); !strings.Contains(got, "not allowed to impersonate") {
		t.Errorf("after a refresh: %s", got)
	}
	for _, s := range servers {
		for line := range strings.Lines(s.audit(t)) {
			if strings.Contains(line, "src=/shared/oozie-ann") && !strings.Contains(line, "ugi=ann (auth:PROXY) via oozie (auth:SIMPLE)\t") {
				t.Errorf("%s writes to its audit log: %s", s.name, line)
			}
		}
	}
}

func (s *server) audit(t *testing.T) string {
	t.Helper()
	if s.audits == "" {
		return ""
	}
	data, err := os.ReadFile(s.audits)
	if err != nil || !strings.Contains(string(data), "via oozie") {
		t.Fatalf("no audit log with a proxy user (%v)\n%s", err, data)
	}
	if strings.Contains(string(data), "cmd=getfileinfo") {
		t.Error("the audit log has commands that are left out by the configuration")
	}
	return string(data)
}
