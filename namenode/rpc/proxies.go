package rpc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/hadoop/conf"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
)

// proxies says who may act as whom: hadoop.proxyuser.U.users, .groups and .hosts.
type proxies struct {
	rules map[string]*proxyRule // by the user who impersonates
}

// A proxyRule lists whom one user may impersonate, and from where. "*" is everybody
// or everywhere.
type proxyRule struct {
	users, groups []string
	machines
}

const proxyPrefix = "hadoop.proxyuser."

func newProxies(c *conf.Config) (*proxies, error) {
	p := &proxies{rules: map[string]*proxyRule{}}
	for _, key := range c.Keys() {
		rest, ok := strings.CutPrefix(key, proxyPrefix)
		if !ok {
			continue
		}
		i := strings.LastIndexByte(rest, '.')
		if i <= 0 {
			continue
		}
		r := p.rules[rest[:i]]
		if r == nil {
			r = &proxyRule{}
			p.rules[rest[:i]] = r
		}
		switch rest[i+1:] {
		case "users":
			r.users = c.Strings(key)
		case "groups":
			r.groups = c.Strings(key)
		case "hosts":
			if err := r.add(key, c.Strings(key)); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// checkProxy returns an error if the real user of a call may not act for its user.
func (s *Service) checkProxy(c *ipc.Call) error {
	r := s.proxies.Load().rules[c.RealUser]
	if r == nil || !r.allowsUser(c.User, s.groups.Of) {
		return &ipc.Exception{Class: classAuthorization, Message: fmt.Sprintf("User: %s is not allowed to impersonate %s", c.RealUser, c.User)}
	}
	if !r.has(c.RemoteIP) {
		return &ipc.Exception{Class: classAuthorization, Message: fmt.Sprintf("Unauthorized connection for super-user: %s from IP /%s", c.RealUser, c.RemoteIP)}
	}
	return nil
}

func (r *proxyRule) allowsUser(user string, groups func(string) []string) bool {
	if slices.Contains(r.users, "*") || slices.Contains(r.groups, "*") || slices.Contains(r.users, user) {
		return true
	}
	if len(r.groups) == 0 {
		return false
	}
	return slices.ContainsFunc(groups(user), func(g string) bool { return slices.Contains(r.groups, g) })
}
