package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/audit"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/groups"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/namenode/rpc"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

var identity = rpc.Identity{NamespaceID: 77, ClusterID: "CID-test", BlockPoolID: "BP-1-127.0.0.1-1", CTime: 5}

// server is a NameNode over a store in memory, on a port.
type server struct {
	svc    *rpc.Service
	t      testing.TB
	store  *faulty.Store
	engine *txn.Engine
	addr   string
	audit  string // path of the audit log
	conf   atomic.Pointer[conf.Config]
	leads  atomic.Bool
}

// start serves; kv is the configuration.
func start(t testing.TB, kv map[string]string) *server {
	t.Helper()
	return startWith(t, kv, 5, nil)
}

// startWith is start with pages of so many entries. join, if not nil, makes what
// begins each call.
func startWith(t testing.TB, kv map[string]string, page int, join func(*server) func(context.Context) func() (context.Context, error)) *server {
	t.Helper()
	s := &server{t: t, store: faulty.New(memstore.New()), audit: filepath.Join(t.TempDir(), "audit.log")}
	s.leads.Store(true)
	s.conf.Store(conf.New(kv))
	s.format()
	log := slog.New(slog.DiscardHandler)
	var err error
	s.engine, err = txn.New(s.store, txn.Options{NodeID: 1, HintIndexes: blocks.HintIndexes, Patience: 50 * time.Millisecond, Logger: log})
	must(t, err)
	t.Cleanup(s.engine.Close)
	reg := blocks.NewRegistry(s.engine, blocks.Options{Logger: log, Seed: 1})
	must(t, reg.Load(t.Context()))
	reg.TakeOver(3)
	safe := blocks.NewSafe(s.engine, reg, blocks.SafeOptions{Threshold: 0.999})
	must(t, safe.Check(t.Context()))
	defaults := namespace.ServerDefaults{BlockSize: 128 << 20, BytesPerChecksum: 512, WritePacketSize: 65536, Replication: 3,
		FileBufferSize: 4096, TrashInterval: 360, ChecksumType: "CRC32C"}
	limits := namespace.DefaultLimits()
	limits.MinBlockSize, limits.ListLimit = 16, page
	ns := namespace.New(s.engine, reg, safe, namespace.Settings{Limits: limits, Owner: "hdfs", SuperGroup: "supergroup",
		CheckPermissions: true, Defaults: defaults})
	mapping := groups.New(groups.Config{Static: map[string][]string{"alice": {"users"}, "bob": {"users"}, "root": {"supergroup"}},
		Lookup: func(string) ([]string, error) { return nil, nil }})
	auditLog, err := audit.Open(s.audit, log)
	must(t, err)
	t.Cleanup(func() { auditLog.Close() })
	var serve func(context.Context) func() (context.Context, error)
	if join != nil {
		serve = join(s)
	}
	svc, err := rpc.New(rpc.Config{Serve: serve, Namespace: ns, Blocks: reg, Safe: safe, Groups: mapping, Audit: auditLog, Identity: identity, Defaults: defaults,
		Leader: func() (bool, int64) { return s.leads.Load(), 3 }, Conf: s.conf.Load(), Reload: func() (*conf.Config, error) { return s.conf.Load(), nil },
		Build: "test", Logger: log})
	must(t, err)
	srv, err := ipc.NewServer(ipc.ServerConfig{Addr: "127.0.0.1:0", Authorize: svc.Authorize, Logger: log})
	must(t, err)
	svc.Register(srv)
	s.svc = svc
	s.addr = srv.Addr().String()
	done := make(chan error, 1)
	go func() { done <- srv.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		must(t, srv.Shutdown(ctx))
		must(t, <-done)
	})
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// format writes the rows of an empty file system.
func (s *server) format() {
	root := schema.Inode{ParentID: schema.RootParentID, ID: schema.RootID, UserName: "hdfs", GroupName: "supergroup", Mode: 0o755}
	dir := schema.Directory{ID: schema.RootID, MTime: 1, NSQuota: math.MaxInt64, DSQuota: -1}
	changes := []dal.Change{{Table: schema.Inodes, Row: root.Row()}, {Table: schema.Directories, Row: dir.Row()}}
	for _, v := range []schema.Variable{
		{Name: schema.VarNextInodeID, Value: schema.FirstInodeID}, {Name: schema.VarNextBlockID, Value: schema.FirstBlockID},
		{Name: schema.VarNextStorageID, Value: 1}, {Name: schema.VarNextNodeID, Value: 2}, {Name: schema.VarSafeMode}, {Name: schema.VarEpoch, Value: 3},
		{Name: schema.VarNamespaceID, Value: identity.NamespaceID}, {Name: schema.VarClusterID, Text: identity.ClusterID},
		{Name: schema.VarBlockPoolID, Text: identity.BlockPoolID}, {Name: schema.VarCTime, Value: identity.CTime}, {Name: schema.VarFormatted, Value: 1},
	} {
		changes = append(changes, dal.Change{Table: schema.Variables, Row: v.Row()})
	}
	for i := range changes {
		changes[i].Op, changes[i].Key = dal.Put, changes[i].Table.Key(changes[i].Row)
	}
	tx, err := s.store.Begin(s.t.Context())
	must(s.t, err)
	must(s.t, tx.Commit(s.t.Context(), changes))
}

// user is a client that calls as somebody.
type user struct {
	s *server
	c *ipc.Client
}

func (s *server) as(name string) *user { return s.proxied("", name) }

// proxied is a client of real that calls as name.
func (s *server) proxied(real, name string) *user {
	c := ipc.NewClient(ipc.ClientConfig{User: name, RealUser: real, CallTimeout: 10 * time.Second, Logger: slog.New(slog.DiscardHandler)})
	s.t.Cleanup(func() { c.Close() })
	return &user{s, c}
}

// call calls ClientProtocol.
func call[R any, PR interface {
	*R
	proto.Message
}](u *user, method string, req proto.Message) (PR, error) {
	resp := PR(new(R))
	err := u.c.Call(u.s.t.Context(), u.s.addr, rpc.ClientProtocol, method, req, resp)
	return resp, err
}

// ok is call where an error ends the test.
func ok[R any, PR interface {
	*R
	proto.Message
}](u *user, method string, req proto.Message) PR {
	u.s.t.Helper()
	resp, err := call[R, PR](u, method, req)
	if err != nil {
		u.s.t.Fatalf("%s: %v", method, err)
	}
	return resp
}

// refused checks the Java class of an error, and a part of its text.
func refused(t testing.TB, err error, class, text string) {
	t.Helper()
	var x *ipc.Exception
	if !errors.As(err, &x) || x.Class != class || !strings.Contains(x.Message, text) {
		t.Errorf("error %#v, want class %s with %q", err, class, text)
	}
}

// auditLines waits until the audit log has n lines and returns it.
func (s *server) auditLines(n int) string {
	s.t.Helper()
	for range 500 {
		data, err := os.ReadFile(s.audit)
		must(s.t, err)
		if bytes.Count(data, []byte("\n")) >= n {
			return string(data)
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatalf("the audit log never has %d lines", n)
	return ""
}

func perm(mode uint32) *hdfspb.FsPermissionProto { return &hdfspb.FsPermissionProto{Perm: &mode} }

func (u *user) mkdirs(path string) {
	u.s.t.Helper()
	r := ok[hdfspb.MkdirsResponseProto](u, "mkdirs", &hdfspb.MkdirsRequestProto{Src: &path, Masked: perm(0o755), CreateParent: proto.Bool(true)})
	if !r.GetResult() {
		u.s.t.Fatalf("mkdirs %s is false", path)
	}
}

func createRequest(path, client string) *hdfspb.CreateRequestProto {
	return &hdfspb.CreateRequestProto{Src: &path, Masked: perm(0o644), ClientName: &client, CreateFlag: proto.Uint32(3),
		CreateParent: proto.Bool(true), Replication: proto.Uint32(1), BlockSize: proto.Uint64(16)}
}

// create makes an open file.
func (u *user) create(path, client string) *hdfspb.HdfsFileStatusProto {
	u.s.t.Helper()
	r := ok[hdfspb.CreateResponseProto](u, "create", createRequest(path, client))
	if r.Fs == nil {
		u.s.t.Fatal("the answer of create has no status")
	}
	return r.Fs
}

func (u *user) stat(path string) *hdfspb.HdfsFileStatusProto {
	u.s.t.Helper()
	return ok[hdfspb.GetFileInfoResponseProto](u, "getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: &path}).Fs
}

func containsAll(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}
