package blocks

import "github.com/hopsql/hopsql/schema"

// A Block names one block as writers, readers and DataNodes do.
type Block struct {
	ID              int64
	GenerationStamp int64
	NumBytes        int64
}

// States of a replica in a report, numbered as on the wire (ReplicaStateProto).
const (
	ReportFinalized = 0
	ReportRBW       = 1 // being written
	ReportRWR       = 2 // was being written when its DataNode restarted
	ReportRUR       = 3 // under recovery
	ReportTemporary = 4 // being copied by a DataNode
)

// A ReportedReplica is one replica in a full report.
type ReportedReplica struct {
	Block
	State int8
}

// Kinds of an Event, numbered as on the wire (ReceivedDeletedBlockInfoProto).
const (
	Receiving = 1
	Received  = 2
	Deleted   = 3
)

// An Event is one change of one replica in an incremental report.
type Event struct {
	Block
	Kind int
	Hint string // UUID of the DataNode whose replica should go if there are too many; "" for none
}

// A StorageRef is a volume as a DataNode names it: UUID, type and state as on the
// wire (StorageTypeProto, DatanodeStorageProto).
type StorageRef struct {
	UUID  string
	Type  int64
	State int64
}

// Events are the changes on one storage, in the order in which they happened.
type Events struct {
	Storage StorageRef
	Events  []Event
}

// A BadReplica is a replica that a reader or a DataNode found to be corrupt.
type BadReplica struct {
	Block
	Datanode string // UUID
	Storage  string // UUID; "" when not known
}

// StorageUsage is what a heartbeat says of one volume, in bytes.
type StorageUsage struct {
	StorageRef
	Failed        bool
	Capacity      int64
	Used          int64
	Remaining     int64
	BlockPoolUsed int64
	NonDFSUsed    int64
}

// A HeartbeatReport is one heartbeat.
type HeartbeatReport struct {
	Datanode      string // UUID
	Storages      []StorageUsage
	Transfers     int // replicas that it is sending now (xmitsInProgress)
	Xceivers      int
	FailedVolumes int
	CacheCapacity int64
	CacheUsed     int64
	WantLease     bool // it asks to send a full report
	Standby       bool // it is told that another NameNode leads: it would obey no command
}

// A HeartbeatReply answers a heartbeat.
type HeartbeatReply struct {
	// Register: the DataNode must register, and nothing else is set.
	Register bool
	Lease    int64 // not 0: it may send a full report
	Commands []Command
}

// A Command is one thing for a DataNode to do: exactly one field is set.
type Command struct {
	Transfer   []Transfer
	Invalidate []Block
	Recover    []Recovery
	Bandwidth  int64 // of the balancer, in bytes a second
}

// A Transfer asks for a replica to be copied from the DataNode to the targets.
type Transfer struct {
	Block   Block
	Targets []Target
}

// A Recovery asks the DataNode to bring the replicas of a block to one length and
// generation stamp, and to report that with commitBlockSynchronization.
type Recovery struct {
	Block    LocatedBlock
	NewStamp int64
	// Truncate is set when the block is to be cut to TruncateTo bytes.
	Truncate   bool
	TruncateTo int64
}

// A FullReport lists the replicas of one storage.
type FullReport struct {
	Datanode string // UUID
	Storage  StorageRef
	Replicas []ReportedReplica // any order; FullReport sorts it in place
	Lease    int64
	Last     bool // the last storage of this report: the lease ends
}

// A Synchronization is the outcome of a block recovery.
type Synchronization struct {
	Block      Block // as before the recovery
	NewStamp   int64
	NewLength  int64 // bytes
	CloseFile  bool
	Delete     bool     // no replica was good: the block goes
	Datanodes  []string // UUIDs that have the block now
	StorageIDs []string // UUIDs of their storages, in the same order
}

// Kinds of DataNode lists, numbered as on the wire (DatanodeReportTypeProto).
const (
	ListAll                 = 1
	ListLive                = 2
	ListDead                = 3
	ListDecommissioning     = 4
	ListEnteringMaintenance = 5
	ListInMaintenance       = 6
)

// A DatanodeStatus is one DataNode with its figures, in bytes and ms.
type DatanodeStatus struct {
	schema.Datanode
	Alive         bool
	Leaving       Leaving // what holds it up, if it is to leave
	FailedVolumes int
	Stale         bool
	LastContact   int64 // ms since the epoch, 0 for never since this NameNode started
	LastReport    int64 // of the last full report, 0 for never
	Xceivers      int
	Capacity      int64
	Used          int64
	NonDFSUsed    int64
	Remaining     int64
	BlockPoolUsed int64
	CacheCapacity int64
	CacheUsed     int64
	NumBlocks     int64 // in the last full report, with the changes since
	Storages      []StorageStatus
}

// A StorageStatus is one volume with its figures in bytes.
type StorageStatus struct {
	schema.Storage
	StorageUsage
}

// ClusterStats are the sums over the live DataNodes, in bytes.
type ClusterStats struct {
	Capacity, Used, Remaining, BlockPoolUsed, NonDFSUsed int64
	Live, Dead, Stale                                    int
	Xceivers                                             int
	InService                                            int // of the live ones
	FailedVolumes                                        int
	States                                               States // of those that are not in service
}

// States count DataNodes by their admin states.
type States struct {
	Decommissioning, DecommissionedLive, DecommissionedDead int
	Entering, MaintenanceLive, MaintenanceDead              int
}

// BlockStats count blocks that need attention. They come from the queues in the
// store.
type BlockStats struct {
	UnderReplicated int64
	Corrupt         int64 // blocks with a corrupt replica
	Missing         int64 // blocks without any good replica
	MissingOne      int64 // those with a replication of 1
	HighestPriority int64 // only one good replica is left
	PendingDeletion int64 // replicas that DataNodes must delete
	Pending         int64 // blocks that are being copied
	Misplaced       int64 // all replicas on one rack, though there are others
	BytesInFuture   int64 // always 0: generation stamps are per block
}
