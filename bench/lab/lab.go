// Package lab starts the NameNodes that are measured beside each other, each with
// its database, and runs benchmarks on them: Apache's NNThroughputBenchmark and our
// own `hdfs bench`.
//
// It promises that everything it starts is on loopback ports and in one folder, and
// is gone when the lab is closed; that answers of all NameNodes are durable (edits
// and redo logs synced at each commit, SQLite with synchronous=FULL); and that CPU
// is what the kernel says each process used within the measured seconds. It judges
// no figure.
package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/hopsql/hopsql/testkit/mariadb"
	"github.com/hopsql/hopsql/testkit/process"
)

// A Lab is a folder in which systems are started.
type Lab struct {
	Dir  string
	HDFS string // our program

	closers []func()
}

// Open makes a folder for the lab below dir, "" for the system's folder of temporary
// files, and builds our program into it.
func Open(ctx context.Context, dir string) (*Lab, error) {
	if dir == "" {
		var err error
		if dir, err = onDisk(); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(dir, "hopsql-bench-")
	if err != nil {
		return nil, err
	}
	l := &Lab{Dir: dir}
	l.closers = append(l.closers, func() {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, "what was measured on stays:", err)
		}
	})
	if l.HDFS, err = l.Build(ctx, "cmd/hdfs"); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Build builds a command of this repository and returns its path.
func (l *Lab) Build(ctx context.Context, command string) (string, error) {
	path := filepath.Join(l.Dir, "bin", filepath.Base(command))
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./"+command)
	cmd.Dir = root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", command, err, out)
	}
	return path, nil
}

// root is the folder of this repository.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// tmpfs is the kernel's number of a file system in memory.
const tmpfs = 0x01021994

// onDisk is the folder of temporary files or, where that is in memory and a sync
// costs nothing, the user's cache.
func onDisk() (string, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(os.TempDir(), &fs); err == nil && fs.Type != tmpfs {
		return os.TempDir(), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%s is in memory, so name a folder on a disk: %w", os.TempDir(), err)
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// Close ends what was started and removes the folder.
func (l *Lab) Close() {
	for i := len(l.closers) - 1; i >= 0; i-- {
		l.closers[i]()
	}
	l.closers = nil
}

// OnClose has Close call f before what it was told to do so far.
func (l *Lab) OnClose(f func()) { l.closers = append(l.closers, f) }

// MariaDB starts a server with the memory of the Java heap that Apache's NameNode
// gets, and a redo log that is not full within a benchmark.
func (l *Lab) MariaDB(bufferPool string) (*mariadb.Server, error) {
	server, err := mariadb.Open(filepath.Join(l.Dir, "mariadb"),
		"--innodb-buffer-pool-size="+bufferPool, "--innodb-log-file-size=1G", "--local-infile=1")
	if err != nil {
		return nil, err
	}
	l.OnClose(server.Kill)
	return server, nil
}

// start runs a process that ends with the lab.
func (l *Lab) start(name string, env []string, args ...string) (*process.Process, error) {
	p, err := process.Start(process.Spec{Name: name, Args: args, Env: env, Log: filepath.Join(l.Dir, name+".log")})
	if err != nil {
		return nil, err
	}
	l.OnClose(p.Kill)
	return p, nil
}
