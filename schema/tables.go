package schema

// Tables lists every table in the lock order.
var Tables []*Table

func num(name string) Column            { return Column{Name: name, Type: BigInt} }
func sum(name string) Column            { return Column{Name: name, Type: BigInt, Merge: Sum} }
func maxed(name string) Column          { return Column{Name: name, Type: BigInt, Merge: Max} }
func bin(name string, size int) Column  { return Column{Name: name, Type: VarBytes, Size: size} }
func blob(name string, size int) Column { return Column{Name: name, Type: Blob, Size: size} }

// unique and index declare a secondary index as "name:column,column"; table takes
// the name apart.
func unique(name, cols string) *Index { return &Index{Name: name + ":" + cols, Unique: true} }
func index(name, cols string) *Index  { return &Index{Name: name + ":" + cols} }

// The tables. Their order here is the lock order: guards first, then the tree,
// then what hangs on an inode.
var (
	// Guards holds the rows that serialise batches on stores whose statements lock
	// their rows in no order (NDB); other stores leave it alone.
	Guards = table("guards", []Column{num("id")}, []string{"id"})

	// Inodes has one row for each directory and file, found by its place in the
	// tree. Children refer to the parent's id, so a directory moves with one row.
	// kind: KindDirectory, KindFile. mtime and atime are ms since the epoch; a
	// directory's mtime is in Directories. length is the sum of the complete
	// blocks in bytes. client_name is the writer's name while the file is open,
	// else empty. flags: see FlagHasACL and its neighbours. While a directory is closed
	// for its contents to be counted, client_name says by which count and mtime when
	// that was last heard of.
	Inodes = told(3, table("inodes", []Column{
		num("partition_id"), num("parent_id"), bin("name", 255), num("id"), num("kind"),
		bin("user_name", 128), bin("group_name", 128), num("mode"), num("flags"),
		num("mtime"), num("atime"), num("length"), num("replication"), num("block_size"),
		num("storage_policy"), num("ec_policy"),
		bin("client_name", 255), bin("client_machine", 255),
	}, []string{"partition_id", "parent_id", "name"}, unique("inodes_id", "id")))

	// Directories holds what changes in a directory when its children change.
	// A quota of -1 is none; the root has the largest number for none in ns_quota.
	// ns_used and ds_used count the tree, the directory included, where FlagHasQuota is
	// set in the inode row, and are 0 elsewhere. entries is the number of children.
	// changes grows with each transaction that changes an inode row of a child.
	Directories = counting(Inodes, "parent_id", "changes", told(1, table("directories", []Column{
		num("id"), maxed("mtime"), sum("entries"), num("ns_quota"), num("ds_quota"),
		sum("ns_used"), sum("ds_used"), sum("changes"),
	}, []string{"id"})))

	// TypeQuotas has a row for each directory with a quota for a type of storage, in
	// bytes; -1 is none. RAM disks have no quota.
	TypeQuotas = told(1, table("type_quotas", []Column{
		num("id"), num("ssd_quota"), num("disk_quota"), num("archive_quota"), num("provided_quota"), num("nvdimm_quota"),
		sum("ssd_used"), sum("disk_used"), sum("archive_used"), sum("provided_used"), sum("nvdimm_used"),
	}, []string{"id"}))

	// Leases has a row for each client that holds files open. renewed is ms.
	Leases = table("leases", []Column{bin("holder", 255), maxed("renewed")}, []string{"holder"},
		index("leases_renewed", "renewed"))

	// OpenFiles has a row for each file under construction.
	OpenFiles = table("open_files", []Column{num("inode_id"), bin("holder", 255), num("since")},
		[]string{"inode_id"}, index("open_files_holder", "holder,inode_id"))

	// Blocks are the blocks of files, idx counting from 0. state: see BlockComplete
	// and its neighbours. num_bytes is the length that the writer committed.
	// recovery_id is the highest generation stamp handed out for the block, 0 for none
	// beyond its own; in state BlockUnderRecovery it is the id of the recovery.
	// truncate_to is the length in bytes that the recovery cuts the block to, 0 for none.
	Blocks = told(1, table("blocks", []Column{
		num("inode_id"), num("idx"), num("block_id"), num("generation_stamp"), num("num_bytes"),
		num("state"), num("recovery_id"), num("recovery_started"), num("truncate_to"),
	}, []string{"inode_id", "idx"}, unique("blocks_block_id", "block_id")))

	// Replicas are the copies of blocks on storages. state: see ReplicaFinalized and
	// its neighbours. num_bytes is as last reported.
	Replicas = told(1, table("replicas", []Column{
		num("inode_id"), num("block_id"), num("storage_id"), num("state"),
		num("generation_stamp"), num("num_bytes"),
	}, []string{"inode_id", "block_id", "storage_id"}, index("replicas_storage", "storage_id,block_id")))

	// Reconstructions queues blocks with too few or too many good replicas, and
	// blocks whose recovery has begun.
	// priority: 0 is the most urgent. pending_until is ms, 0 when no DataNode has
	// been asked.
	Reconstructions = table("reconstructions", []Column{
		num("block_id"), num("inode_id"), num("priority"), num("since"), num("pending_until"),
	}, []string{"block_id"}, index("reconstructions_priority", "priority,block_id"))

	// Invalidations queues replicas that a DataNode must delete.
	Invalidations = table("invalidations", []Column{
		num("storage_id"), num("block_id"), num("generation_stamp"), num("num_bytes"), num("sent"),
	}, []string{"storage_id", "block_id"})

	// Datanodes remembers every DataNode that registered. admin_state: 0 in service.
	Datanodes = table("datanodes", []Column{
		bin("uuid", 64), bin("ip", 64), bin("host", 255), num("xfer_port"), num("info_port"),
		num("info_secure_port"), num("ipc_port"), bin("version", 64), bin("location", 255),
		num("admin_state"), num("registered"),
	}, []string{"uuid"})

	// Storages remembers every volume of every DataNode.
	Storages = table("storages", []Column{
		num("storage_id"), bin("uuid", 64), bin("datanode_uuid", 64), num("type"), num("state"),
	}, []string{"storage_id"}, unique("storages_uuid", "uuid"))

	// ACLs holds the entries of an inode's access control list in order.
	ACLs = told(1, table("acls", []Column{
		num("inode_id"), num("idx"), num("scope"), num("type"), bin("name", 128), num("permission"),
	}, []string{"inode_id", "idx"}))

	// XAttrs holds extended attributes.
	XAttrs = told(1, table("xattrs", []Column{
		num("inode_id"), num("namespace"), bin("name", 255), blob("value", 65535),
	}, []string{"inode_id", "namespace", "name"}))

	// Purge lists inodes that are detached from the tree and whose blocks or
	// children are still to be removed. The inode's own row is gone already.
	Purge = table("purge_queue", []Column{num("inode_id"), num("kind"), num("since")}, []string{"inode_id"})

	// RetryCache holds the answers of at-most-once operations. expires is ms.
	RetryCache = table("retry_cache", []Column{
		bin("client_id", 16), num("call_id"), num("expires"), blob("answer", 65535),
	}, []string{"client_id", "call_id"}, index("retry_cache_expires", "expires"))

	// Variables holds the identity of the file system, the id ranges handed out
	// and the state that all NameNodes share. See the Var constants.
	Variables = table("variables", []Column{
		bin("name", 64), num("value"), bin("text", 255),
	}, []string{"name"})

	// Namenodes is the heartbeat table. started is ms by that machine's own clock
	// and only for people to read.
	Namenodes = table("namenodes", []Column{
		num("id"), num("counter"), bin("rpc_address", 255), bin("service_address", 255),
		bin("http_address", 255), bin("version", 64), num("load"), num("started"),
	}, []string{"id"})

	// BatchMarkers has a row for each batch that committed not long ago. A
	// NameNode whose connection broke during COMMIT looks here for the outcome:
	// committed is 1 in a batch's own marker, 0 in the tombstone that bars a batch
	// from committing later. A batch may have several markers; previous is the one that
	// the lane committed before, 0 for none, and changed says what the batch changed: see
	// package txn. Empty, as NameNodes of older versions leave it, is anything.
	BatchMarkers = table("batch_markers", []Column{
		num("namenode_id"), num("lane"), num("batch"), num("committed"),
		num("previous"), bin("changed", 12288),
	}, []string{"namenode_id", "lane", "batch"})
)

// Names of secondary indexes that rules ask for.
var (
	InodesByID          = Inodes.Indexes[0]
	LeasesByRenewed     = Leases.Indexes[0]
	OpenFilesByHolder   = OpenFiles.Indexes[0]
	BlocksByID          = Blocks.Indexes[0]
	ReplicasByStorage   = Replicas.Indexes[0]
	ReconstructByUrgent = Reconstructions.Indexes[0]
	StoragesByUUID      = Storages.Indexes[0]
	RetryCacheByExpires = RetryCache.Indexes[0]
)

// Inode kinds.
const (
	KindDirectory = 0
	KindFile      = 1
)

// Inode flags, a bit set.
const (
	FlagHasQuota     = 1 << iota // its directories row carries a quota
	FlagHasACL                   // it has rows in acls
	FlagHasXAttrs                // it has rows in xattrs
	FlagHasTypeQuota             // it has a row in type_quotas, and FlagHasQuota
)

// Block states.
const (
	BlockComplete          = 0 // enough finalized replicas, length known
	BlockCommitted         = 1 // the writer is done, replicas not yet reported
	BlockUnderConstruction = 2
	BlockUnderRecovery     = 3
)

// Replica states.
const (
	ReplicaFinalized = 0
	ReplicaExpected  = 1 // placed there, or being written; nothing reported finalized
	ReplicaCorrupt   = 2
	ReplicaExcess    = 3 // to be removed, deletion asked for
)

// Fixed inode ids, as in HDFS: the root is 16385 and the first other id follows.
const (
	RootID        = 16385
	RootParentID  = 0
	FirstInodeID  = RootID + 1
	FirstBlockID  = 1<<30 + 1
	FirstGenStamp = 1001
)

// Names of rows in Variables.
const (
	VarFormatted     = "formatted"       // value 1 once a format has completed
	VarNamespaceID   = "namespace_id"    // value
	VarClusterID     = "cluster_id"      // text
	VarBlockPoolID   = "block_pool_id"   // text
	VarCTime         = "ctime"           // value, ms
	VarNextInodeID   = "next_inode_id"   // value: the first id not yet handed out
	VarNextBlockID   = "next_block_id"   // value
	VarNextStorageID = "next_storage_id" // value
	VarNextNodeID    = "next_namenode_id"
	VarEpoch         = "leader_epoch" // value, only grows
	VarSafeMode      = "safe_mode"    // value: 0 off, 1 startup, 2 manual
	// What an operator tells all NameNodes; text counts how often. There is no row before
	// the first time.
	VarRefreshNodes = "refresh_nodes"      // read the lists of DataNodes again
	VarBandwidth    = "balancer_bandwidth" // value: bytes a second
)

// PartitionOf returns the partition_id of an inode row below parent.
func PartitionOf(parent int64) int64 { return parent }

// InodeKey returns the primary key of the inode called name below parent.
func InodeKey(parent int64, name string) Key {
	return KeyOf(Int(PartitionOf(parent)), Int(parent), Str(name))
}
