package conf

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// DefaultRPCPort is the port of a NameNode whose address names none.
const DefaultRPCPort = 8020

// Suffixed looks up key.ns.nn, key.ns and key, the first that has a value.
// Where ns or nn is empty its forms are left out.
func (c *Config) Suffixed(key, ns, nn string) string {
	if ns != "" && nn != "" {
		if v := c.Get(key + "." + ns + "." + nn); v != "" {
			return v
		}
	}
	if ns != "" {
		if v := c.Get(key + "." + ns); v != "" {
			return v
		}
	}
	return c.Get(key)
}

// NameNodeAddresses are the RPC addresses (host:port) that fs.defaultFS stands
// for, in configured order: one, or those of a logical nameservice.
func (c *Config) NameNodeAddresses() ([]string, error) {
	addrs, err := c.Addresses(c.Get("fs.defaultFS"))
	if err != nil {
		return nil, fmt.Errorf("fs.defaultFS: %w", err)
	}
	return addrs, nil
}

// Addresses are the RPC addresses that a URI hdfs://host:port/… or
// hdfs://nameservice/… stands for. A bare host:port is taken for such a URI.
func (c *Config) Addresses(uri string) ([]string, error) {
	if !strings.Contains(uri, "/") {
		uri = "hdfs://" + uri
	}
	u, err := url.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("%q is no URI: %w", RedactText(uri), err)
	}
	if u.Scheme != "hdfs" {
		return nil, fmt.Errorf("%s is not an hdfs:// URI; set fs.defaultFS or give -fs hdfs://host:port", uri)
	}
	host, port := u.Hostname(), u.Port()
	if host == "" {
		return nil, fmt.Errorf("%s names no host", uri)
	}
	if c.isLogical(host) {
		if port != "" {
			return nil, fmt.Errorf("Port %s specified in URI %s but host '%s' is a logical (HA) namenode and does not use port information.", port, uri, host) //nolint:staticcheck // Hadoop's text
		}
		return c.NameserviceAddresses(host)
	}
	addr, err := WithPort(u.Host, DefaultRPCPort)
	if err != nil {
		return nil, err
	}
	return []string{addr}, nil
}

// isLogical reports whether host is a nameservice and no machine.
func (c *Config) isLogical(host string) bool {
	for _, ns := range c.Strings("dfs.nameservices") {
		if ns == host {
			return true
		}
	}
	return c.Get("dfs.ha.namenodes."+host) != ""
}

// NameserviceAddresses are the RPC addresses of the NameNodes of a nameservice.
func (c *Config) NameserviceAddresses(ns string) ([]string, error) {
	const key = "dfs.namenode.rpc-address"
	nns := c.Strings("dfs.ha.namenodes." + ns)
	if len(nns) == 0 {
		nns = []string{""}
	}
	var addrs []string
	for _, nn := range nns {
		name, v := key+"."+ns, ""
		if nn != "" {
			name += "." + nn
			v = c.Get(name)
		} else {
			v = c.Suffixed(key, ns, "")
		}
		if v == "" {
			return nil, fmt.Errorf("%s is not set, but nameservice %s needs it", name, ns)
		}
		addr, err := WithPort(v, DefaultRPCPort)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// Identity is which NameNode of which nameservice this process is: from
// dfs.nameservice.id and dfs.ha.namenode.id, or else the one whose RPC address
// is an address of this machine. Both are empty without dfs.nameservices.
func (c *Config) Identity() (ns, nn string, err error) {
	all := c.Strings("dfs.nameservices")
	if ns = c.Get("dfs.nameservice.id"); ns != "" {
		all = []string{ns}
	}
	id := c.Get("dfs.ha.namenode.id")
	type pair struct{ ns, nn string }
	var pairs []pair
	for _, ns := range all {
		nns := c.Strings("dfs.ha.namenodes." + ns)
		if len(nns) == 0 {
			nns = []string{""}
		}
		for _, nn := range nns {
			if id == "" || id == nn {
				pairs = append(pairs, pair{ns, nn})
			}
		}
	}
	switch {
	case len(all) == 0:
		return "", "", nil
	case len(pairs) == 1:
		return pairs[0].ns, pairs[0].nn, nil
	}
	var found []pair
	for _, p := range pairs {
		if isLocal(c.Suffixed("dfs.namenode.rpc-address", p.ns, p.nn)) {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return "", "", fmt.Errorf("%d of the configured NameNodes have an address of this machine: set dfs.ha.namenode.id (and dfs.nameservice.id) to say which this one is", len(found))
	}
	return found[0].ns, found[0].nn, nil
}

// isLocal reports whether an address belongs to this machine.
func isLocal(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	ips, err := net.LookupIP(host)
	if err != nil {
		return false
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, ip := range ips {
		for _, a := range own {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
				return true
			}
		}
	}
	return false
}

// WithPort checks an address host[:port] and adds the port if it has none.
func WithPort(addr string, port int) (string, error) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		host, p = strings.Trim(addr, "[]"), strconv.Itoa(port)
		if strings.Count(host, ":") == 1 { // host: with a port that is none
			return "", fmt.Errorf("%q is not host:port", addr)
		}
	}
	if p == "" {
		p = strconv.Itoa(port)
	}
	if n, err := strconv.ParseUint(p, 10, 16); err != nil || host == "" || strings.ContainsAny(host, " /@") {
		return "", fmt.Errorf("%q is not host:port", addr)
	} else {
		p = strconv.FormatUint(n, 10)
	}
	return net.JoinHostPort(host, p), nil
}
