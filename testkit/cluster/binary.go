package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Root is the folder of this repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

const folderPrefix = "hopsql-binary-"

var (
	plain = sync.OnceValues(func() (string, error) { return build() })
	raced = sync.OnceValues(func() (string, error) { return build("-race") })
)

// Binary builds the hdfs program, once for a test binary, and returns its path.
func Binary(tb testing.TB) string { return built(tb, plain) }

// RaceBinary is Binary with the race detector in it: a process that meets a data
// race writes "WARNING: DATA RACE" and ends with exit status 66.
func RaceBinary(tb testing.TB) string { return built(tb, raced) }

func built(tb testing.TB, get func() (string, error)) string {
	tb.Helper()
	path, err := get()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func build(flags ...string) (string, error) {
	sweep()
	dir := filepath.Join(os.TempDir(), folderPrefix+strconv.Itoa(os.Getpid()))
	// One folder a kind of build: the scripts expect the program to be called hdfs.
	path := filepath.Join(dir, "bin"+strings.Join(flags, ""), "hdfs")
	args := append([]string{"build"}, flags...)
	cmd := exec.Command("go", append(args, "-o", path, "./cmd/hdfs")...)
	cmd.Dir = Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the hdfs program: %w\n%s", err, out)
	}
	return path, nil
}

// sweep removes the programs of test binaries that have ended.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*"))
	for _, dir := range dirs {
		if _, err := os.Stat("/proc/" + strings.TrimPrefix(filepath.Base(dir), folderPrefix)); os.IsNotExist(err) {
			os.RemoveAll(dir)
		}
	}
}
