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
