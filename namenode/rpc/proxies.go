package rpc

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

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
	hosts         []string
	nets          []netip.Prefix
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
			if err := r.addHosts(key, c.Strings(key)); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

func (r *proxyRule) addHosts(key string, hosts []string) error {
	for _, h := range hosts {
		if strings.Contains(h, "/") {
			n, err := netip.ParsePrefix(h)
			if err != nil {
				return fmt.Errorf("%s: %q is no address range such as 10.0.0.0/8", key, h)
			}
			r.nets = append(r.nets, n.Masked())
			continue
		}
		r.hosts = append(r.hosts, h)
	}
	return nil
}

// Authorize decides whether a connection may act for its user; see
// ipc.ServerConfig.Authorize.
func (s *Service) Authorize(c *ipc.Call) error {
	if c.RealUser == "" {
		return nil
	}
	r := s.proxies.Load().rules[c.RealUser]
	if r == nil || !r.allowsUser(c.User, s.groups.Of) {
		return &ipc.Exception{Class: classAuthorization, Message: fmt.Sprintf("User: %s is not allowed to impersonate %s", c.RealUser, c.User)}
	}
	if !r.allowsHost(c.RemoteIP) {
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

func (r *proxyRule) allowsHost(ip string) bool {
	if slices.Contains(r.hosts, "*") || slices.Contains(r.hosts, ip) {
		return true
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	if slices.ContainsFunc(r.nets, func(n netip.Prefix) bool { return n.Contains(addr) }) {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, h := range r.hosts {
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", h)
		if err == nil && slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Unmap() == addr }) {
			return true
		}
	}
	return false
}
