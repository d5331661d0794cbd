package namenode

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/hadoop/conf"
)

// An unserved key asks for something that this NameNode does not do.
type unserved struct {
	key string
	// fine are the values that ask for nothing; without them any value does.
	fine []string
	// fatal: going on would leave a door open that the operator thinks is shut.
	fatal bool
	text  string
}

var unservedKeys = []unserved{
	{"hadoop.security.authentication", []string{"simple"}, true, "only simple authentication is supported"},
	{"dfs.block.access.token.enable", []string{"false"}, true, "block access tokens are not supported"},
	{"dfs.encrypt.data.transfer", []string{"false"}, true, "encryption of the data transfer is not supported"},
	{"dfs.http.policy", []string{"HTTP_ONLY"}, true, "only HTTP_ONLY is supported: put a proxy in front for HTTPS"},
	{"dfs.namenode.rpc-address.auxiliary-ports", nil, false, "there are no auxiliary ports"},
	{"dfs.namenode.inode.attributes.provider.class", nil, false, "plug-ins for attributes are not supported"},
	{"dfs.namenode.ip-proxy-users", nil, false, "addresses in caller contexts are not looked at"},
}

// checkUnserved returns what the configuration asks for in vain: warnings, and an
// error where that would be dangerous.
func checkUnserved(c *conf.Config) (warnings []string, err error) {
	for _, u := range unservedKeys {
		v := strings.TrimSpace(c.Get(u.key))
		if v == "" || slices.ContainsFunc(u.fine, func(f string) bool { return strings.EqualFold(f, v) }) {
			continue
		}
		text := fmt.Sprintf("%s is %s: %s", u.key, c.Redacted(u.key), u.text)
		if u.fatal {
			return nil, fmt.Errorf("%s", text)
		}
		warnings = append(warnings, text)
	}
	return warnings, nil
}
