package namenode

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/fsck"
	"github.com/hopsql/hopsql/namenode/integrity"
	"github.com/hopsql/hopsql/namenode/rpc"
)

// leftLease is after what time a lease without a file is damage: it is removed after the
// hard limit, unless safe mode is on.
const leftLease = 24 * time.Hour

// checker makes what answers `hdfs fsck`.
func (p *process) checker(id rpc.Identity) *fsck.Checker {
	rows := &integrity.Checker{Engine: p.engine, Usage: p.ns.VerifyUsage, Pause: time.Second,
		LeaseLimit: max(leftLease, 2*time.Duration(p.set.namespace.LeaseHardLimit)*time.Millisecond)}
	return &fsck.Checker{Rows: rows, Serve: p.node.Serve, Namespace: p.ns, Replicas: p.blocks, BlockPoolID: id.BlockPoolID, Replication: p.set.namespace.Defaults.Replication,
		Salvage: p.opt.Salvage, Now: time.Now, Logger: p.log}
}

// keyLogDir is where the logs of a daemon are, and HADOOP_LOG_DIR says so too.
const keyLogDir = "hadoop.log.dir"

// metaSave writes the queues of blocks to a file in the folder of the logs. A file of that
// name is replaced once the new one is whole.
func (p *process) metaSave(ctx context.Context, name string) error {
	if name == "" || filepath.Base(name) != name || name == "." || name == ".." {
		return fault.New(fault.InvalidArgument, "metaSave: %q is not the name of a file", name)
	}
	dir := cmp.Or(p.conf.Get(keyLogDir), os.Getenv("HADOOP_LOG_DIR"), ".")
	f, err := os.CreateTemp(dir, "."+name+"-")
	if err != nil {
		return fault.New(fault.IO, "metaSave: %v", err)
	}
	err = errors.Join(p.checks.MetaSave(ctx, f), f.Chmod(0o640), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
