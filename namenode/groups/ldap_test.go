package groups

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/testkit/ldapserver"
)

const ldapKey = "hadoop.security.group.mapping.ldap."

func lookup(t *testing.T, keys map[string]string) Lookup {
	t.Helper()
	cfg, err := FromConf(conf.New(keys))
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Lookup
}

func expect(t *testing.T, l Lookup, user, want string) {
	t.Helper()
	groups, err := l(user)
	if got := strings.Join(groups, ","); err != nil || got != want {
		t.Errorf("%s is in %q, want %q (%v)", user, got, want, err)
	}
}

// with are keys with others on top.
func with(keys map[string]string, more ...string) map[string]string {
	all := maps.Clone(keys)
	for pair := range slices.Chunk(more, 2) {
		all[pair[0]] = pair[1]
	}
	return all
}

func TestGroupsByLDAP(t *testing.T) {
	s := ldapserver.Company(t)
	for name, c := range map[string]struct {
		keys []string
		want map[string]string
	}{
		"by the members of groups": {nil, map[string]string{"alice": "eng,ops", "bob": "eng", "carol": "", "o(d)d*": "eng", "o*": "", "*": "", "nobody": ""}},
		"by the entry of the user": {[]string{ldapKey + "search.attr.memberof", "memberOf"},
			map[string]string{"alice": "eng,ops", "bob": "eng", "carol": "", "o(d)d*": "Odd, really"}},
		"groups of groups":  {[]string{ldapKey + "search.group.hierarchy.levels", "1"}, map[string]string{"alice": "eng,ops,all", "carol": ""}},
		"all the way up":    {[]string{ldapKey + "search.group.hierarchy.levels", "9"}, map[string]string{"alice": "eng,ops,all,world"}},
		"below other bases": {[]string{ldapKey + "userbase", "ou=people,dc=example,dc=org", ldapKey + "groupbase", "cn=ops,ou=groups,dc=example,dc=org"}, map[string]string{"alice": "ops"}},
		"of Unix": {[]string{ldapKey + "search.filter.user", "(&(objectClass=posixAccount)(uid={0}))", ldapKey + "search.filter.group", "(objectClass=posixGroup)",
			ldapKey + "search.attr.member", "memberUid"}, map[string]string{"alice": "eng,ops", "bob": "eng", "carol": "ops"}},
		"of Unix by name": {[]string{ldapKey + "search.filter.user", "(&(objectClass=posixAccount)(uid={0}))", ldapKey + "search.filter.group", "(objectClass=posixGroup)",
			ldapKey + "search.attr.member", "memberUid", ldapKey + "posix.attr.uid.name", "uid"}, map[string]string{"alice": "eng,ops", "carol": ""}},
		"by a pattern": {[]string{ldapKey + "search.filter.group", "(&(objectClass=group)(|(gidNumber={0})(member={1})))", ldapKey + "group.search.filter.pattern", "gidNumber,userDN"},
			map[string]string{"alice": "eng,ops", "carol": ""}},
		"in capital letters": {[]string{keyMapping, "org.apache.hadoop.security.RuleBasedLdapGroupsMapping", ldapKey + "conversion.rule", "to_upper"}, map[string]string{"alice": "ENG,OPS"}},
		"the second server":  {[]string{ldapKey + "url", "ldap://127.0.0.1:1,ldap://" + s.Address, ldapKey + "num.attempts.before.failover", "1"}, map[string]string{"bob": "eng"}},
		"the second who asks": {[]string{ldapKey + "bind.users", "a,b", ldapKey + "bind.users.a.bind.user", ldapserver.Asker, ldapKey + "bind.users.a.bind.password", "wrong",
			ldapKey + "bind.users.b.bind.user", ldapserver.Asker, ldapKey + "bind.users.b.bind.password", ldapserver.Password}, map[string]string{"bob": "eng"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := lookup(t, with(s.Keys(), c.keys...))
			for user, want := range c.want {
				expect(t, l, user, want)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(ldapserver.Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, lookup(t, with(s.Keys(), ldapKey+"bind.password", "", ldapKey+"bind.password.file", file)), "bob", "eng")
	if groups, err := lookup(t, with(s.Keys(), ldapKey+"bind.password", "wrong"))("bob"); err == nil || !strings.Contains(err.Error(), "bind as") {
		t.Errorf("with a wrong password: %v, %v", groups, err)
	}
}

func TestCompositeGroups(t *testing.T) {
	s := ldapserver.Company(t)
	keys := map[string]string{keyMapping: "org.apache.hadoop.security.CompositeGroupsMapping",
		keyMapping + ".providers": "none,company", keyMapping + ".provider.none": "org.apache.hadoop.security.NullGroupsMapping",
		keyMapping + ".provider.company": "org.apache.hadoop.security.LdapGroupsMapping"}
	for key, value := range s.Keys() {
		if rest, ok := strings.CutPrefix(key, keyMapping+"."); ok {
			keys[keyMapping+".provider.company."+rest] = value
		}
	}
	expect(t, lookup(t, keys), "alice", "eng,ops")
	shell := with(keys, keyMapping+".providers", "company,shell", keyMapping+".provider.shell", "org.apache.hadoop.security.ShellBasedUnixGroupsMapping")
	expect(t, lookup(t, shell), "root", "root")
	expect(t, lookup(t, shell), "alice", "eng,ops")
	down := with(shell, keyMapping+".provider.company.ldap.url", "ldap://127.0.0.1:1")
	if groups, err := lookup(t, down)("root"); !slices.Equal(groups, []string{"root"}) || err == nil {
		t.Errorf("with one of two directories down: %q, %v", groups, err)
	}
}

// TestDirectoryDown keeps what was known while nobody can be asked, for a while.
func TestDirectoryDown(t *testing.T) {
	c := &clock{t: time.Unix(0, 0)}
	down := false
	asked := make(chan bool, 100)
	m := New(Config{Now: c.now, Lookup: func(string) ([]string, error) {
		defer func() { asked <- true }()
		if down {
			return nil, errors.New("nobody is there")
		}
		return []string{"g"}, nil
	}})
	m.Of("u")
	<-asked
	down = true
	for range 10 { // within ten times the time to live
		c.pass(290 * time.Second)
		if g := m.Of("u"); !slices.Equal(g, []string{"g"}) {
			t.Fatalf("groups %q", g)
		}
	}
	c.pass(290 * time.Second)
	for len(m.Of("u")) > 0 {
		<-asked
	}
}

func TestRefusedMappings(t *testing.T) {
	good := map[string]string{keyMapping: "org.apache.hadoop.security.LdapGroupsMapping", ldapKey + "url": "ldap://h"}
	lookup(t, good)
	for _, bad := range [][]string{
		{keyMapping, "org.example.Ours", "supported are Jni"},
		{keyMapping, "org.apache.hadoop.security.CompositeGroupsMapping", "providers is empty"},
		{ldapKey + "url", "", "url is empty"},
		{ldapKey + "url", "http://h", "not ldap://HOST"},
		{ldapKey + "url", "ldap://h/dc=example", "ldap.base"},
		{ldapKey + "bind.password.alias", "x", "bind.password.file"},
		{ldapKey + "bind.password.file", "/none", "bind.password.file"},
		{ldapKey + "ssl.keystore", "/none", "not supported"},
		{ldapKey + "ssl.truststore", "/dev/null", "PEM"},
		{ldapKey + "search.filter.user", "(uid={0}", "is no filter"},
		{ldapKey + "num.attempts", "many", "num.attempts"},
		{"hadoop.security.groups.cache.secs", "0", "above 0"},
	} {
		if _, err := FromConf(conf.New(with(good, bad[:2]...))); err == nil || !strings.Contains(err.Error(), bad[2]) {
			t.Errorf("%s=%s: %v", bad[0], bad[1], err)
		}
	}
}

// TestNothingIsRemembered of users without groups, if so configured.
func TestNothingIsRemembered(t *testing.T) {
	cfg, err := FromConf(conf.New(map[string]string{"hadoop.security.groups.negative-cache.secs": "0"}))
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	cfg.Lookup = func(string) ([]string, error) { asked++; return nil, nil }
	m := New(cfg)
	m.Of("u")
	if m.Of("u"); asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}
