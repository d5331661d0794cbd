package namespace_test

import (
	"strings"
	"testing"

	"github.com/hopsql/hopsql/namenode/namespace"
)

// TestNoStoragePolicies: what an operator has switched off is refused to everybody.
func TestNoStoragePolicies(t *testing.T) {
	ns := namespace.New(nil, nil, nil, namespace.Settings{NoPolicies: true, Owner: "root"})
	c := &namespace.Caller{User: "root"}
	for op, err := range map[string]error{
		"set storage policy":   ns.SetStoragePolicy(t.Context(), c, "/a", "HOT"),
		"unset storage policy": ns.UnsetStoragePolicy(t.Context(), c, "/a"),
	} {
		if err == nil || !strings.Contains(err.Error(), "Failed to "+op+" since dfs.storage.policy.enabled is set to false.") {
			t.Errorf("%s: %v", op, err)
		}
	}
}
