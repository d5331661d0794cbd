package identity

import (
	"testing"

	"github.com/hopsql/hopsql/testkit/hadoop"
)

// services shuts users and machines out of protocols.
func services(t *testing.T, servers []*server) {
	const client = "security.client.protocol"
	refresh := func(s *server) hadoop.Result { return s.Admin(t, "-refreshServiceAcl") }
	for _, keys := range [][2]string{
		{client + ".acl", "ben,any," + superuser + " staff"},
		{client + ".acl.blocked", "ben"},
		{client + ".acl", " staff"},
		{client + ".acl", "*"},
		{client + ".acl.blocked", " "},
		{client + ".hosts", "10.0.0.0/8,127.0.0.0/8"},
		{client + ".hosts.blocked", "127.0.0.1"},
		{client + ".hosts.blocked", ""},
		{"security.get.user.mappings.protocol.acl", "nobody"},
		{"security.refresh.user.mappings.protocol.acl", ""},
		{"security.service.authorization.default.acl", "nobody"},
		{"security.service.authorization.default.acl", "*"},
		{"security.refresh.user.mappings.protocol.acl", "*"},
		{"security.get.user.mappings.protocol.acl", "*"},
	} {
		for _, s := range servers {
			s.set(t, keys[0], keys[1])
		}
		what := keys[0] + "=" + keys[1]
		same(t, servers, what, refresh)
		for _, user := range []string{"ann", "ben", "dave"} {
			same(t, servers, what+" "+user, func(s *server) hadoop.Result { return s.Proxied(t, "any", user, "dfs", "-ls", "/") })
		}
		same(t, servers, what+" superuser", func(s *server) hadoop.Result { return s.DFS(t, "-ls", "/") })
		same(t, servers, what+" groups", func(s *server) hadoop.Result { return s.Groups(t, "ben") })
		same(t, servers, what+" refresh", func(s *server) hadoop.Result { return s.Admin(t, "-refreshUserToGroupsMappings") })
	}
}
