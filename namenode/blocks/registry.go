package blocks

import (
	"context"
	"log/slog"
	"time"

	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// HintIndexes are the indexes that the engine should keep hints for so that
// reports of blocks find their rows at once; see txn.Options.HintIndexes.
var HintIndexes = []*schema.Index{schema.Inodes.Primary, schema.InodesByID, schema.BlocksByID}

// Options are the settings of a Registry. The zero value of a field means its
// default, which is Hadoop's.
type Options struct {
	MinReplication  int64         // dfs.namenode.replication.min; 1
	Heartbeat       time.Duration // dfs.heartbeat.interval; 3 s
	Recheck         time.Duration // dfs.namenode.heartbeat.recheck-interval; 5 min
	Stale           time.Duration // dfs.namenode.stale.datanode.interval; 30 s
	InvalidateLimit int           // dfs.block.invalidate.limit, replicas a heartbeat; 1000
	MaxStreams      int           // dfs.namenode.replication.max-streams, copies from one DataNode at once; 2
	WorkMultiplier  int           // dfs.namenode.replication.work.multiplier.per.iteration; 2
	PendingTimeout  time.Duration // dfs.namenode.reconstruction.pending.timeout-sec; 5 min
	ReportLeases    int           // dfs.namenode.max.full.block.report.leases; 6
	ReportLeaseTime time.Duration // dfs.namenode.full.block.report.lease.length.ms; 5 min
	IgnoreLoad      bool          // not dfs.namenode.redundancy.considerLoad
	LoadFactor      float64       // dfs.namenode.redundancy.considerLoad.factor; 2
	IgnoreLocal     bool          // not dfs.namenode.block-placement-policy.default.prefer-local-node
	Seed            uint64        // of random choices; 0 takes one from the system
	Now             func() time.Time
	Logger          *slog.Logger
}

// A Registry knows the DataNodes and storages of the cluster as this NameNode sees
// them: addresses from the store, life and load from heartbeats. Safe for many
// goroutines.
type Registry struct {
	eng *txn.Engine
	opt Options
}

// NewRegistry returns an empty registry.
func NewRegistry(eng *txn.Engine, opt Options) *Registry { return &Registry{eng: eng, opt: opt} }

var errNotYet = fault.New(fault.Unsupported, "not supported")

// Load reads the DataNodes and storages that the store knows. None of them is
// alive before it is heard of. Call it once, before anything else.
func (r *Registry) Load(ctx context.Context) error { return errNotYet }

// Register notes a DataNode that starts, or comes back. d.IP is the address that
// it called from. One that has another's address and transfer port takes its place.
func (r *Registry) Register(ctx context.Context, d schema.Datanode) error { return errNotYet }

// Heartbeat notes that a DataNode lives and hands out what it must do.
func (r *Registry) Heartbeat(ctx context.Context, hb HeartbeatReport) (HeartbeatReply, error) {
	return HeartbeatReply{}, errNotYet
}

// FullReport compares the replicas of a storage with the rows of it, and queues or
// applies the differences before it returns. A DataNode sends its incremental
// reports in order with its full ones. fault.Unregistered means that the DataNode
// is not known: it gets a Register reply with its next heartbeat.
func (r *Registry) FullReport(ctx context.Context, rep FullReport) error { return errNotYet }

// Incremental applies an incremental report.
func (r *Registry) Incremental(ctx context.Context, datanode string, report []Events) error {
	return errNotYet
}

// BadBlocks marks replicas as corrupt.
func (r *Registry) BadBlocks(ctx context.Context, bad []BadReplica) error { return errNotYet }

// ErrorReport notes an error of a DataNode: code as on the wire (0 notice, 1 disk
// error, 2 invalid block, 3 fatal disk error, which ends the DataNode).
func (r *Registry) ErrorReport(datanode string, code int, message string) {}

// Tick does a bounded piece of the background work: it finds dead DataNodes, has
// blocks copied and replicas deleted. One NameNode calls it every
// dfs.namenode.redundancy.interval.seconds.
func (r *Registry) Tick(ctx context.Context) error { return errNotYet }

// Cluster returns the sums over the live DataNodes.
func (r *Registry) Cluster() ClusterStats { return ClusterStats{} }

// Blocks returns the counts of blocks that need attention.
func (r *Registry) Blocks() BlockStats { return BlockStats{} }

// Datanodes returns the DataNodes of a kind: ListAll and its neighbours.
func (r *Registry) Datanodes(kind int) []DatanodeStatus { return nil }

// Locate returns what a reader at host needs to know of length bytes of a file of
// the given committed length, from offset.
func (r *Registry) Locate(f *File, fileLength int64, open bool, offset, length int64, host string) *Located {
	panic("not yet")
}
