package identity

import (
	"slices"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/testkit/hadoop"
	"github.com/hopsql/hopsql/testkit/ldapserver"
)

// directoryKeys are those of mappings that ask the same LDAP server in two ways, then
// the machine.
func directoryKeys(company *ldapserver.Server) map[string]string {
	keys := map[string]string{
		"hadoop.security.group.mapping":                     "org.apache.hadoop.security.CompositeGroupsMapping",
		"hadoop.security.group.mapping.providers":           "company,unix,machine",
		"hadoop.security.group.mapping.provider.company":    "org.apache.hadoop.security.LdapGroupsMapping",
		"hadoop.security.group.mapping.provider.machine":    "org.apache.hadoop.security.ShellBasedUnixGroupsMapping",
		"hadoop.security.groups.negative-cache.secs":        "0",
		"hadoop.user.group.static.mapping.overrides":        "ann=users,staff;ben=users;dave=;dr.who=;" + superuser + "=supergroup,machine",
		"hadoop.security.group.mapping.providers.combined":  "false",
		"hadoop.security.group.mapping.provider.unix":       "org.apache.hadoop.security.RuleBasedLdapGroupsMapping",
		"hadoop.security.groups.shell.command.timeout":      "30s",
		"hadoop.security.group.mapping.ldap.num.attempts":   "1",
		"hadoop.security.group.mapping.ldap.search.nothing": "unknown keys mean nothing",
	}
	for key, value := range company.Keys() {
		if rest, ok := strings.CutPrefix(key, "hadoop.security.group.mapping.ldap"); ok {
			keys["hadoop.security.group.mapping.provider.company.ldap"+rest] = value
			keys["hadoop.security.group.mapping.provider.unix.ldap"+rest] = value
		}
	}
	for key, value := range map[string]string{
		"company.ldap.search.attr.memberof":          "memberOf",
		"company.ldap.search.group.hierarchy.levels": "1",
		"unix.ldap.search.filter.user":               "(&(objectClass=posixAccount)(uid={0}))",
		"unix.ldap.search.filter.group":              "(objectClass=posixGroup)",
		"unix.ldap.search.attr.member":               "memberUid",
		"unix.ldap.conversion.rule":                  "to_upper",
	} {
		keys["hadoop.security.group.mapping.provider."+key] = value
	}
	return keys
}

// groupsOfADirectory has both servers ask the same LDAP server.
func groupsOfADirectory(t *testing.T, servers []*server, company *ldapserver.Server) {
	for user, want := range map[string]string{"alice": "all eng ops", "bob": "all eng", "carol": "OPS", "o(d)d*": "all eng", "*": "",
		"dr.who": "", superuser: "machine supergroup", "daemon": "daemon", "stranger": ""} {
		got := same(t, servers, "hdfs groups "+user, func(s *server) hadoop.Result {
			r := s.Groups(t, user)
			name, groups, _ := strings.Cut(strings.TrimSpace(r.Stdout), " :")
			sorted := strings.Fields(groups) // Apache's are in no order
			slices.Sort(sorted)
			r.Stdout = name + " :" + strings.Join(sorted, " ")
			return r
		})
		if got != user+" :"+want {
			t.Errorf("%s: %s", user, got)
		}
	}
	for _, s := range servers {
		s.DFS(t, "-mkdir", "/eng").OK(t)
		s.DFS(t, "-chown", "nobody:eng", "/eng").OK(t)
		s.DFS(t, "-chmod", "770", "/eng").OK(t)
		s.set(t, "hadoop.proxyuser."+superuser+".groups", "all,OPS")
		s.set(t, "hadoop.proxyuser."+superuser+".hosts", "*")
		s.Admin(t, "-refreshSuperUserGroupsConfiguration").OK(t)
	}
	for _, user := range []string{"alice", "bob", "carol", "daemon"} {
		same(t, servers, user+" lists what belongs to eng", func(s *server) hadoop.Result {
			return s.Proxied(t, superuser, user, "dfs", "-ls", "/eng")
		})
	}
	company.Close()
	same(t, servers, "what is known while the directory is down", func(s *server) hadoop.Result {
		return s.Proxied(t, superuser, "alice", "dfs", "-ls", "/eng")
	})
	same(t, servers, "refresh", func(s *server) hadoop.Result { return s.Admin(t, "-refreshUserToGroupsMappings") })
	same(t, servers, "forgotten", func(s *server) hadoop.Result { return s.Groups(t, "alice") })
}
