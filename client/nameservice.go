package client

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/hadoop/conf"
)

// Where HDFS listens when an address names no port.
const defaultPort = "8020"

// NameService is one file system's NameNodes. All of them serve the same names.
type NameService struct {
	URI       string   // hdfs://host:port or hdfs://logical-name, no slash at its end
	ID        string   // logical name, "" when the URI names a host
	NameNodes []string // ids of dfs.ha.namenodes.<ID>; one "" when the URI names a host
	Addrs     []string // RPC addresses host:port, in configured order
}

// LookupNameService finds the NameNodes that uri stands for; "" means
// fs.defaultFS. A logical name is looked up in dfs.ha.namenodes and
// dfs.namenode.rpc-address, any other host is an address.
func LookupNameService(cfg *conf.Config, uri string) (*NameService, error) {
	if uri == "" {
		uri = cfg.Get("fs.defaultFS")
	}
	if !strings.Contains(uri, "://") && strings.Contains(uri, ":") {
		uri = "hdfs://" + uri // the ancient host:port form
	}
	u, err := url.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("fs.defaultFS %q is no URI: %w", uri, err)
	}
	if u.Scheme != "hdfs" {
		return nil, fmt.Errorf("%q is not an HDFS: set fs.defaultFS to hdfs://HOST:PORT in core-site.xml, or give -fs hdfs://HOST:PORT", uri)
	}
	if u.Host == "" {
		return defaultAuthority(cfg, uri)
	}
	ns := &NameService{URI: "hdfs://" + u.Host}
	if ids := cfg.Strings("dfs.ha.namenodes." + u.Host); u.Port() == "" && len(ids) > 0 {
		return ns, ns.logical(cfg, u.Host, ids)
	}
	if u.Port() == "" && slices.Contains(cfg.Strings("dfs.nameservices"), u.Host) {
		return ns, ns.logical(cfg, u.Host, []string{""})
	}
	ns.NameNodes = []string{""}
	ns.Addrs = []string{withPort(u.Host)}
	return ns, nil
}

// defaultAuthority serves hdfs:///path: the authority is that of fs.defaultFS.
func defaultAuthority(cfg *conf.Config, uri string) (*NameService, error) {
	def := cfg.Get("fs.defaultFS")
	if u, err := url.Parse(def); err == nil && u.Scheme == "hdfs" && u.Host != "" {
		return LookupNameService(cfg, def)
	}
	return nil, fmt.Errorf("Incomplete HDFS URI, no host: %s", uri) //nolint:staticcheck // the words of Apache's client
}

func (n *NameService) logical(cfg *conf.Config, name string, ids []string) error {
	n.ID = name
	for _, id := range ids {
		addr := cfg.Suffixed("dfs.namenode.rpc-address", name, id)
		if addr == "" {
			return fmt.Errorf("nameservice %s: dfs.namenode.rpc-address.%s.%s is not set", name, name, id)
		}
		n.NameNodes = append(n.NameNodes, id)
		n.Addrs = append(n.Addrs, withPort(addr))
	}
	return nil
}

// seeds are the NameNodes that a session begins with: those of the name, and
// with fs.defaultFS also those of HopsFS's key for the same purpose.
func (n *NameService) seeds(cfg *conf.Config) []string {
	list := slices.Clone(n.Addrs)
	def, err := LookupNameService(cfg, "")
	if err != nil || def.URI != n.URI {
		return list // the key is not about this file system
	}
	for _, addr := range cfg.Strings("dfs.namenodes.rpc.addresses") {
		if addr = withPort(addr); !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	return list
}

func withPort(addr string) string {
	if _, _, err := net.SplitHostPort(addr); err == nil {
		return addr
	}
	return net.JoinHostPort(strings.Trim(addr, "[]"), defaultPort)
}
