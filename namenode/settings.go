package namenode

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/groups"
	"github.com/hopsql/hopsql/namenode/namespace"
)

// Keys of this project beside Hadoop's.
const (
	keyStoreURL    = "dfs.storage.driver.url"
	keyMemoryLimit = "hopsql.memory.limit" // bytes that the Go runtime tries to stay below; 0 is no limit
	keyAuditLog    = "hopsql.audit.log"    // file, "stderr", or empty for none
	keyCalls       = "hopsql.rpc.calls"    // most calls in progress
	keyHints       = "hopsql.hints"        // rows kept to foresee what a call will read; see txn.Options
	keyListings    = "hopsql.listings"     // entries of listings kept for as long as they hold; 0 for none
	keyPrometheus  = "hadoop.prometheus.endpoint.enabled"
	keyProfile     = "hopsql.pprof.enable" // Go's profiles at /debug/pprof/ of the HTTP port
	keyInterval    = "dfs.leader.check.interval"
	keyMissed      = "dfs.leader.missed.hb"
	keyTrash       = "fs.trash.interval"
	keyCheckpoint  = "fs.trash.checkpoint.interval"
)

// defaultMemory is the memory limit when neither the key nor GOMEMLIMIT is set.
const defaultMemory = 200 << 20

// memoryOfHint is how much of the memory limit there is for each row that is remembered
// by default, or entry of a listing. They take about 1 KiB and half a KiB; the rest is
// for calls and garbage.
const memoryOfHint = 4 << 10

// remembered is how many there are of each.
func remembered(limit int64) int64 {
	if limit <= 0 {
		limit = defaultMemory
	}
	return limit / memoryOfHint
}

// settings is everything that the process reads from the configuration.
type settings struct {
	rpc, service, http endpoint
	lifeline           endpoint // not served if its address is empty
	calls              int
	maxRequest         int
	maxConnections     int

	namespace namespace.Settings
	blocks    blocks.Options
	safe      blocks.SafeOptions
	groups    groups.Config

	hints      int
	profile    bool
	prometheus bool
	memory     int64
	audit      string
	interval   time.Duration // of heartbeats
	missed     int
	trash      trashSettings
	tick       time.Duration // of the block work
	leases     time.Duration // of the lease check
}

// An endpoint is an address of this process.
type endpoint struct {
	key    string // that names it
	public string // host:port as others see it; "" if it is not served
	listen string // host:port to listen on
}

// reader reads typed values and keeps the first error.
type reader struct {
	c   *conf.Config
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil && err != nil {
		r.err = err
	}
}

func (r *reader) int(key string, def int64) int64 {
	v, err := r.c.Int(key, def)
	r.fail(err)
	return v
}

// count is a number that is not negative.
func (r *reader) count(key string, def int64) int {
	v := r.int(key, def)
	if v < 0 || v > 1<<31-1 {
		r.fail(fmt.Errorf("%s is %d: expected a number from 0 to %d", key, v, 1<<31-1))
	}
	return int(v)
}

func (r *reader) size(key string, def int64) int64 {
	v, err := r.c.Size(key, def)
	r.fail(err)
	return v
}

func (r *reader) bool(key string, def bool) bool {
	v, err := r.c.Bool(key, def)
	r.fail(err)
	return v
}

// prometheus is on unless somebody says otherwise. Hadoop has it off.
func (r *reader) prometheus() bool {
	if !r.c.IsSet(keyPrometheus) {
		r.c.Set(keyPrometheus, "true") // so that /conf shows it
	}
	return r.bool(keyPrometheus, true)
}

func (r *reader) float(key string, def float64) float64 {
	v, err := r.c.Float(key, def)
	r.fail(err)
	return v
}

func (r *reader) duration(key string, def, unit time.Duration) time.Duration {
	v, err := r.c.Duration(key, def, unit)
	r.fail(err)
	return v
}

// interval is a duration between two rounds of something.
func (r *reader) interval(key string, def, unit time.Duration) time.Duration {
	v := r.duration(key, def, unit)
	if v <= 0 {
		r.fail(fmt.Errorf("%s is %s: expected more than 0", key, v))
		return def
	}
	return v
}

// missed is how many rounds without a heartbeat make a NameNode dead. One is too few
// to tell a slow NameNode from a dead one.
func (r *reader) missed() int { return max(2, r.count(keyMissed, 2)) }

// trash reads the intervals of the trash emptier as Hadoop does.
func (r *reader) trash() trashSettings {
	t := trashSettings{keep: r.duration(keyTrash, 0, time.Minute), every: r.duration(keyCheckpoint, 0, time.Minute)}
	if t.every <= 0 || t.every > t.keep {
		t.every = t.keep
	}
	return t
}

// readSettings reads and checks all keys. The error names the key.
func readSettings(c *conf.Config) (*settings, error) {
	r := &reader{c: c}
	s := &settings{
		calls:          r.count(keyCalls, 1024),
		maxRequest:     r.count("ipc.maximum.data.length", 128<<20),
		maxConnections: r.count("ipc.server.max.connections", 0),
		namespace:      r.namespace(),
		blocks:         r.blocks(),
		safe: blocks.SafeOptions{
			Threshold:    r.float("dfs.namenode.safemode.threshold-pct", 0.999),
			MinDatanodes: r.count("dfs.namenode.safemode.min.datanodes", 0),
			Extension:    r.duration("dfs.namenode.safemode.extension", 30*time.Second, time.Millisecond),
		},
		hints:      max(1, r.count(keyHints, remembered(r.size(keyMemoryLimit, -1)))),
		profile:    r.bool(keyProfile, false),
		prometheus: r.prometheus(),
		memory:     r.size(keyMemoryLimit, -1),
		audit:      c.Get(keyAuditLog),
		interval:   r.interval(keyInterval, 2*time.Second, time.Millisecond),
		missed:     r.missed(),
		trash:      r.trash(),
		tick:       r.interval("dfs.namenode.redundancy.interval.seconds", 3*time.Second, time.Second),
		leases:     r.interval("dfs.namenode.lease-recheck-interval-ms", 2*time.Second, time.Millisecond),
	}
	s.safe.Proof = time.Duration(s.missed+1) * s.interval
	var err error
	s.groups, err = groups.FromConf(c)
	r.fail(err)
	r.endpoints(s)
	return s, r.err
}

func (r *reader) namespace() namespace.Settings {
	set := namespace.Settings{
		Limits: namespace.Limits{
			MaxComponent:   r.count("dfs.namenode.fs-limits.max-component-length", 255),
			MaxItems:       r.int("dfs.namenode.fs-limits.max-directory-items", 1<<20),
			MinBlockSize:   r.size("dfs.namenode.fs-limits.min-block-size", 1<<20),
			MaxBlocks:      r.count("dfs.namenode.fs-limits.max-blocks-per-file", 10_000),
			MaxReplication: r.int("dfs.replication.max", 512),
			MinReplication: r.int("dfs.namenode.replication.min", 1),
			ListLimit:      max(1, r.count("dfs.ls.limit", 1000)),
			ListingCache:   r.count(keyListings, remembered(r.size(keyMemoryLimit, -1))),
			ATimePrecision: r.int("dfs.namenode.accesstime.precision", 3_600_000),
			MaxXAttrs:      r.count("dfs.namenode.fs-limits.max-xattrs-per-inode", 32),
			MaxXAttrSize:   r.count("dfs.namenode.fs-limits.max-xattr-size", 16384),
			LeaseHardLimit: r.interval("dfs.namenode.lease-hard-limit-sec", 20*time.Minute, time.Second).Milliseconds(),
		},
		Owner:            conf.UserName(),
		SuperGroup:       r.c.Get("dfs.permissions.superusergroup"),
		CheckPermissions: r.bool("dfs.permissions.enabled", true),
		NoACLs:           !r.bool("dfs.namenode.acls.enabled", true),
		NoXAttrs:         !r.bool("dfs.namenode.xattrs.enabled", true),
		IgnoreUnmasked:   !r.bool("dfs.namenode.posix.acl.inheritance.enabled", true),
		Protected:        r.c.Strings("fs.protected.directories"),
		ProtectBelow:     r.bool("dfs.protected.subdirectories.enable", false),
		OwnerSetsQuota:   r.bool("dfs.permissions.allow.owner.set.quota", false),
		NoTypeQuotas:     !r.bool("dfs.quota.by.storage.type.enabled", true),
		NoPolicies:       !r.bool("dfs.storage.policy.enabled", true),
		SuperPolicies:    r.bool("dfs.storage.policy.permissions.superuser-only", false),
		Defaults: namespace.ServerDefaults{
			BlockSize:        r.size("dfs.blocksize", 128<<20),
			BytesPerChecksum: r.int("dfs.bytes-per-checksum", 512),
			WritePacketSize:  r.size("dfs.client-write-packet-size", 64<<10),
			Replication:      r.int("dfs.replication", 3),
			FileBufferSize:   r.int("io.file.buffer.size", 4096),
			TrashInterval:    int64(r.duration(keyTrash, 0, time.Minute) / time.Minute),
			ChecksumType:     r.c.Get("dfs.checksum.type"),
		},
	}
	if set.SuperGroup == "" {
		set.SuperGroup = "supergroup"
	}
	switch set.Defaults.ChecksumType {
	case "":
		set.Defaults.ChecksumType = "CRC32C"
	case "CRC32C", "CRC32", "NULL":
	default:
		r.fail(fmt.Errorf("dfs.checksum.type is %q: expected CRC32C, CRC32 or NULL", set.Defaults.ChecksumType))
	}
	if rep := set.Defaults.Replication; rep < set.MinReplication || rep > set.MaxReplication {
		r.fail(fmt.Errorf("dfs.replication is %d: expected %d (dfs.namenode.replication.min) to %d (dfs.replication.max)", rep, set.MinReplication, set.MaxReplication))
	}
	return set
}

func (r *reader) blocks() blocks.Options {
	return blocks.Options{
		MinReplication:  r.int("dfs.namenode.replication.min", 1),
		Heartbeat:       r.interval("dfs.heartbeat.interval", 3*time.Second, time.Second),
		Recheck:         r.interval("dfs.namenode.heartbeat.recheck-interval", 5*time.Minute, time.Millisecond),
		Stale:           r.interval("dfs.namenode.stale.datanode.interval", 30*time.Second, time.Millisecond),
		InvalidateLimit: r.count("dfs.block.invalidate.limit", 1000),
		MaxStreams:      r.count("dfs.namenode.replication.max-streams", 2),
		WorkMultiplier:  r.count("dfs.namenode.replication.work.multiplier.per.iteration", 2),
		PendingTimeout:  r.interval("dfs.namenode.reconstruction.pending.timeout-sec", 5*time.Minute, time.Second),
		ReportLeases:    r.count("dfs.namenode.max.full.block.report.leases", 6),
		ReportLeaseTime: r.interval("dfs.namenode.full.block.report.lease.length.ms", 5*time.Minute, time.Millisecond),
		Replication:     r.int("dfs.replication", 3),
		MinMaintenance:  r.int("dfs.namenode.maintenance.replication.min", 1),
		IgnoreLoad:      !r.bool("dfs.namenode.redundancy.considerLoad", true),
		LoadFactor:      r.float("dfs.namenode.redundancy.considerLoad.factor", 2),
		IgnoreLocal:     !r.bool("dfs.namenode.block-placement-policy.default.prefer-local-node", true),
	}
}

// endpoints finds the addresses of this NameNode among those of all.
func (r *reader) endpoints(s *settings) {
	ns, nn, err := r.c.Identity()
	if err != nil {
		r.fail(err)
		return
	}
	s.rpc = endpoint{key: "dfs.namenode.rpc-address"}
	addr := r.c.Suffixed(s.rpc.key, ns, nn)
	if addr == "" {
		s.rpc.key = "fs.defaultFS"
		if addr, err = defaultAddress(r.c); err != nil {
			r.fail(err)
			return
		}
	}
	r.endpoint(&s.rpc, addr, r.c.Suffixed("dfs.namenode.rpc-bind-host", ns, nn), conf.DefaultRPCPort)

	s.service = endpoint{key: "dfs.namenode.servicerpc-address"}
	if addr := r.c.Suffixed(s.service.key, ns, nn); addr != "" {
		r.endpoint(&s.service, addr, r.c.Suffixed("dfs.namenode.servicerpc-bind-host", ns, nn), conf.DefaultRPCPort)
	}
	s.lifeline = endpoint{key: "dfs.namenode.lifeline.rpc-address"}
	if addr := r.c.Suffixed(s.lifeline.key, ns, nn); addr != "" {
		r.endpoint(&s.lifeline, addr, r.c.Suffixed("dfs.namenode.lifeline.rpc-bind-host", ns, nn), 0)
	}
	s.http = endpoint{key: "dfs.namenode.http-address"}
	addr = r.c.Suffixed(s.http.key, ns, nn)
	if addr == "" {
		addr = "0.0.0.0:9870"
	}
	r.endpoint(&s.http, addr, r.c.Suffixed("dfs.namenode.http-bind-host", ns, nn), 9870)
}

// defaultAddress is the NameNode that fs.defaultFS names.
func defaultAddress(c *conf.Config) (string, error) {
	const help = "set dfs.namenode.rpc-address, or fs.defaultFS to hdfs://host:port, in core-site.xml or with -D"
	fs := c.Get("fs.defaultFS")
	if !strings.HasPrefix(fs, "hdfs://") {
		return "", fmt.Errorf("fs.defaultFS is %s, which names no NameNode: %s", conf.RedactText(fs), help)
	}
	all, err := c.NameNodeAddresses()
	if err != nil {
		return "", err
	}
	if len(all) != 1 {
		return "", fmt.Errorf("fs.defaultFS is %s, which stands for %d NameNodes: %s", fs, len(all), help)
	}
	return all[0], nil
}

// endpoint checks an address. A bind host is where to listen in place of its host.
func (r *reader) endpoint(e *endpoint, addr, bind string, port int) {
	addr, err := conf.WithPort(addr, port)
	if err != nil {
		r.fail(fmt.Errorf("%s: %w", e.key, err))
		return
	}
	e.public, e.listen = addr, addr
	if bind != "" {
		_, p, _ := net.SplitHostPort(addr)
		e.listen = net.JoinHostPort(strings.Trim(bind, "[]"), p)
	}
}
