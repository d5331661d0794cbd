package datanode

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/conf"
)

// The port of a NameNode that its address does not name.
const defaultRPCPort = "8020"

// namenode is one NameNode to register with.
type namenode struct {
	name string // as configured, for logs
	addr string // host:port
}

// settings are the keys of the configuration that a DataNode reads.
type settings struct {
	dataAddr, httpAddr, ipcAddr string
	hostname                    string
	dirs                        []replicas.Dir
	reserved                    func(replicas.Dir, int64) int64
	syncOnClose                 bool
	failedTolerated             int64
	useHostname                 bool
	superGroup                  string

	maxTransfers  int64
	handlers      int64
	keepAlive     time.Duration
	socketTimeout time.Duration
	writeTimeout  time.Duration
	bandwidth     int64 // bytes per second for the balancer

	heartbeat      time.Duration
	reportInterval time.Duration
	reportDelay    time.Duration
	incremental    time.Duration // least time between incremental reports
	splitThreshold int64         // replicas

	namenodes []namenode
}

// reader collects the errors of many keys, so that the user sees all at once.
type reader struct {
	c    *conf.Config
	errs []error
}

func (r *reader) int(key string, def int64) int64 {
	v, err := r.c.Int(key, def)
	r.errs = append(r.errs, err)
	return v
}

func (r *reader) size(key string, def int64) int64 {
	v, err := r.c.Size(key, def)
	r.errs = append(r.errs, err)
	return v
}

func (r *reader) bool(key string) bool {
	v, err := r.c.Bool(key, false)
	r.errs = append(r.errs, err)
	return v
}

func (r *reader) duration(key string, def, unit time.Duration) time.Duration {
	v, err := r.c.Duration(key, def, unit)
	r.errs = append(r.errs, err)
	return v
}

func readSettings(c *conf.Config) (*settings, error) {
	r := &reader{c: c}
	s := &settings{
		dataAddr:        c.Get("dfs.datanode.address"),
		httpAddr:        c.Get("dfs.datanode.http.address"),
		ipcAddr:         c.Get("dfs.datanode.ipc.address"),
		hostname:        c.Get("dfs.datanode.hostname"),
		syncOnClose:     r.bool("dfs.datanode.synconclose"),
		failedTolerated: r.int("dfs.datanode.failed.volumes.tolerated", 0),
		useHostname:     r.bool("dfs.datanode.use.datanode.hostname"),
		superGroup:      c.Get("dfs.permissions.superusergroup"),
		maxTransfers:    r.int("dfs.datanode.max.transfer.threads", 4096),
		handlers:        r.int("dfs.datanode.handler.count", 10),
		keepAlive:       r.duration("dfs.datanode.socket.reuse.keepalive", 4*time.Second, time.Millisecond),
		socketTimeout:   r.duration("dfs.client.socket-timeout", time.Minute, time.Millisecond),
		writeTimeout:    r.duration("dfs.datanode.socket.write.timeout", 8*time.Minute, time.Millisecond),
		bandwidth:       r.size("dfs.datanode.balance.bandwidthPerSec", 100<<20),
		heartbeat:       r.duration("dfs.heartbeat.interval", 3*time.Second, time.Second),
		reportInterval:  r.duration("dfs.blockreport.intervalMsec", 6*time.Hour, time.Millisecond),
		reportDelay:     r.duration("dfs.blockreport.initialDelay", 0, time.Second),
		incremental:     r.duration("dfs.blockreport.incremental.intervalMsec", 0, time.Millisecond),
		splitThreshold:  r.int("dfs.blockreport.split.threshold", 1_000_000),
	}
	var err error
	if s.dirs, err = replicas.ParseDirs(c.Strings("dfs.datanode.data.dir")); err != nil {
		r.errs = append(r.errs, fmt.Errorf("dfs.datanode.data.dir: %w", err))
	}
	if s.namenodes, err = nameNodes(c); err != nil {
		r.errs = append(r.errs, err)
	}
	if s.hostname == "" {
		if s.hostname, err = os.Hostname(); err != nil {
			r.errs = append(r.errs, fmt.Errorf("host name of this machine (set dfs.datanode.hostname): %w", err))
		}
	}
	for key, d := range map[string]time.Duration{"dfs.heartbeat.interval": s.heartbeat, "dfs.blockreport.intervalMsec": s.reportInterval, "dfs.client.socket-timeout": s.socketTimeout} {
		if d <= 0 {
			r.errs = append(r.errs, fmt.Errorf("%s must be more than 0", key))
		}
	}
	s.reserved = r.reserve()
	return s, errors.Join(r.errs...)
}

// reserve reads dfs.datanode.du.reserved and its forms for a storage type and in
// percent; the larger of bytes and percent counts.
func (r *reader) reserve() func(replicas.Dir, int64) int64 {
	type rule struct{ bytes, percent int64 }
	rules := make(map[string]rule)
	for _, t := range []string{"", ".disk", ".ssd", ".archive", ".ram_disk", ".nvdimm"} {
		rules[t] = rule{
			bytes:   r.size("dfs.datanode.du.reserved"+t, r.size("dfs.datanode.du.reserved", 0)),
			percent: r.int("dfs.datanode.du.reserved.pct"+t, r.int("dfs.datanode.du.reserved.pct", 0)),
		}
	}
	return func(d replicas.Dir, capacity int64) int64 {
		u := rules["."+strings.ToLower(d.Type.String())]
		return max(u.bytes, capacity/100*u.percent)
	}
}

// nameNodes finds the addresses that DataNodes use: the service address of each
// NameNode, else its client address, else fs.defaultFS; and those of HopsFS's keys.
func nameNodes(c *conf.Config) ([]namenode, error) {
	list, err := nameserviceNodes(c)
	more := "dfs.namenodes.servicerpc.addresses"
	if len(c.Strings(more)) == 0 {
		more = "dfs.namenodes.rpc.addresses"
	}
	for _, addr := range c.Strings(more) {
		nn, bad := newNameNode(more, "", addr)
		if bad != nil {
			return nil, bad
		}
		if !slices.ContainsFunc(list, func(n namenode) bool { return n.addr == nn.addr }) {
			list, err = append(list, nn), nil // these alone are enough
		}
	}
	return list, err
}

// newNameNode checks the address that a key gives the NameNode id.
func newNameNode(key, id, addr string) (namenode, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		addr = net.JoinHostPort(addr, defaultRPCPort)
	}
	if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || port == "" {
		return namenode{}, fmt.Errorf("%s: %q is no host:port", key, addr)
	}
	return namenode{name: strings.TrimPrefix(id+"/"+addr, "/"), addr: addr}, nil
}

// nameserviceNodes finds the NameNodes of the nameservice.
func nameserviceNodes(c *conf.Config) ([]namenode, error) {
	services := c.Strings("dfs.internal.nameservices")
	if len(services) == 0 {
		services = c.Strings("dfs.nameservices")
	}
	if len(services) > 1 {
		return nil, fmt.Errorf("dfs.nameservices names %d nameservices; this DataNode serves one: name it in dfs.internal.nameservices", len(services))
	}
	ns, ids := "", []string{""}
	if len(services) == 1 {
		ns = services[0]
		if list := c.Strings("dfs.ha.namenodes." + ns); len(list) > 0 {
			ids = list
		}
	}
	var list []namenode
	for _, id := range ids {
		key := "dfs.namenode.servicerpc-address"
		addr := c.Suffixed(key, ns, id)
		if addr == "" {
			key = "dfs.namenode.rpc-address"
			addr = c.Suffixed(key, ns, id)
		}
		if addr == "" && id == "" {
			key = "fs.defaultFS"
			u, err := url.Parse(c.Get(key))
			if err != nil || u.Scheme != "hdfs" || u.Host == "" {
				return nil, fmt.Errorf("which NameNode? fs.defaultFS is %q; set it to hdfs://HOST:PORT, or set dfs.namenode.rpc-address", c.Get(key))
			}
			addr = u.Host
		}
		if addr == "" {
			return nil, fmt.Errorf("dfs.namenode.rpc-address.%s.%s is not set", ns, id)
		}
		nn, err := newNameNode(key, id, addr)
		if err != nil {
			return nil, err
		}
		list = append(list, nn)
	}
	return list, nil
}
