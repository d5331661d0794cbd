package client

import (
	"sync"
	"time"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// NoQuota is the value of a quota that is not set.
const NoQuota = -1

// Quota is a limit and what counts against it, in names or bytes with replicas.
type Quota struct {
	Limit int64 // NoQuota when there is none
	Used  int64
}

// Summary counts what is below a name; a directory counts itself.
type Summary struct {
	Length      int64 // bytes of the files
	Files, Dirs int64
	Space       int64 // bytes with all replicas
	NameQuota   int64 // NoQuota when there is none
	SpaceQuota  int64
	Types       map[string]Quota // storage types with a quota, by name: SSD, DISK, …
	ECPolicy    string

	SnapshotLength, SnapshotFiles, SnapshotDirs, SnapshotSpace int64
}

// Usage is the cheaper half of Summary: what the quotas of a directory count.
type Usage struct {
	Names      int64 // files and directories
	Space      int64
	NameQuota  int64
	SpaceQuota int64
	Types      map[string]Quota
}

// FSStat is the room of the whole file system, in bytes, and the health of its blocks.
type FSStat struct {
	Capacity, Used, Remaining                             int64
	UnderReplicated, CorruptBlocks, MissingBlocks         int64
	MissingOneReplica, BytesInFuture, PendingDeleteBlocks int64
}

// Defaults is what the server tells clients to use.
type Defaults struct {
	BlockSize        int64
	BytesPerChecksum int
	PacketSize       int
	Replication      int
	Checksum         hdfspb.ChecksumTypeProto
	Trash            time.Duration // how long deleted files are kept; 0 = trash is off
	Encrypted        bool          // DataNodes expect an encrypted stream
}

// ContentSummary counts the files below name.
func (c *Client) ContentSummary(name string) (*Summary, error) {
	resp := &hdfspb.GetContentSummaryResponseProto{}
	err := c.onPath("contentsummary", name, func(p string) error {
		return c.nn("getContentSummary", &hdfspb.GetContentSummaryRequestProto{Path: &p}, resp)
	})
	if err != nil {
		return nil, err
	}
	m := resp.GetSummary()
	return &Summary{
		Length: int64(m.GetLength()), Files: int64(m.GetFileCount()), Dirs: int64(m.GetDirectoryCount()),
		Space: int64(m.GetSpaceConsumed()), NameQuota: int64(m.GetQuota()), SpaceQuota: int64(m.GetSpaceQuota()),
		Types: typeQuotas(m.GetTypeQuotaInfos()), ECPolicy: m.GetErasureCodingPolicy(),
		SnapshotLength: int64(m.GetSnapshotLength()), SnapshotFiles: int64(m.GetSnapshotFileCount()),
		SnapshotDirs: int64(m.GetSnapshotDirectoryCount()), SnapshotSpace: int64(m.GetSnapshotSpaceConsumed()),
	}, nil
}

// QuotaUsage reads the quotas of name and what counts against them.
func (c *Client) QuotaUsage(name string) (*Usage, error) {
	resp := &hdfspb.GetQuotaUsageResponseProto{}
	err := c.onPath("quotausage", name, func(p string) error {
		return c.nn("getQuotaUsage", &hdfspb.GetQuotaUsageRequestProto{Path: &p}, resp)
	})
	if err != nil {
		return nil, err
	}
	m := resp.GetUsage()
	return &Usage{
		Names: int64(m.GetFileAndDirectoryCount()), Space: int64(m.GetSpaceConsumed()),
		NameQuota: int64(m.GetQuota()), SpaceQuota: int64(m.GetSpaceQuota()), Types: typeQuotas(m.GetTypeQuotaInfos()),
	}, nil
}

func typeQuotas(infos *hdfspb.StorageTypeQuotaInfosProto) map[string]Quota {
	m := map[string]Quota{}
	for _, q := range infos.GetTypeQuotaInfo() {
		m[q.GetType().String()] = Quota{Limit: int64(q.GetQuota()), Used: int64(q.GetConsumed())}
	}
	return m
}

// StatFS reads the totals of the file system.
func (c *Client) StatFS() (*FSStat, error) {
	m := &hdfspb.GetFsStatsResponseProto{}
	if err := c.nn("getFsStats", &hdfspb.GetFsStatusRequestProto{}, m); err != nil {
		return nil, pathError("statfs", "/", err)
	}
	return &FSStat{
		Capacity: int64(m.GetCapacity()), Used: int64(m.GetUsed()), Remaining: int64(m.GetRemaining()),
		UnderReplicated: int64(m.GetUnderReplicated()), CorruptBlocks: int64(m.GetCorruptBlocks()),
		MissingBlocks: int64(m.GetMissingBlocks()), MissingOneReplica: int64(m.GetMissingReplOneBlocks()),
		BytesInFuture: int64(m.GetBlocksInFuture()), PendingDeleteBlocks: int64(m.GetPendingDeletionBlocks()),
	}, nil
}

// How long an answer of getServerDefaults is used, as in Apache's client.
const defaultsLife = time.Hour

type defaultsCache struct {
	mu   sync.Mutex
	at   time.Time
	last *Defaults
}

// ServerDefaults reads the server's defaults, at most once an hour.
func (c *Client) ServerDefaults() (*Defaults, error) {
	d := &c.s.defaults
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last != nil && time.Since(d.at) < defaultsLife {
		return d.last, nil
	}
	resp := &hdfspb.GetServerDefaultsResponseProto{}
	if err := c.nn("getServerDefaults", &hdfspb.GetServerDefaultsRequestProto{}, resp); err != nil {
		return nil, pathError("serverdefaults", "/", err)
	}
	m := resp.GetServerDefaults()
	d.at = time.Now()
	d.last = &Defaults{
		BlockSize: int64(m.GetBlockSize()), BytesPerChecksum: int(m.GetBytesPerChecksum()), PacketSize: int(m.GetWritePacketSize()),
		Replication: int(m.GetReplication()), Checksum: m.GetChecksumType(),
		Trash: time.Duration(m.GetTrashInterval()) * time.Minute, Encrypted: m.GetEncryptDataTransfer(),
	}
	return d.last, nil
}
