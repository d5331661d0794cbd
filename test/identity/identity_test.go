package identity

import (
	"maps"
	"testing"

	"github.com/hopsql/hopsql/testkit/ldapserver"
)

// TestSameAsApache asks both NameNodes. One pair of them is enough: they take long to
// start.
func TestSameAsApache(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache's NameNode")
	}
	company := ldapserver.Company(t)
	keys := directoryKeys(company)
	maps.Copy(keys, proxyKeys)
	maps.Copy(keys, ownerKeys)
	keys["hadoop.security.authorization"] = "true"
	servers := start(t, keys)
	t.Run("proxy users", func(t *testing.T) { proxyUsers(t, servers) })
	t.Run("owners", func(t *testing.T) { owners(t, servers) })
	t.Run("services", func(t *testing.T) { services(t, servers) })
	t.Run("groups of a directory", func(t *testing.T) { groupsOfADirectory(t, servers, company) })
}
