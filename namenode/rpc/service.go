// Package rpc is the NameNode on the wire: Hadoop's protocols for clients,
// DataNodes, tools and operators over the rules of namespace and blocks. A handler
// decodes, calls and encodes; what it calls it does not know. Java classes of
// errors are chosen here and nowhere else.
package rpc

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/conf"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/audit"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/election"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/groups"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/namenode/topology"
	"github.com/hopsql/hopsql/schema"
)

// SoftwareVersion is the release of Hadoop that this NameNode claims to be:
// DataNodes and tools compare it with their own.
const SoftwareVersion = "3.4.3"

// Protocols served, by the names that clients ask for.
const (
	ClientProtocol          = "org.apache.hadoop.hdfs.protocol.ClientProtocol"
	DatanodeProtocol        = "org.apache.hadoop.hdfs.server.protocol.DatanodeProtocol"
	LifelineProtocol        = "org.apache.hadoop.hdfs.server.protocol.DatanodeLifelineProtocol"
	NamenodeProtocol        = "org.apache.hadoop.hdfs.server.protocol.NamenodeProtocol"
	HAServiceProtocol       = "org.apache.hadoop.ha.HAServiceProtocol"
	ReconfigurationProtocol = "org.apache.hadoop.hdfs.protocol.ReconfigurationProtocol"
	RefreshUserMappings     = "org.apache.hadoop.security.RefreshUserMappingsProtocol"
	RefreshAuthorization    = "org.apache.hadoop.security.authorize.RefreshAuthorizationPolicyProtocol"
	RefreshCallQueue        = "org.apache.hadoop.ipc.RefreshCallQueueProtocol"
	GenericRefresh          = "org.apache.hadoop.ipc.GenericRefreshProtocol"
	GetUserMappings         = "org.apache.hadoop.tools.GetUserMappingsProtocol"
	NameNodesProtocol       = "org.hopsql.protocol.NameNodesProtocol" // this project's own
)

// Identity is what never changes in the life of a file system.
type Identity struct {
	NamespaceID int64
	ClusterID   string
	BlockPoolID string
	CTime       int64 // ms
}

// Config are the parts that the protocols are served from.
type Config struct {
	Namespace *namespace.Namespace
	Blocks    *blocks.Registry
	Safe      *blocks.Safe
	Groups    *groups.Mapping
	Racks     *topology.Mapping // nil for one rack
	Audit     *audit.Log        // nil for none
	Identity  Identity
	Defaults  namespace.ServerDefaults
	// Leader tells whether this NameNode commands the DataNodes, and under which
	// epoch, which only grows.
	Leader func() (leads bool, epoch int64)
	// Living returns the NameNodes that serve; nil for this one only, without a list.
	Living func() []election.Member
	// Serve returns what begins each client's call under a context; see election.Node.
	// Nil lets every call go on.
	Serve func(context.Context) (begin func() (context.Context, error))
	// Conf is the configuration at the start; Reload reads it again for the calls
	// that refresh a part of it.
	Conf   *conf.Config
	Reload func() (*conf.Config, error)
	// MetaSave writes what there is to do with blocks to a file of that name; nil if
	// there is no place for it.
	MetaSave func(ctx context.Context, name string) error
	Build    string // of this program, shown to peers
	Logger   *slog.Logger
}

// Service answers the calls. Safe for many goroutines.
type Service struct {
	ns       *namespace.Namespace
	blocks   *blocks.Registry
	safe     *blocks.Safe
	groups   *groups.Mapping
	racks    *topology.Mapping
	audits   *audit.Log
	identity Identity
	defaults namespace.ServerDefaults
	leader   func() (bool, int64)
	living   func() []election.Member
	serve    func(context.Context) func() (context.Context, error)
	reload   func() (*conf.Config, error)
	metaSave func(context.Context, string) error
	build    string
	log      *slog.Logger

	proxies       atomic.Pointer[proxies]
	access        atomic.Pointer[map[string]*access] // by protocol
	checkHostname bool                               // of DataNodes
	callerContext bool                               // it goes into the audit log
	contextSize   int                                // characters of it that do
	unaudited     []string                           // commands that are not logged
	authorization bool                               // hadoop.security.authorization
	rackNeeded    bool                               // a DataNode whose rack is not known is refused
}

// New makes the service. It reads the few keys that only the protocols know.
func New(cfg Config) (*Service, error) {
	s := &Service{ns: cfg.Namespace, blocks: cfg.Blocks, safe: cfg.Safe, groups: cfg.Groups, racks: cfg.Racks, audits: cfg.Audit,
		identity: cfg.Identity, defaults: cfg.Defaults, leader: cfg.Leader, living: cfg.Living, serve: cfg.Serve, reload: cfg.Reload, metaSave: cfg.MetaSave, build: cfg.Build, log: cfg.Logger}
	if s.log == nil {
		s.log = slog.Default()
	}
	for key, p := range map[string]*bool{
		"dfs.namenode.datanode.registration.ip-hostname-check": &s.checkHostname,
		"hadoop.caller.context.enabled":                        &s.callerContext,
		"hadoop.security.authorization":                        &s.authorization,
		"dfs.namenode.reject-unresolved-dn-topology-mapping":   &s.rackNeeded,
	} {
		var err error
		if *p, err = cfg.Conf.Bool(key, key == "dfs.namenode.datanode.registration.ip-hostname-check"); err != nil {
			return nil, err
		}
	}
	size, err := cfg.Conf.Int("hadoop.caller.context.max.size", 128)
	if err != nil {
		return nil, err
	}
	s.contextSize, s.unaudited = int(size), cfg.Conf.Strings("dfs.namenode.audit.log.debug.cmdlist")
	p, err := newProxies(cfg.Conf)
	if err != nil {
		return nil, err
	}
	s.proxies.Store(p)
	all, err := newAccess(cfg.Conf)
	if err != nil {
		return nil, err
	}
	s.access.Store(&all)
	return s, nil
}

// Register adds all protocols to a server. Call it before Serve.
func (s *Service) Register(srv *ipc.Server) {
	srv.Register(ClientProtocol, s.serving(srv.Context(), s.clientMethods()))
	srv.Register(DatanodeProtocol, s.datanodeMethods())
	srv.Register(NamenodeProtocol, s.namenodeMethods())
	srv.Register(HAServiceProtocol, s.haMethods())
	s.registerAdmin(srv)
	if s.living != nil {
		srv.Register(NameNodesProtocol, s.nameNodesMethods())
	}
}

// RegisterLifeline adds what the port for lifelines has: calls there wait for no others.
func (s *Service) RegisterLifeline(srv *ipc.Server) {
	srv.Register(LifelineProtocol, map[string]ipc.Method{"sendLifeline": handle(s.sendLifeline)})
}

// handle is ipc.Handle with the errors of this package.
func handle[Q any, R any, PQ interface {
	*Q
	proto.Message
}, PR interface {
	*R
	proto.Message
}](f func(ctx context.Context, c *ipc.Call, req PQ) (PR, error)) ipc.Method {
	return ipc.Handle[Q, R, PQ, PR](func(ctx context.Context, c *ipc.Call, req PQ) (PR, error) {
		r, err := f(ctx, c, req)
		if err != nil {
			return nil, exception(err)
		}
		return r, nil
	})
}

// handleTo is handle for answers that f appends to dst.
func handleTo[Q any, PQ interface {
	*Q
	proto.Message
}](f func(ctx context.Context, c *ipc.Call, req PQ, dst []byte) ([]byte, error)) ipc.Method {
	return ipc.HandleRaw(func(ctx context.Context, c *ipc.Call, request, dst []byte) ([]byte, error) {
		req := PQ(new(Q))
		if err := proto.Unmarshal(request, req); err != nil {
			return nil, ipc.Undecodable(c, err)
		}
		dst, err := f(ctx, c, req, dst)
		if err != nil {
			return nil, exception(err)
		}
		return dst, nil
	})
}

// caller is who asks, for calls that may be repeated without harm.
func (s *Service) caller(c *ipc.Call) *namespace.Caller {
	return &namespace.Caller{User: c.User, Groups: s.groups.Of(c.User), Host: c.RemoteIP, Call: c.Method}
}

// changer is once for calls whose audit line shows what they made or changed.
func (s *Service) changer(c *ipc.Call) *namespace.Caller {
	n := s.once(c)
	if s.audits != nil {
		n.Changed = new(schema.Inode)
	}
	return n
}

// once is who asks, for calls that are done at most once.
func (s *Service) once(c *ipc.Call) *namespace.Caller {
	n := s.caller(c)
	if c.HasClientID && c.CallID >= 0 {
		n.ClientID, n.CallID, n.Retry = string(c.ClientID[:]), int64(c.CallID), max(0, c.RetryCount)
	}
	return n
}

// requireSuper returns an error unless the caller is a superuser.
func (s *Service) requireSuper(c *ipc.Call, op string) error {
	return s.ns.RequireSuper(s.caller(c), op)
}

// audit notes an operation that was done, or that the caller has no right to;
// HDFS's log has no other failures.
func (s *Service) audit(c *ipc.Call, err error, cmd, src, dst string) {
	s.auditResult(c, true, err, cmd, src, dst)
}

// auditResult is audit for calls that can say no without an error.
func (s *Service) auditResult(c *ipc.Call, done bool, err error, cmd, src, dst string) {
	s.auditChange(c, nil, done, err, cmd, src, dst)
}

// auditChange is auditResult with the rights of what who, if not nil, changed.
func (s *Service) auditChange(c *ipc.Call, who *namespace.Caller, done bool, err error, cmd, src, dst string) {
	if s.audits == nil || err != nil && !errors.Is(err, fault.AccessDenied) || slices.Contains(s.unaudited, cmd) {
		return
	}
	e := audit.Event{Time: time.Now(), Allowed: done && err == nil, User: c.User, RealUser: c.RealUser, IP: c.RemoteIP,
		Cmd: cmd, Src: src, Dst: dst}
	if who != nil && who.Changed != nil && who.Changed.ID != 0 && e.Allowed {
		e.Perm = who.Changed.UserName + ":" + who.Changed.GroupName + ":" + namespace.ModeString(who.Changed.Mode)
	}
	if s.callerContext {
		e.Context = shorten(c.CallerContext, s.contextSize)
	}
	s.audits.Write(&e)
}

// shorten returns the first characters of s, all of them if size is not above 0.
func shorten(s string, size int) string {
	if size <= 0 || len(s) <= size {
		return s
	}
	for i := range s {
		if size == 0 {
			return s[:i]
		}
		size--
	}
	return s
}
