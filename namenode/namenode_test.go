package namenode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/rpc"
	"github.com/hopsql/hopsql/schema"
)

// output is a log that many goroutines write and a test reads.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) { o.mu.Lock(); defer o.mu.Unlock(); return o.b.Write(p) }

func (o *output) String() string { o.mu.Lock(); defer o.mu.Unlock(); return o.b.String() }

// running is a NameNode in this process.
type running struct {
	t    *testing.T
	addr Addresses
	log  *output
	stop context.CancelFunc
	done chan error
}

// begin starts a NameNode and does not wait for it.
func begin(t *testing.T, c *conf.Config) (r *running, ready chan Addresses) {
	ctx, stop := context.WithCancel(context.Background())
	r = &running{t: t, log: &output{}, stop: stop, done: make(chan error, 1)}
	ready = make(chan Addresses, 1)
	go func() {
		r.done <- RunWith(ctx, c, Options{Logger: slog.New(slog.NewTextHandler(r.log, nil)), Ready: func(a Addresses) { ready <- a }})
	}()
	t.Cleanup(stop)
	return r, ready
}

// run starts a NameNode and waits until it serves.
func run(t *testing.T, c *conf.Config) *running {
	t.Helper()
	r, ready := begin(t, c)
	select {
	case r.addr = <-ready:
	case err := <-r.done:
		t.Fatalf("the NameNode ended: %v\n%s", err, r.log)
	case <-time.After(20 * time.Second):
		t.Fatalf("the NameNode is not ready\n%s", r.log)
	}
	return r
}

// end stops it and wants a clean end.
func (r *running) end() {
	r.t.Helper()
	r.stop()
	if err := r.wait(); err != nil {
		r.t.Fatalf("the NameNode ended with %v\n%s", err, r.log)
	}
}

func (r *running) wait() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(20 * time.Second):
		r.t.Fatalf("the NameNode does not end\n%s", r.log)
		return nil
	}
}

func (r *running) call(method string, req, resp proto.Message) error {
	c := ipc.NewClient(ipc.ClientConfig{User: conf.UserName(), CallTimeout: 10 * time.Second, Logger: slog.New(slog.DiscardHandler)})
	defer c.Close()
	return c.Call(r.t.Context(), r.addr.RPC, rpc.ClientProtocol, method, req, resp)
}

func (r *running) mkdirs(path string) {
	r.t.Helper()
	req := &hdfspb.MkdirsRequestProto{Src: &path, Masked: &hdfspb.FsPermissionProto{Perm: proto.Uint32(0o755)}, CreateParent: proto.Bool(true)}
	if err := r.call("mkdirs", req, &hdfspb.MkdirsResponseProto{}); err != nil {
		r.t.Fatalf("mkdirs: %v\n%s", err, r.log)
	}
}

func (r *running) exists(path string) bool {
	r.t.Helper()
	var resp hdfspb.GetFileInfoResponseProto
	if err := r.call("getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: &path}, &resp); err != nil {
		r.t.Fatal(err)
	}
	return resp.Fs != nil
}

// processConf is a configuration for a NameNode on free ports.
func processConf(t *testing.T, more map[string]string) *conf.Config {
	c := sqliteConf(t, map[string]string{"dfs.namenode.rpc-address": "127.0.0.1:0", "dfs.namenode.http-address": "127.0.0.1:0", keyInterval: "50ms"})
	for k, v := range more {
		c.Set(k, v)
	}
	return c
}

func TestStartServeStopRestart(t *testing.T) {
	c := processConf(t, map[string]string{"dfs.namenode.servicerpc-address": "127.0.0.1:0", keyAuditLog: filepath.Join(t.TempDir(), "audit.log")})
	mustFormat(t, c)
	for i, name := range []string{"/a", "/b"} {
		r := run(t, c)
		for _, earlier := range []string{"/a", "/b"}[:i] {
			if !r.exists(earlier) {
				t.Errorf("%s is gone after a restart", earlier)
			}
		}
		r.mkdirs(name)
		if r.addr.Service == "" || strings.HasSuffix(r.addr.RPC, ":0") {
			t.Errorf("addresses %+v", r.addr)
		}
		line := "NameNode up: rpc " + r.addr.RPC + " http " + r.addr.HTTP + " store sqlite:///"
		if !strings.Contains(r.log.String(), line) {
			t.Errorf("the log lacks %q:\n%s", line, r.log)
		}
		r.end()
		if conn, err := net.Dial("tcp", r.addr.RPC); err == nil {
			conn.Close()
			t.Error("the port is still open")
		}
	}
	store, err := openStore(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	rows, err := store.Read(t.Context(), []dal.Fetch{{Table: schema.Namenodes, Scan: &dal.Scan{}}})
	if err != nil || len(rows[0].Rows) != 0 {
		t.Errorf("%d heartbeat rows are left, %v", len(rows[0].Rows), err)
	}
}

// ended starts a NameNode that cannot run and returns why.
func ended(t *testing.T, c *conf.Config) string {
	t.Helper()
	r, ready := begin(t, c)
	select {
	case <-ready:
		t.Fatalf("the NameNode runs\n%s", r.log)
	case err := <-r.done:
		if err == nil {
			t.Fatal("the NameNode ended without an error")
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("more than one line: %v", err)
		}
		return err.Error()
	case <-time.After(20 * time.Second):
		t.Fatalf("the NameNode waits\n%s", r.log)
	}
	return ""
}

func TestClearErrorsAtTheStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	busy := l.Addr().String()
	formatted := processConf(t, nil)
	mustFormat(t, formatted)
	for _, tc := range []struct {
		set  map[string]string
		want []string
	}{
		{map[string]string{"dfs.namenode.rpc-address": busy}, []string{"dfs.namenode.rpc-address", busy, "in use"}},
		{map[string]string{"dfs.namenode.http-address": busy}, []string{"dfs.namenode.http-address", busy, "in use"}},
		{map[string]string{"dfs.namenode.servicerpc-address": busy}, []string{"dfs.namenode.servicerpc-address", busy}},
		{map[string]string{"dfs.namenode.rpc-address": "192.0.2.99:8020"}, []string{"dfs.namenode.rpc-address", "no address of this machine"}},
		{map[string]string{"dfs.namenode.rpc-address": "host:port"}, []string{"dfs.namenode.rpc-address", `"host:port" is not host:port`}},
		{map[string]string{"dfs.namenode.rpc-address": ""}, []string{"fs.defaultFS is file:///", "set dfs.namenode.rpc-address"}},
		{map[string]string{"dfs.namenode.replication.min": "many"}, []string{"dfs.namenode.replication.min", "many"}},
		{map[string]string{"dfs.replication": "600"}, []string{"dfs.replication is 600"}},
		{map[string]string{"dfs.checksum.type": "CRC64"}, []string{"dfs.checksum.type", "CRC64"}},
		{map[string]string{"dfs.heartbeat.interval": "0"}, []string{"dfs.heartbeat.interval", "more than 0"}},
		{map[string]string{"hadoop.proxyuser.x.hosts": "10.0.0.0/xx"}, []string{"hadoop.proxyuser.x.hosts"}},
		{map[string]string{"hadoop.user.group.static.mapping.overrides": "x"}, []string{"hadoop.user.group.static.mapping.overrides"}},
		{map[string]string{"hadoop.security.group.mapping": "org.example.Ldap"}, []string{"hadoop.security.group.mapping", "org.example.Ldap", "supported are"}},
		{map[string]string{keyStoreURL: "postgres://x/y"}, []string{keyStoreURL}},
		{map[string]string{keyAuditLog: t.TempDir()}, []string{keyAuditLog}},
	} {
		c := processConf(t, map[string]string{keyStoreURL: formatted.Get(keyStoreURL)})
		for k, v := range tc.set {
			c.Set(k, v)
		}
		got := ended(t, c)
		for _, want := range tc.want {
			if !strings.Contains(got, want) {
				t.Errorf("%v: %q lacks %q", tc.set, got, want)
			}
		}
	}
	if got := ended(t, processConf(t, nil)); !strings.Contains(got, "hdfs namenode -format") {
		t.Errorf("an empty store: %s", got)
	}
	r := run(t, formatted)
	if got := ended(t, formatted); !strings.Contains(got, "is locked by process") {
		t.Errorf("a second process on SQLite: %s", got)
	}
	r.end()
}

// TestStoreComesLater: a store that cannot be reached is waited for, and a stop in
// the meantime is obeyed.
func TestStoreComesLater(t *testing.T) {
	store := faulty.New(memstore.New())
	keep(t, store)
	c := processConf(t, nil)
	mustFormat(t, c)
	c.Set(keyStoreURL, "mem:")
	away := func() {
		store.Fail(func(faulty.Call) *faulty.Fault { return &faulty.Fault{Kind: dal.Unavailable} })
	}
	away()
	r, ready := begin(t, c)
	for !strings.Contains(r.log.String(), "cannot be reached; waiting") {
		time.Sleep(time.Millisecond)
	}
	store.Reset()
	select {
	case r.addr = <-ready:
	case <-time.After(20 * time.Second):
		t.Fatalf("the NameNode does not go on\n%s", r.log)
	}
	r.mkdirs("/a")
	r.end()

	away()
	r, _ = begin(t, c)
	for !strings.Contains(r.log.String(), "cannot be reached; waiting") {
		time.Sleep(time.Millisecond)
	}
	r.stop()
	if err := r.wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped while it waits: %v", err)
	}
	store.Reset()
}

func TestUnservedKeys(t *testing.T) {
	for key, v := range map[string]string{"hadoop.security.authentication": "kerberos", "dfs.block.access.token.enable": "true",
		"dfs.encrypt.data.transfer": "true", "dfs.http.policy": "HTTPS_ONLY"} {
		if got := ended(t, processConf(t, map[string]string{key: v})); !strings.Contains(got, key+" is "+v) {
			t.Errorf("%s=%s: %s", key, v, got)
		}
	}
	if w, err := checkUnserved(conf.New(nil)); len(w) != 0 || err != nil {
		t.Errorf("the defaults: %q, %v", w, err)
	}
	w, err := checkUnserved(conf.New(map[string]string{"dfs.namenode.ip-proxy-users": "x", "dfs.namenode.inode.attributes.provider.class": "org.example.Ranger", "dfs.http.policy": "http_only"}))
	if err != nil || len(w) != 2 || !strings.Contains(w[0], "org.example.Ranger") || !strings.Contains(w[1], "dfs.namenode.ip-proxy-users is x: ") {
		t.Errorf("warnings %q, %v", w, err)
	}
}

// TestStopWhileTheStoreIsAway: neither calls that wait for it nor the heartbeat row
// hold up a stop for long.
func TestStopWhileTheStoreIsAway(t *testing.T) {
	store := faulty.New(memstore.New())
	keep(t, store)
	c := processConf(t, nil)
	mustFormat(t, c)
	c.Set(keyStoreURL, "mem:")
	r := run(t, c)
	store.Fail(func(faulty.Call) *faulty.Fault { return &faulty.Fault{Kind: dal.Unavailable} })
	answer := make(chan error, 1)
	go func() {
		answer <- r.call("getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: proto.String("/")}, &hdfspb.GetFileInfoResponseProto{})
	}()
	time.Sleep(50 * time.Millisecond)
	began := time.Now()
	r.end()
	if took := time.Since(began); took > 11*time.Second {
		t.Errorf("the stop took %v", took)
	}
	if <-answer == nil {
		t.Error("a call was answered without a store")
	}
}

// TestTakeoverAfterKill: the row that a killed NameNode left behind keeps nobody
// from leading.
func TestTakeoverAfterKill(t *testing.T) {
	store := memstore.New(func(tr *dal.Traits) { tr.Name, tr.Markers = "innodb", true })
	keep(t, store)
	c := processConf(t, nil)
	mustFormat(t, c)
	left := schema.Namenode{ID: 0, Counter: 7, RPCAddress: "elsewhere:8020"}
	if err := commit(t.Context(), store, []dal.Change{put(schema.Namenodes, left.Row())}); err != nil {
		t.Fatal(err)
	}
	c.Set(keyStoreURL, "mem:")
	r := run(t, c)
	for !strings.Contains(r.log.String(), "leads now") {
		time.Sleep(time.Millisecond)
	}
	r.end()
}

// TestReformattedUnderARunningNameNode ends it: it would answer from what is gone.
func TestReformattedUnderARunningNameNode(t *testing.T) {
	store := memstore.New()
	keep(t, store)
	c := processConf(t, nil)
	mustFormat(t, c)
	c.Set(keyStoreURL, "mem:")
	r := run(t, c)
	mustFormat(t, c)
	if err := r.wait(); err == nil || !strings.Contains(err.Error(), "replaced by another one") {
		t.Errorf("ended with %v", err)
	}
}

func TestWeb(t *testing.T) {
	c := processConf(t, map[string]string{"some.password": "hunter2", "dfs.storage.driver.url2": "mysql://u:hunter2@h/d"})
	mustFormat(t, c)
	r := run(t, c)
	get := func(path string, accept string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+r.addr.HTTP+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	if code, body := get("/isActive", ""); code != 200 || body != "I am Active!" {
		t.Errorf("/isActive: %d %q", code, body)
	}
	for _, accept := range []string{"", "application/json"} {
		_, body := get("/conf", accept)
		if strings.Contains(body, "hunter2") || !strings.Contains(body, "some.password") || !strings.Contains(body, "dfs.blocksize") {
			t.Errorf("/conf shows a password, or too little (%d bytes)", len(body))
		}
	}
	if code, _ := get("/conf?name=no.such.key", ""); code != 404 {
		t.Errorf("an unknown key: %d", code)
	}
	if _, body := get("/conf?name=dfs.blocksize", ""); !strings.Contains(body, "<value>134217728</value>") {
		t.Errorf("one key: %s", body)
	}
	beans := func(query string) []map[string]any {
		_, body := get("/jmx"+query, "")
		var v struct{ Beans []map[string]any }
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatalf("/jmx%s: %v\n%s", query, err, body)
		}
		return v.Beans
	}
	if all := beans(""); len(all) < 5 {
		t.Errorf("%d beans", len(all))
	}
	info := beans("?qry=Hadoop:service=NameNode,name=NameNodeInfo")
	if len(info) != 1 || info[0]["Safemode"] != "" || info[0]["LiveNodes"] != "{}" || !strings.HasPrefix(info[0]["ClusterId"].(string), "CID-") {
		t.Errorf("NameNodeInfo %v", info)
	}
	if b := beans("?qry=Hadoop:service=NameNode,name=FSNamesystem*"); len(b) != 2 || b[1]["FSState"] != "Operational" {
		t.Errorf("by pattern: %v", b)
	}
	if b := beans("?qry=Hadoop:name=NameNodeStatus,*"); len(b) != 1 || b[0]["State"] != "active" || b[0]["HostAndPort"] != r.addr.RPC ||
		!strings.Contains(b[0]["LiveNameNodes"].(string), `"`+r.addr.RPC+`":{`) {
		t.Errorf("NameNodeStatus %v", b)
	}
	if b := beans("?get=Hadoop:service=NameNode,name=FSNamesystem::CapacityTotal"); len(b) != 1 || b[0]["CapacityTotal"] != 0.0 || len(b[0]) != 3 {
		t.Errorf("one attribute: %v", b)
	}
	if b := beans("?qry=Hadoop:service=DataNode,name=*"); len(b) != 0 {
		t.Errorf("no match: %v", b)
	}
	if _, body := get("/stacks", ""); !strings.Contains(body, "goroutine profile") || !strings.Contains(body, "namenode.(*process).wait") {
		t.Errorf("/stacks: %.200s", body)
	}
	if code, _ := get("/debug/pprof/heap", ""); code != 404 {
		t.Errorf("profiles without their key: %d", code)
	}
	if code, _ := get("/nothing", ""); code != 404 {
		t.Errorf("an unknown page: %d", code)
	}
	r.end()
}

// TestSettingsFromDefaults: the defaults of a configuration are Hadoop's.
func TestSettingsFromDefaults(t *testing.T) {
	s, err := readSettings(conf.New(map[string]string{"fs.defaultFS": "hdfs://nn.example"}))
	if err != nil {
		t.Fatal(err)
	}
	n := s.namespace
	if s.rpc.listen != "nn.example:8020" || s.http.public != "0.0.0.0:9870" || s.service.public != "" ||
		n.MinBlockSize != 1<<20 || n.LeaseHardLimit != 1_200_000 || n.MaxBlocks != 10000 || n.ListLimit != 1000 || n.SuperGroup != "supergroup" || !n.CheckPermissions ||
		n.Defaults.BlockSize != 128<<20 || n.Defaults.Replication != 3 || n.Defaults.ChecksumType != "CRC32C" ||
		s.blocks.Recheck != 5*time.Minute || s.blocks.Heartbeat != 3*time.Second || s.safe.Extension != 30*time.Second || s.calls != 1024 {
		t.Errorf("settings %+v", s)
	}
	s, err = readSettings(conf.New(map[string]string{
		"dfs.nameservices": "ns", "dfs.ha.namenodes.ns": "nn1,nn2", "dfs.ha.namenode.id": "nn2", "fs.defaultFS": "hdfs://ns",
		"dfs.namenode.rpc-address.ns.nn1": "one:8020", "dfs.namenode.rpc-address.ns.nn2": "two:8021", "dfs.namenode.rpc-bind-host": "0.0.0.0",
		"dfs.namenode.http-address.ns.nn2": "two:80", "fs.trash.interval": "60"}))
	if err != nil {
		t.Fatal(err)
	}
	if s.rpc.public != "two:8021" || s.rpc.listen != "0.0.0.0:8021" || s.http.listen != "two:80" || s.namespace.Defaults.TrashInterval != 60 {
		t.Errorf("settings of one of two NameNodes: %+v %+v", s.rpc, s.http)
	}
}
