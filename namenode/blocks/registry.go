package blocks

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/namenode/hosts"
	"github.com/hopsql/hopsql/namenode/topology"
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
	Replication     int64         // dfs.replication, for DataNodes that are decommissioned
	MinMaintenance  int64         // dfs.namenode.maintenance.replication.min; 1
	// Hosts are the operator's lists of DataNodes; nil lets all serve.
	Hosts *hosts.Lists
	// Racks says where machines are; nil if nobody knows.
	Racks *topology.Mapping
	// Others reports whether other NameNodes serve from the store; nil for never.
	Others func() bool
	// Fence makes changes fail once another NameNode leads; nil if none ever does.
	Fence  func(context.Context) context.Context
	Now    func() time.Time
	Logger *slog.Logger
}

func (o *Options) setDefaults() {
	count := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	span := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	if o.MinReplication == 0 {
		o.MinReplication = 1
	}
	if o.MinMaintenance == 0 {
		o.MinMaintenance = 1
	}
	span(&o.Heartbeat, 3*time.Second)
	span(&o.Recheck, 5*time.Minute)
	span(&o.Stale, 30*time.Second)
	count(&o.InvalidateLimit, 1000)
	count(&o.MaxStreams, 2)
	count(&o.WorkMultiplier, 2)
	span(&o.PendingTimeout, 5*time.Minute)
	count(&o.ReportLeases, 6)
	span(&o.ReportLeaseTime, 5*time.Minute)
	if o.LoadFactor == 0 {
		o.LoadFactor = 2
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// A Registry knows the DataNodes and storages of the cluster as this NameNode sees
// them: addresses from the store, life and load from heartbeats. Safe for many
// goroutines.
type Registry struct {
	eng     *txn.Engine
	opt     Options
	started int64 // ms

	mu       sync.RWMutex
	nodes    map[string]*node   // by UUID
	storages map[int64]*storage // by id
	volumes  map[string]*storage
	leases   int // full reports that are allowed now
	rng      *rand.Rand
	rolled   int64        // ms of the last reset of storage.scheduled
	racks    int          // of DataNodes that are not dead
	spread   atomic.Bool  // a second rack came up
	told     told         // what operators said to all NameNodes
	strange  atomic.Bool  // a storage came up that is not known here: read the tables again
	took     atomic.Int64 // ms when this NameNode began to lead
	epoch    atomic.Int64 // under which this NameNode leads, 0 while it does not

	inbox  *inbox
	doubts doubts

	safe    atomic.Pointer[Safe]
	givenUp []schema.Invalidation // deletions that no DataNode reported done; guarded by mu
	stats   BlockStats            // of the last complete Count

	counting     counts
	work         work       // what Tick is at; one goroutine
	recoverAfter schema.Key // what Attend is at; one goroutine
}

// told is the numbers of the newest announcements that were heeded, -1 before the
// first look.
type told struct{ refresh, bandwidth atomic.Int64 }

// A node is one DataNode. The fields are guarded by Registry.mu.
type node struct {
	row        schema.Datanode
	storages   map[int64]*storage
	registered bool  // since this NameNode started
	beats      bool  // it sent a heartbeat since
	again      bool  // it must register once more, for a leader that is new
	heard      int64 // ms of its last sign of life, 0 for none since then
	lost       bool  // Tick found it dead
	reported   int64 // ms of the last full report

	transfers, xceivers  int
	cacheSize, cacheUsed int64
	lease, leaseEnds     int64

	leaving   Leaving // what holds it up, if it is to leave
	failures  int     // volumes that failed
	bandwidth int64   // of the balancer, to be told; 0 for nothing

	copies     []Transfer
	recoveries []Recovery
	deletions  map[int64]*deletion // by block id
}

// A storage is one volume of a DataNode.
type storage struct {
	row       schema.Storage
	node      *node
	usage     StorageUsage
	seen      int64 // ms of the last heartbeat that listed it
	failed    bool
	blocks    int64 // replicas, about
	last      int64 // the largest block id of the last full report
	scheduled int   // blocks that were placed here and are not yet reported, about
}

// NewRegistry returns an empty registry, of a NameNode that does not lead.
func NewRegistry(eng *txn.Engine, opt Options) *Registry {
	opt.setDefaults()
	r := &Registry{eng: eng, opt: opt, nodes: map[string]*node{}, storages: map[int64]*storage{},
		volumes: map[string]*storage{}, rng: rand.New(rand.NewPCG(opt.Seed, 0)), inbox: newInbox()}
	r.started = r.now()
	r.told.refresh.Store(-1)
	r.told.bandwidth.Store(-1)
	return r
}

func (r *Registry) now() int64 { return r.opt.Now().UnixMilli() }

// seed returns the seed of the random choices of one operation: its function may
// run several times and makes them afresh from it in each run.
func (r *Registry) seed() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.Uint64()
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// Load reads the DataNodes and storages that the store knows. None of them is
// alive before it is heard of. Call it once, before anything else.
func (r *Registry) Load(ctx context.Context) error {
	datanodes := txn.Range{Index: schema.Datanodes.Primary}
	storages := txn.Range{Index: schema.Storages.Primary}
	var nodes, volumes []schema.Row
	err := r.eng.View(ctx, func(tx *txn.Tx) error {
		tx.Want(datanodes.Ref(), storages.Ref())
		d, err := tx.Scan(datanodes)
		if err != nil {
			return err
		}
		s, err := tx.Scan(storages)
		nodes, volumes = d.Rows, s.Rows
		return err
	})
	if err != nil {
		return fmt.Errorf("read the DataNodes: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, row := range nodes {
		d := schema.DatanodeOf(row)
		if n := r.nodes[d.UUID]; n == nil || !n.registered {
			r.setNode(d)
		}
	}
	for _, row := range volumes {
		r.setStorage(schema.StorageOf(row))
	}
	r.strange.Store(false)
	r.countRacks()
	return nil
}

// setNode takes over a row of datanodes. The caller holds mu.
func (r *Registry) setNode(d schema.Datanode) *node {
	n := r.nodes[d.UUID]
	if n == nil {
		n = &node{storages: map[int64]*storage{}, deletions: map[int64]*deletion{}}
		r.nodes[d.UUID] = n
	}
	n.row = d
	return n
}

// setStorage takes over a row of storages. The caller holds mu.
func (r *Registry) setStorage(row schema.Storage) *storage {
	s := r.storages[row.StorageID]
	if s == nil {
		s = &storage{seen: r.now()}
		r.storages[row.StorageID] = s
		r.volumes[row.UUID] = s
	}
	if s.node != nil && s.node.row.UUID != row.DatanodeUUID {
		delete(s.node.storages, row.StorageID)
	}
	s.row = row
	if s.node = r.nodes[row.DatanodeUUID]; s.node == nil {
		s.node = r.setNode(schema.Datanode{UUID: row.DatanodeUUID, AdminState: adminRemoved})
	}
	s.node.storages[row.StorageID] = s
	return s
}

// expiry is how long a DataNode may be silent before it counts as dead, in ms.
func (r *Registry) expiry() int64 {
	return (2*r.opt.Recheck + 10*r.opt.Heartbeat).Milliseconds()
}

// dead reports whether a DataNode has been silent for too long. One that was not
// heard of since this NameNode started gets its time from there.
func (r *Registry) dead(n *node, now int64) bool {
	return n.row.AdminState == adminRemoved || n.lost || now-max(n.heard, r.started) > r.expiry()
}

// stale reports whether a DataNode was not heard of for some heartbeats.
func (r *Registry) stale(n *node, now int64) bool {
	return n.heard == 0 || now-n.heard > r.opt.Stale.Milliseconds()
}

// usable reports whether new replicas may go to a DataNode, and copies be asked of it.
func (r *Registry) usable(n *node, now int64) bool {
	return n.registered && n.heard != 0 && n.row.AdminState == adminNormal && !r.dead(n, now)
}

// broken reports whether a storage's replicas count as lost though its DataNode
// may live: the volume failed, or its DataNode no longer lists it.
func (r *Registry) broken(s *storage, now int64) bool {
	return s.failed || s.row.State == storageRemoved ||
		s.node.heard != 0 && s.node.heard-s.seen > r.opt.Stale.Milliseconds()
}

// counts reports whether a replica on the storage counts as there. A storage that
// this NameNode does not know was made by another one a moment ago.
func (r *Registry) counts(id int64, now int64) bool {
	s := r.storages[id]
	return s == nil || !r.dead(s.node, now) && !r.broken(s, now)
}

// remains reports whether a replica on the storage counts as there, or comes back
// after maintenance.
func (r *Registry) remains(id int64, now int64) bool {
	s := r.storages[id]
	return r.counts(id, now) || s.node.row.AdminState == adminInMaintenance && !r.broken(s, now)
}

// Admin states of a DataNode, numbered as on the wire (DatanodeInfoProto.AdminState)
// but for the last.
const (
	adminNormal          = 0
	adminDecommissioning = 1
	adminDecommissioned  = 2
	adminEntering        = 3 // maintenance
	adminInMaintenance   = 4
	adminRemoved         = 100 // another one has its address; its replicas are being forgotten
)

// States of a storage, numbered as on the wire (DatanodeStorageProto.StorageState)
// but for the last.
const (
	storageNormal  = 0
	storageReview  = 101 // its blocks are to be looked at, each once
	storageRemoved = 100 // its replicas are being forgotten
)
