package replicas

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// place is the folder of a block pool in which a replica's files lie.
type place uint8

const (
	finalized place = iota
	rbw
	tmp
	deleted
)

var placeNames = [...]string{"finalized", "rbw", "tmp", "deleted"}

// volume is one folder of dfs.datanode.data.dir.
type volume struct {
	Dir
	reserved int64 // bytes to leave alone, dfs.datanode.du.reserved
	lock     *os.File
	uuid     string // "DS-…", known once formatted
	pool     string // folder of the block pool
	fresh    bool   // was never formatted

	used     atomic.Int64 // bytes of the replicas' files
	promised atomic.Int64 // bytes that writers may still write
	blocks   atomic.Int64
}

// openVolume makes the folder if need be and locks it.
func openVolume(d Dir, reserved int64) (*volume, version, error) {
	fail := func(err error) (*volume, version, error) {
		return nil, version{}, wrong(ErrVolume, "%s: %v", d.Path, err)
	}
	if err := os.MkdirAll(d.Path, 0o700); err != nil {
		return fail(err)
	}
	path := filepath.Join(d.Path, "in_use.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fail(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner := make([]byte, 128)
		n, _ := f.Read(owner) // only for the message
		f.Close()
		return fail(fmt.Errorf("in use by another DataNode (%s holds %s)", owner[:n], path))
	}
	host, _ := os.Hostname() // only for people to read
	if err := f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(fmt.Sprintf("%d@%s", os.Getpid(), host)), 0)
		if err != nil {
			f.Close()
			return fail(err)
		}
	}
	v := &volume{Dir: d, reserved: reserved, lock: f}
	ver, err := readVersion(d.Path)
	if missing(err) {
		v.fresh = true
		return v, ver, nil
	}
	if err != nil {
		f.Close()
		return nil, ver, err
	}
	v.uuid = ver.StorageID
	return v, ver, nil
}

// close gives the lock back.
func (v *volume) close() error { return v.lock.Close() }

// prepare makes the folders of the block pool.
func (v *volume) prepare(pool string) error {
	v.pool = filepath.Join(v.Path, "current", pool)
	for _, name := range placeNames {
		if err := os.MkdirAll(filepath.Join(v.pool, name), 0o700); err != nil {
			return wrong(ErrVolume, "%v", err)
		}
	}
	return nil
}

// folder is where the files of a block lie in a place.
func (v *volume) folder(p place, id int64) string {
	dir := filepath.Join(v.pool, placeNames[p])
	if p != finalized {
		return dir
	}
	return filepath.Join(dir, fmt.Sprintf("subdir%d", id>>16&0x1f), fmt.Sprintf("subdir%d", id>>8&0x1f))
}

func dataName(id int64) string                  { return fmt.Sprintf("blk_%d", id) }
func metaName(id int64, stamp uint64) string    { return fmt.Sprintf("blk_%d_%d.meta", id, stamp) }
func (v *volume) data(p place, id int64) string { return filepath.Join(v.folder(p, id), dataName(id)) }
func (v *volume) meta(p place, id int64, stamp uint64) string {
	return filepath.Join(v.folder(p, id), metaName(id, stamp))
}

// space is what statfs says about the volume, in bytes.
type space struct{ total, free int64 }

func (v *volume) space() (space, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(v.Path, &st); err != nil {
		return space{}, fmt.Errorf("statfs %s: %w", v.Path, err)
	}
	return space{total: int64(st.Blocks) * st.Bsize, free: int64(st.Bavail) * st.Bsize}, nil
}

// available is how many bytes a new replica may have.
func (v *volume) available() (int64, error) {
	s, err := v.space()
	if err != nil {
		return 0, err
	}
	return max(0, s.free-v.reserved-v.promised.Load()), nil
}

// Storage describes a volume to a NameNode. Sizes are in bytes.
type Storage struct {
	UUID      string
	Path      string
	Type      hdfspb.StorageTypeProto
	Capacity  int64
	Used      int64
	Remaining int64
	Other     int64 // used by others on the same file system
	Promised  int64 // held back for replicas being written
	Reserved  int64
	Blocks    int64
	Failed    bool
}

func (v *volume) describe(uuid string) Storage {
	st := Storage{UUID: uuid, Path: v.Path, Type: v.Type, Used: max(0, v.used.Load()),
		Promised: v.promised.Load(), Reserved: v.reserved, Blocks: v.blocks.Load()}
	s, err := v.space()
	if err != nil {
		st.Failed = true
		return st
	}
	st.Capacity = max(0, s.total-v.reserved)
	st.Remaining = min(max(0, s.free-v.reserved-st.Promised), st.Capacity)
	st.Other = max(0, s.total-s.free-st.Used)
	return st
}
