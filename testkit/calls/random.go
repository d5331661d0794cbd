package calls

import (
	"math/rand/v2"
	"strings"
)

// RandomEntries returns entries of an access control list as setfacl takes them, no two
// about the same, with permissions by perm, or without any if it is nil.
func RandomEntries(rnd *rand.Rand, perm func() string) string {
	scopes := []string{"", "", "default:"}
	subjects := []string{"user::", "user:bob:", "user:carol:", "user:dave:", "group::", "group:staff:", "group:users:", "mask::", "other::"}
	seen := map[string]bool{}
	var out []string
	for range 1 + rnd.IntN(5) {
		e := scopes[rnd.IntN(len(scopes))] + subjects[rnd.IntN(len(subjects))]
		if seen[e] {
			continue
		}
		seen[e] = true
		if perm != nil {
			e += perm()
		}
		out = append(out, e)
	}
	return strings.Join(out, ",")
}
