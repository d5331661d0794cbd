package clients

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/hadoop"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

// user is who the clients are: nobody of rights beyond his own.
const user = "alice"

// home is where they work.
const home = "/user/" + user

// blockSize is that of all files in bytes: little, so that files have several blocks.
const blockSize = 1 << 20

// system is two NameNodes and three DataNodes.
type system struct {
	*cluster.Cluster
	conf  string // configuration folder of a client
	stock *hadoop.Client
}

func start(t *testing.T) *system {
	t.Helper()
	s := &system{Cluster: cluster.Start(t, cluster.Options{
		StoreURL: mariadb.Database(t), NameNodes: 2, DataNodes: 3,
		// The Go client and the Rust one ask the NameNode for the size of a block.
		Conf: map[string]string{"dfs.blocksize": fmt.Sprint(blockSize), "dfs.leader.check.interval": "1000"},
	})}
	s.stock = s.Stock(t, map[string]string{"dfs.blocksize": fmt.Sprint(blockSize)})
	s.stock.User = user
	s.conf = s.stock.Conf
	s.HDFS(t, "dfs", "-mkdir", "-p", home).OK(t)
	s.HDFS(t, "dfs", "-chown", user+":"+user, home).OK(t)
	return s
}

// restart starts the i-th NameNode again and waits until it takes part: beside another
// one it makes no change until its DataNodes had time to come.
func (s *system) restart(t *testing.T, i int) {
	t.Helper()
	s.Start(t, i)
	s.WaitDataNodes(t, 3)
	calls := rpc.NewClient(rpc.ClientConfig{CallTimeout: 10 * time.Second})
	defer calls.Close()
	dir, mode, parents := "/started", uint32(0o755), true
	req := &hdfspb.MkdirsRequestProto{Src: &dir, Masked: &hdfspb.FsPermissionProto{Perm: &mode}, CreateParent: &parents}
	deadline := time.Now().Add(patience)
	for {
		err := calls.Call(t.Context(), s.AddressAt(i), cluster.ClientProtocol, "mkdirs", req, new(hdfspb.MkdirsResponseProto))
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the NameNode at %s does not serve again: %v", s.AddressAt(i), err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// environment is that of a client.
func (s *system) environment() []string {
	return []string{"HADOOP_CONF_DIR=" + s.conf, "HADOOP_USER_NAME=" + user, "PYTHONDONTWRITEBYTECODE=1"}
}

// python is the interpreter that has the clients of requirements.txt.
func python(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "hopsql", "clients")
	wanted, err := os.ReadFile(source("requirements.txt"))
	if err != nil {
		t.Fatal(err)
	}
	// The list is copied there when all of it is installed.
	if got, err := os.ReadFile(filepath.Join(dir, "requirements.txt")); err != nil || !bytes.Equal(got, wanted) {
		t.Fatalf("the Python clients are not in %s: run `bash -c '. scripts/install.sh && clients'` in %s (scripts/test.sh does)", dir, cluster.Root())
	}
	return filepath.Join(dir, "bin", "python")
}

// source is a file of this package.
func source(name string) string { return filepath.Join(cluster.Root(), "test", "clients", name) }

// noise is data that is the same each time.
func noise(seed byte, size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data) // never fails
	return data
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
