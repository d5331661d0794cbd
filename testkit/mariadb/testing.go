package mariadb

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// EnvURL names the environment variable with the URL of a running server, so
// that the packages of one test run can share it.
const EnvURL = "HOPSQL_TEST_MYSQL"

// Start gives the test a server of its own, to be stopped and killed at will.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s, err := Open(filepath.Join(tb.TempDir(), "mariadb"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// Shared returns the server named by HOPSQL_TEST_MYSQL, else one that this
// test binary starts once. Nobody may stop it: that is what Start is for.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	s, err := shared()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

var shared = sync.OnceValues(func() (*Server, error) {
	if raw := os.Getenv(EnvURL); raw != "" {
		return Given(raw)
	}
	sweep()
	return Open(filepath.Join(os.TempDir(), folderPrefix+strconv.Itoa(os.Getpid())))
})

const folderPrefix = "hopsql-mariadb-"

// sweep removes the folders of shared servers whose test binary has ended: Go
// offers no hook at the end of a test binary, and the server dies with it.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*"))
	for _, dir := range dirs {
		pid := strings.TrimPrefix(filepath.Base(dir), folderPrefix)
		if _, err := os.Stat("/proc/" + pid); os.IsNotExist(err) {
			os.RemoveAll(dir)
		}
	}
}

// Database makes an empty database for this test on the shared server, drops
// it at the end, and returns its dfs.storage.driver.url.
func Database(tb testing.TB) string {
	tb.Helper()
	s := Shared(tb)
	return s.URL(s.Database(tb))
}

// Database makes an empty database for this test, drops it at the end, and
// returns its name.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("t_%d_%s", os.Getpid(), strings.ToLower(rand.Text()[:8]))
	if err := s.CreateDatabase(tb.Context(), name); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if s.proc != nil && s.proc.Ended() {
			return
		}
		// The context of the test is over when its clean-up runs.
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.DropDatabase(ctx, name); err != nil {
			tb.Error(err)
		}
	})
	return name
}
