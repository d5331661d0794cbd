package client

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/user"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"google.golang.org/protobuf/proto"
)

// Names of the protocols of a NameNode.
const (
	ProtocolClient          = "org.apache.hadoop.hdfs.protocol.ClientProtocol"
	ProtocolHAService       = "org.apache.hadoop.ha.HAServiceProtocol"
	ProtocolUserMappings    = "org.apache.hadoop.tools.GetUserMappingsProtocol"
	ProtocolRefreshMappings = "org.apache.hadoop.security.RefreshUserMappingsProtocol"
	ProtocolRefreshPolicy   = "org.apache.hadoop.security.authorize.RefreshAuthorizationPolicyProtocol"
	ProtocolRefreshQueue    = "org.apache.hadoop.ipc.RefreshCallQueueProtocol"
)

// ProtocolClientDatanode is the protocol of a DataNode for clients.
const ProtocolClientDatanode = "org.apache.hadoop.hdfs.protocol.ClientDatanodeProtocol"

// caller is what a session needs of rpc.Client.
type caller interface {
	CallID() int32
	CallAs(ctx context.Context, addr, protocol, method string, callID, retry int32, req, resp proto.Message) error
	Call(ctx context.Context, addr, protocol, method string, req, resp proto.Message) error
	Close() error
}

// session is what all Clients of one New share.
type session struct {
	conf   *conf.Config
	rpc    caller
	names  *NameService
	roster *roster
	finder *finder
	retry  retryLimits
	log    *slog.Logger
	sleep  func(context.Context, time.Duration) error
	leases *leases
	data   dataSettings

	user       string
	homePrefix string
	holder     string // lease holder name of this client
	umask      uint32
	defaults   defaultsCache
	closed     atomic.Bool
	moves      atomic.Int64 // how often a call went on at another NameNode
}

// retryLimits bounds the repetition of one call; see hdfs-default.xml and
// core-default.xml for the keys of the same meaning.
type retryLimits struct {
	failovers int           // dfs.client.failover.max.attempts, each of them over all NameNodes
	connects  int           // ipc.client.connect.max.retries, one NameNode
	interval  time.Duration // ipc.client.connect.retry.interval
	busy      int           // dfs.client.retry.max.attempts: RetriableException
	silence   time.Duration // hopsql.client.silence; 0 = wait for the answer whatever happens
	base, max time.Duration // dfs.client.failover.sleep.base.millis, .sleep.max.millis
}

func newSession(cfg *conf.Config, o options) (*session, error) {
	names, err := LookupNameService(cfg, o.uri)
	if err != nil {
		return nil, err
	}
	s := &session{conf: cfg, names: names, log: o.logger, sleep: sleepContext, rpc: o.caller}
	if s.log == nil {
		s.log = slog.Default()
	}
	real := ""
	if s.user, real, err = identity(o.user); err != nil {
		return nil, err
	}
	s.homePrefix = cfg.Get("dfs.user.home.dir.prefix")
	if s.homePrefix == "" {
		s.homePrefix = "/user"
	}
	s.holder = fmt.Sprintf("DFSClient_NONMAPREDUCE_%d_%d", rand.Int32(), os.Getpid())
	shuffle, err := cfg.Bool("dfs.client.failover.random.order", true)
	if err != nil {
		return nil, err
	}
	pick, err := parsePolicy(cfg.Get(keyPolicy))
	if err != nil {
		return nil, err
	}
	s.roster = newRoster(names.seeds(cfg), pick, !shuffle)
	if s.retry, err = readLimits(cfg); err != nil {
		return nil, err
	}
	if s.finder, err = newFinder(s); err != nil {
		return nil, err
	}
	if s.umask, err = readUmask(cfg); err != nil {
		return nil, err
	}
	if s.rpc == nil {
		if s.rpc, err = dialer(cfg, s.user, real, o); err != nil {
			return nil, err
		}
	}
	if s.data, err = readDataSettings(cfg); err != nil {
		return nil, err
	}
	s.leases = newLeases(s)
	return s, nil
}

func dialer(cfg *conf.Config, user, real string, o options) (caller, error) {
	timeout, err := cfg.Duration("ipc.client.rpc-timeout.ms", 120*time.Second, time.Millisecond)
	if err != nil {
		return nil, err
	}
	connect, err := cfg.Duration("ipc.client.connect.timeout", 20*time.Second, time.Millisecond)
	if err != nil {
		return nil, err
	}
	max, err := cfg.Int("ipc.maximum.response.length", 128<<20)
	if err != nil {
		return nil, err
	}
	return rpc.NewClient(rpc.ClientConfig{
		User: user, RealUser: real, CallTimeout: timeout, ConnectTimeout: connect, MaxResponse: int(max), Logger: o.logger,
	}), nil
}

func readLimits(cfg *conf.Config) (r retryLimits, err error) {
	ints := []struct {
		key string
		def int64
		to  *int
	}{
		{"dfs.client.failover.max.attempts", 15, &r.failovers},
		{"ipc.client.connect.max.retries", 10, &r.connects},
		{"dfs.client.retry.max.attempts", 10, &r.busy},
	}
	for _, k := range ints {
		n, err := cfg.Int(k.key, k.def)
		if err != nil {
			return r, err
		}
		*k.to = int(n)
	}
	times := []struct {
		key string
		def time.Duration
		to  *time.Duration
	}{
		{"ipc.client.connect.retry.interval", time.Second, &r.interval},
		{"dfs.client.failover.sleep.base.millis", 500 * time.Millisecond, &r.base},
		{"dfs.client.failover.sleep.max.millis", 15 * time.Second, &r.max},
		{"hopsql.client.silence", 5 * time.Second, &r.silence},
	}
	for _, k := range times {
		if *k.to, err = cfg.Duration(k.key, k.def, time.Millisecond); err != nil {
			return r, err
		}
	}
	return r, nil
}

// identity is the user whom calls act for and, with HADOOP_PROXY_USER, the one
// who asks on his behalf: HADOOP_USER_NAME, else the user of the process.
func identity(override string) (effective, real string, err error) {
	me := override
	if me == "" {
		me = os.Getenv("HADOOP_USER_NAME")
	}
	if me == "" {
		u, err := user.Current()
		if err != nil {
			return "", "", fmt.Errorf("cannot tell who runs this process, set HADOOP_USER_NAME: %w", err)
		}
		me = u.Username
	}
	if p := os.Getenv("HADOOP_PROXY_USER"); p != "" {
		return p, me, nil
	}
	return me, "", nil
}

// readUmask reads fs.permissions.umask-mode, octal ("022") or symbolic ("u=rwx,g=rx,o=rx").
func readUmask(cfg *conf.Config) (uint32, error) {
	v := strings.TrimSpace(cfg.Get("fs.permissions.umask-mode"))
	if v == "" {
		return 0o022, nil
	}
	if n, err := strconv.ParseUint(v, 8, 32); err == nil && n <= 0o1777 {
		return uint32(n) & 0o777, nil
	}
	m, err := ParseMode(v)
	if err != nil {
		return 0, fmt.Errorf("fs.permissions.umask-mode is %q: want an octal number such as 022 or a symbolic mask such as u=rwx,g=rx,o=", v)
	}
	return ^m.Apply(0, false) & 0o777, nil
}
