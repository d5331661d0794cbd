package rpc

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// machines is a list of names, addresses and ranges of addresses. "*" is everywhere.
type machines struct {
	hosts []string
	nets  []netip.Prefix
}

func (m *machines) add(key string, hosts []string) error {
	for _, h := range hosts {
		if strings.Contains(h, "/") {
			n, err := netip.ParsePrefix(h)
			if err != nil {
				return fmt.Errorf("%s: %q is no address range such as 10.0.0.0/8", key, h)
			}
			m.nets = append(m.nets, n.Masked())
			continue
		}
		m.hosts = append(m.hosts, h)
	}
	return nil
}

func (m *machines) has(ip string) bool {
	if slices.Contains(m.hosts, "*") || slices.Contains(m.hosts, ip) {
		return true
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	if slices.ContainsFunc(m.nets, func(n netip.Prefix) bool { return n.Contains(addr) }) {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, h := range m.hosts {
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", h)
		if err == nil && slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Unmap() == addr }) {
			return true
		}
	}
	return false
}
