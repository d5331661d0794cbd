package ldapserver

import (
	"maps"
	"testing"
)

// Who may ask the directory of Company, and the keys that say so.
const (
	Asker    = "cn=asker,dc=example,dc=org"
	Password = "an open secret"
)

// Company starts a server with the people and groups of a company: alice and bob are
// in eng and all, which is a group of groups; carol and "o(d)d*" are nowhere else. The
// entries are as Active Directory and as a Unix directory have them.
func Company(tb testing.TB) *Server {
	tb.Helper()
	const people, groups = ",ou=people,dc=example,dc=org", ",ou=groups,dc=example,dc=org"
	person := func(name, uid, gid string, groupsOf ...string) Entry {
		a := map[string][]string{"objectClass": {"user", "posixAccount"}, "sAMAccountName": {name}, "uid": {name}, "uidNumber": {uid}, "gidNumber": {gid}}
		if len(groupsOf) > 0 {
			a["memberOf"] = groupsOf
		}
		return Entry{"cn=" + name + people, a}
	}
	group := func(name, gid string, more map[string][]string) Entry {
		a := map[string][]string{"objectClass": {"group", "posixGroup"}, "cn": {name}, "gidNumber": {gid}}
		maps.Copy(a, more)
		return Entry{"cn=" + name + groups, a}
	}
	return Start(tb, map[string]string{Asker: Password}, []Entry{
		person("alice", "1001", "100", "cn=eng"+groups, "cn=ops"+groups),
		person("bob", "1002", "100", "ou=not by its name"+groups),
		person("carol", "1003", "300"),
		{`cn=o(d)d*` + people, map[string][]string{"objectClass": {"user"}, "sAMAccountName": {"o(d)d*"}, "memberOf": {`cn=Odd\, really` + groups}}},
		group("eng", "100", map[string][]string{"member": {"cn=alice" + people, "cn=bob" + people, "cn=o(d)d*" + people}, "memberUid": {"1001"}}),
		group("ops", "200", map[string][]string{"member": {"cn=alice" + people}, "memberUid": {"1001", "alice", "1003"}}),
		group("all", "400", map[string][]string{"member": {"cn=eng" + groups}}),
		group("world", "500", map[string][]string{"member": {"cn=all" + groups, "cn=world" + groups}}),
	})
}

// Keys are those of Hadoop's LdapGroupsMapping that lead to the server.
func (s *Server) Keys() map[string]string {
	const prefix = "hadoop.security.group.mapping"
	return map[string]string{
		prefix:                         "org.apache.hadoop.security.LdapGroupsMapping",
		prefix + ".ldap.url":           "ldap://" + s.Address,
		prefix + ".ldap.base":          "dc=example,dc=org",
		prefix + ".ldap.bind.user":     Asker,
		prefix + ".ldap.bind.password": Password,
	}
}
