package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/rpc"
)

func ha(more map[string]string) map[string]string {
	kv := map[string]string{
		"fs.defaultFS": "hdfs://ns", "dfs.nameservices": "ns", "dfs.ha.namenodes.ns": "a,b",
		"dfs.namenode.rpc-address.ns.a": "nn1:8020", "dfs.namenode.rpc-address.ns.b": "nn2:9000",
		"dfs.client.failover.random.order": "false",
	}
	for k, v := range more {
		kv[k] = v
	}
	return kv
}

func TestFailoverKeepsTheCallID(t *testing.T) {
	for name, cause := range map[string]error{
		"refused": fmt.Errorf("%w: nn1", rpc.ErrConnect),
		"lost":    rpc.ErrConnectionLost,
		"standby": exception(classStandby, "Operation category READ is not supported in state standby"),
	} {
		t.Run(name, func(t *testing.T) {
			nn := newFakeNN(t, nil)
			nn.fail = func(addr, _ string, _ int32) error {
				if addr == "nn1:8020" {
					return cause
				}
				return nil
			}
			c := nn.connect(t, ha(nil))
			if _, err := c.Stat("/"); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Stat("/"); err != nil {
				t.Fatal(err)
			}
			want := []string{"getFileInfo@nn1:8020#1/0", "getFileInfo@nn2:9000#1/1", "getFileInfo@nn2:9000#2/0"}
			if !slices.Equal(nn.calls, want) {
				t.Errorf("calls %v, want %v", nn.calls, want)
			}
		})
	}
}

func TestBusyNameNodeIsAskedAgainABoundedNumberOfTimes(t *testing.T) {
	nn := newFakeNN(t, nil)
	nn.fail = func(string, string, int32) error { return exception(classRetriable, "the database is away") }
	c := nn.connect(t, map[string]string{"dfs.client.retry.max.attempts": "3"})
	_, err := c.Stat("/")
	var x *rpc.Exception
	if !errors.As(err, &x) || x.Class != classRetriable {
		t.Fatalf("error %v", err)
	}
	want := []string{"getFileInfo@nn1:8020#1/0", "getFileInfo@nn1:8020#1/1", "getFileInfo@nn1:8020#1/2", "getFileInfo@nn1:8020#1/3"}
	if !slices.Equal(nn.calls, want) {
		t.Errorf("calls %v, want %v", nn.calls, want)
	}
}

func TestUnreachableNameNode(t *testing.T) {
	nn := newFakeNN(t, nil)
	nn.fail = func(string, string, int32) error { return fmt.Errorf("%w: %w", rpc.ErrConnect, syscall.ECONNREFUSED) }
	c := nn.connect(t, nil)
	_, err := c.Stat("/x")
	var ce *ConnectError
	if !errors.As(err, &ce) || !strings.Contains(ce.Error(), " to nn1:8020 failed on connection exception: java.net.ConnectException: Connection refused; For more details see:") {
		t.Errorf("error %v", err)
	}
	if got := len(nn.calls); got != 3 { // ipc.client.connect.max.retries = 2
		t.Errorf("%d tries, want 3", got)
	}
}

func TestCancelledContextEndsRetries(t *testing.T) {
	nn := newFakeNN(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	nn.fail = func(string, string, int32) error {
		cancel()
		return exception(classRetriable, "later")
	}
	c := nn.connect(t, nil).WithContext(ctx)
	if _, err := c.Stat("/"); err == nil || len(nn.calls) != 1 {
		t.Errorf("err %v after %d calls", err, len(nn.calls))
	}
}

func TestErrorKinds(t *testing.T) {
	for class, kind := range map[string]error{
		"java.io.FileNotFoundException":                                fs.ErrNotExist,
		"org.apache.hadoop.fs.FileAlreadyExistsException":              fs.ErrExist,
		"org.apache.hadoop.security.AccessControlException":            fs.ErrPermission,
		"org.apache.hadoop.fs.ParentNotDirectoryException":             syscall.ENOTDIR,
		"org.apache.hadoop.fs.PathIsNotEmptyDirectoryException":        syscall.ENOTEMPTY,
		"org.apache.hadoop.hdfs.server.namenode.SafeModeException":     ErrSafeMode,
		"org.apache.hadoop.hdfs.protocol.NSQuotaExceededException":     ErrQuota,
		"java.lang.UnsupportedOperationException":                      errors.ErrUnsupported,
		"org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException": ErrLease,
		"org.apache.hadoop.fs.InvalidPathException":                    fs.ErrInvalid,
	} {
		nn := newFakeNN(t, nil)
		nn.fail = func(string, string, int32) error { return exception(class, "first line\n\tat java.Code") }
		err := nn.connect(t, nil).Chmod("/x", 0o644)
		var x *rpc.Exception
		var pe *fs.PathError
		if !errors.Is(err, kind) || !errors.As(err, &x) || !errors.As(err, &pe) {
			t.Errorf("%s became %v", class, err)
			continue
		}
		if x.Class != class || pe.Path != "/x" || err.Error() != "chmod /x: first line" {
			t.Errorf("%s became %q", class, err)
		}
	}
}

func TestLookupNameService(t *testing.T) {
	cases := []struct {
		uri   string
		kv    map[string]string
		addrs string // or the error
	}{
		{"hdfs://h:1", nil, "h:1"},
		{"hdfs://h", nil, "h:8020"},
		{"hdfs://h/path", nil, "h:8020"},
		{"h:1", nil, "h:1"},
		{"hdfs://[::1]:9", nil, "[::1]:9"},
		{"hdfs://ns", ha(nil), "nn1:8020 nn2:9000"},
		{"", ha(nil), "nn1:8020 nn2:9000"},
		{"hdfs:///", ha(nil), "nn1:8020 nn2:9000"},
		{"hdfs://ns", ha(map[string]string{"dfs.namenode.rpc-address.ns.b": ""}), "dfs.namenode.rpc-address.ns.b is not set"},
		{"file:///", nil, "set fs.defaultFS"},
		{"hdfs:///", nil, "no host"},
		{"http://x", nil, "is not an HDFS"},
	}
	for _, c := range cases {
		ns, err := LookupNameService(conf.New(c.kv), c.uri)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = strings.Join(ns.Addrs, " ")
		}
		if err == nil && got != c.addrs || err != nil && !strings.Contains(got, c.addrs) {
			t.Errorf("%q: %s, want %s", c.uri, got, c.addrs)
		}
	}
}

func TestResolve(t *testing.T) {
	c := newFakeNN(t, nil).connect(t, nil)
	for in, want := range map[string]string{
		"/a//b/./c/../d/": "/a/b/d", "a/b": "/user/alice/a/b", ".": "/user/alice", "..": "/user", "/..": "/", "/": "/", "/ü ñ": "/ü ñ",
	} {
		if got, err := c.Resolve(in); got != want || err != nil {
			t.Errorf("%q is %q, %v; want %q", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "/a\xff", "/a\x00b"} {
		if _, err := c.Stat(bad); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestIdentity(t *testing.T) {
	t.Setenv("HADOOP_USER_NAME", "carol")
	t.Setenv("HADOOP_PROXY_USER", "")
	if u, r, err := identity(""); u != "carol" || r != "" || err != nil {
		t.Error(u, r, err)
	}
	t.Setenv("HADOOP_PROXY_USER", "dave")
	if u, r, _ := identity(""); u != "dave" || r != "carol" {
		t.Error(u, r)
	}
	if u, r, _ := identity("dave"); u != "dave" || r != "dave" {
		t.Error(u, r) // needs a right to it, as with Apache
	}
	t.Setenv("HADOOP_USER_NAME", "")
	if u, r, _ := identity("eve"); u != "dave" || r != "eve" {
		t.Error(u, r)
	}
}

func TestUmask(t *testing.T) {
	for in, want := range map[string]uint32{"": 0o022, "022": 0o022, "77": 0o077, "0027": 0o027, "u=rwx,g=rx,o=r": 0o023} {
		got, err := readUmask(conf.New(map[string]string{"fs.permissions.umask-mode": in}))
		if in != "" && (got != want || err != nil) {
			t.Errorf("%q is %o, %v; want %o", in, got, err, want)
		}
	}
	for _, bad := range []string{"9", "rubbish", "77777"} {
		if _, err := readUmask(conf.New(map[string]string{"fs.permissions.umask-mode": bad})); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestMode(t *testing.T) {
	cases := []struct {
		mode string
		dir  bool
		old  uint32
		want uint32
	}{
		{"755", false, 0o644, 0o755}, {"1777", true, 0o755, 0o1777}, {"0755", true, 0o1777, 0o755}, {"+755", false, 0, 0o755},
		{"u+x,g=r", false, 0o600, 0o740}, {"a+X", false, 0o600, 0o600}, {"a+X", true, 0o600, 0o711}, {"a+X", false, 0o700, 0o711},
		{"go-rwx", false, 0o777, 0o700}, {"+t", true, 0o755, 0o1755}, {"-t", true, 0o1755, 0o755}, {"o=t", true, 0o755, 0o1750},
		{"=r", false, 0o777, 0o444}, {"ugo+w", false, 0, 0o222}, {"+r , u+x", false, 0, 0o144},
	}
	for _, c := range cases {
		m, err := ParseMode(c.mode)
		if err != nil {
			t.Errorf("%q: %v", c.mode, err)
			continue
		}
		if got := m.Apply(c.old, c.dir); got != c.want {
			t.Errorf("%q on %o is %o, want %o", c.mode, c.old, got, c.want)
		}
	}
	for _, bad := range []string{"", "8", "77", "4755", "u+s", "a-x+X", "rwx", "u+x,9"} {
		if m, err := ParseMode(bad); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q was taken as %v, %v", bad, m, err)
		}
	}
}

func FuzzParseMode(f *testing.F) {
	for _, s := range []string{"755", "1777", "u+rwx,go-w", "a=rX", "+t", "-x", " +rw , o= "} {
		f.Add(s, uint32(0o644), true)
	}
	f.Fuzz(func(t *testing.T, s string, old uint32, dir bool) {
		m, err := ParseMode(s)
		if err != nil {
			return
		}
		if got := m.Apply(old&0o1777, dir); got > 0o1777 {
			t.Errorf("%q on %o is %o", s, old, got)
		}
	})
}

func FuzzParseACL(f *testing.F) {
	f.Add("user:bob:rw-,default:group::r-x", true)
	f.Add("user:bob,mask:", false)
	f.Fuzz(func(t *testing.T, s string, perms bool) {
		entries, err := ParseACL(s, perms)
		if err != nil {
			return
		}
		for _, e := range entries {
			again, err := ParseACL(e.String(), true)
			if err != nil || again[0] != e {
				t.Errorf("%v came back as %v, %v", e, again, err)
			}
		}
	})
}
