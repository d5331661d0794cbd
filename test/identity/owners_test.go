package identity

import (
	"strings"
	"testing"

	"github.com/hopsql/hopsql/testkit/hadoop"
)

// ownerKeys say what owners may do that others may not, and the other way round.
var ownerKeys = map[string]string{
	"dfs.permissions.allow.owner.set.quota":         "true",
	"dfs.quota.by.storage.type.enabled":             "false",
	"dfs.storage.policy.permissions.superuser-only": "true",
	"fs.protected.directories":                      "/kept",
	"dfs.protected.subdirectories.enable":           "true",
	"dfs.namenode.audit.log.debug.cmdlist":          "listStatus,getfileinfo",
}

// owners sets quotas and policies, and deletes, as users with and without the right to.
func owners(t *testing.T, servers []*server) {
	for _, s := range servers {
		s.DFS(t, "-mkdir", "-p", "/own/dir/below", "/kept/a/b").OK(t)
		s.DFS(t, "-chown", "ann", "/own", "/own/dir").OK(t)
		s.DFS(t, "-chmod", "-R", "777", "/own", "/kept").OK(t)
	}
	for _, line := range []string{
		"ann dfsadmin -setQuota 5 /own/dir",
		"ann dfsadmin -setSpaceQuota 1m /own/dir/below",
		"ann dfsadmin -setQuota 5 /own",
		"ann dfsadmin -setQuota 5 /own/missing",
		"ann dfsadmin -clrQuota /own/dir",
		"ben dfsadmin -setQuota 5 /own/dir",
		"ben dfsadmin -setQuota 5 /own/dir/below",
		"ben dfsadmin -clrSpaceQuota /own/dir",
		"SUPER dfsadmin -setQuota 50 /own",
		"SUPER dfsadmin -setSpaceQuota 1m -storageType SSD /own",
		"ann dfs -count -q /own /own/dir /own/dir/below",
		"ann storagepolicies -setStoragePolicy -path /own/dir -policy COLD",
		"ann storagepolicies -unsetStoragePolicy -path /own/dir",
		"ann storagepolicies -getStoragePolicy -path /own/dir",
		"SUPER storagepolicies -setStoragePolicy -path /own/dir -policy WARM",
		"ann dfs -mv /kept/a /own/a",
		"ann dfs -mv /kept/a/b /kept/b",
		"ann dfs -rm -r /kept/a",
		"SUPER dfs -rm -r /kept/a",
		"SUPER dfs -rm -r /kept",
	} {
		words := strings.Fields(line)
		same(t, servers, line, func(s *server) hadoop.Result {
			switch {
			case words[0] != "SUPER":
				return s.Proxied(t, "any", words[0], words[1], words[2:]...)
			case words[1] == "dfsadmin":
				return s.Admin(t, words[2:]...)
			case words[1] == "storagepolicies":
				return s.Policies(t, words[2:]...)
			}
			return s.DFS(t, words[2:]...)
		})
	}
}
