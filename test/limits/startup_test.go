package limits

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

// refused starts a NameNode that must end by itself with an exit status other
// than 0, and returns what it wrote.
func refused(t *testing.T, c *cluster.Cluster, args ...string) string {
	t.Helper()
	p := c.LaunchNameNode(t, args...)
	select {
	case <-p.Done():
	case <-time.After(20 * time.Second):
		t.Fatalf("still running after 20 s; its output:\n%s", p.Tail())
	}
	if p.ExitCode() == 0 {
		t.Errorf("exit status 0; its output:\n%s", p.Tail())
	}
	return p.Output()
}

// wantWords wants every word in a clear text, not in the trace of a crash.
func wantWords(t *testing.T, out string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("no %q in the output:\n%s", w, out)
		}
	}
	if strings.Contains(out, "goroutine ") {
		t.Errorf("a stack trace in the output:\n%s", out)
	}
}

func TestNotFormatted(t *testing.T) {
	c := cluster.New(t, cluster.Options{})
	wantWords(t, refused(t, c), "hdfs namenode -format")
}

func TestPortInUse(t *testing.T) {
	c := cluster.New(t, cluster.Options{})
	c.Format(t)
	l, err := net.Listen("tcp", c.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	wantWords(t, refused(t, c), c.Address, "in use")
}

func TestBrokenXML(t *testing.T) {
	c := cluster.New(t, cluster.Options{})
	broken := "<configuration>\n<property>\n<name>dfs.replication</name\n</property>\n</configuration>\n"
	if err := os.WriteFile(filepath.Join(c.Conf, "hdfs-site.xml"), []byte(broken), 0o644); err != nil {
		t.Fatal(err)
	}
	wantWords(t, refused(t, c), "hdfs-site.xml", "4")
}

func TestUnknownOption(t *testing.T) {
	c := cluster.New(t, cluster.Options{})
	wantWords(t, refused(t, c, "-nonsense"), "-nonsense")
}

func TestWrongNumber(t *testing.T) {
	c := cluster.New(t, cluster.Options{})
	c.Format(t)
	wantWords(t, refused(t, c, "-D", "dfs.blocksize=many"), "dfs.blocksize", "many")
}

func TestWrongStoreURL(t *testing.T) {
	c := cluster.New(t, cluster.Options{})
	for _, bad := range []string{"postgres://u:topsecret@127.0.0.1:1/db", "mysql://u:topsecret@127.0.0.1:1/db?engine=myisam", "mysql://127.0.0.1", "sqlite:", "::", "/just/a/path"} {
		t.Run(bad, func(t *testing.T) {
			out := refused(t, c, "-D", "dfs.storage.driver.url="+bad)
			wantWords(t, out, "dfs.storage.driver.url")
			if strings.Contains(out, "topsecret") {
				t.Errorf("the password is in the log:\n%s", out)
			}
		})
	}
}

func TestWrongPassword(t *testing.T) {
	s := mariadb.Shared(t)
	wrong := *s
	wrong.Password = "topsecret"
	c := cluster.New(t, cluster.Options{StoreURL: wrong.URL(s.Database(t))})
	out := refused(t, c)
	wantWords(t, out, "dfs.storage.driver.url", "password")
	if strings.Contains(out, "topsecret") {
		t.Errorf("the password is in the log:\n%s", out)
	}
	if r := c.HDFS(t, "namenode", "-format", "-force", "-nonInteractive"); r.Exit == 0 || strings.Contains(r.Stdout+r.Stderr, "topsecret") {
		t.Errorf("-format with a wrong password: exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
}

// TestUnreachableDatabase starts the NameNode before the database: it says where
// it looks, waits, and goes on by itself.
func TestUnreachableDatabase(t *testing.T) {
	s := mariadb.Start(t)
	c := cluster.New(t, cluster.Options{StoreURL: s.URL(s.Database(t))})
	c.Format(t)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	p := c.LaunchNameNode(t)
	time.Sleep(2 * time.Second)
	if p.Ended() {
		t.Fatalf("ended instead of waiting for the database:\n%s", p.Tail())
	}
	address := strings.TrimPrefix(s.DSN(""), s.User+":"+s.Password+"@tcp(")
	address, _, _ = strings.Cut(address, ")")
	wantWords(t, p.Output(), address)
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WaitFor(t.Context(), "NameNode up:"); err != nil {
		t.Fatal(err)
	}
	c.HDFS(t, "dfs", "-mkdir", "/d").OK(t)
}

// TestSecondNameNodeOnSQLite is refused, and the first one goes on.
func TestSecondNameNodeOnSQLite(t *testing.T) {
	c := cluster.Start(t, cluster.Options{})
	second := cluster.New(t, cluster.Options{StoreURL: c.StoreURL})
	wantWords(t, refused(t, second), "namespace.db")
	c.HDFS(t, "dfs", "-mkdir", "/d").OK(t)
}

// TestFormatWhileAlive is refused without -force, on a store that two processes
// can open.
func TestFormatWhileAlive(t *testing.T) {
	c := cluster.Start(t, cluster.Options{StoreURL: mariadb.Database(t)})
	c.HDFS(t, "dfs", "-mkdir", "/keep").OK(t)
	r := c.HDFS(t, "namenode", "-format", "-nonInteractive")
	if r.Exit == 0 {
		t.Error("formatted under a living NameNode")
	}
	wantWords(t, r.Stdout+r.Stderr, "-force")
	c.HDFS(t, "dfs", "-test", "-d", "/keep").OK(t)
	c.StopNameNode(t)
	if r := c.HDFS(t, "namenode", "-format", "-nonInteractive"); r.Exit == 0 {
		t.Error("-nonInteractive formatted what was formatted already")
	}
	c.Format(t)
	c.StartNameNode(t)
	if r := c.HDFS(t, "dfs", "-test", "-d", "/keep"); r.Exit != 1 {
		t.Errorf("after -format the directory is still there (exit %d)", r.Exit)
	}
}

// TestCleanEnd wants SIGTERM to end a NameNode at once and with status 0, clients
// connected or not.
func TestCleanEnd(t *testing.T) {
	c := cluster.Start(t, cluster.Options{})
	idle, err := net.Dial("tcp", c.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	began := time.Now()
	c.StopNameNode(t)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the end took %v", took)
	}
	c.StartNameNode(t)
}
