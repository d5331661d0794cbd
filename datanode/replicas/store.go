package replicas

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// State is a replica's state as reports know it.
type State = hdfspb.ReplicaStateProto

// The states of replicas.
const (
	Finalized = hdfspb.ReplicaStateProto_FINALIZED // whole
	RBW       = hdfspb.ReplicaStateProto_RBW       // being written
	RWR       = hdfspb.ReplicaStateProto_RWR       // was being written when the DataNode died
	RUR       = hdfspb.ReplicaStateProto_RUR       // under recovery
	Temporary = hdfspb.ReplicaStateProto_TEMPORARY // a copy on its way in
)

// stripes is the number of locks that order the changes of replicas' files.
const stripes = 64

// Options of a Store.
type Options struct {
	Dirs []Dir
	// Reserved says how many bytes of a volume of capacity bytes to leave alone.
	Reserved func(d Dir, capacity int64) int64
	// SyncOnClose makes Finalize wait until the replica is on the disk.
	SyncOnClose bool
	// FailedTolerated is how many volumes may be unusable at start.
	FailedTolerated int
	Logger          *slog.Logger
}

// Store is all replicas of a DataNode. It is safe for use by several goroutines.
type Store struct {
	opt     Options
	log     *slog.Logger
	volumes []*volume
	failed  []string // paths of unusable volumes
	version version  // of the formatted volumes; zero if none is
	next    atomic.Uint32

	// stripe orders everything that moves, cuts or deletes the files of a block;
	// mu guards the map and the fields of the replicas in it, for a moment only.
	// stripe is taken before mu.
	stripe [stripes]sync.Mutex
	mu     sync.RWMutex
	ready  bool
	blocks map[int64]*replica

	trash   chan string // files to unlink
	trashed sync.WaitGroup
	closed  sync.Once
}

// replica is what is known of a block here. Finalized ones have no more than this.
type replica struct {
	id     int64
	stamp  uint64
	length int64 // bytes on disk; of one with a writer, see the writer
	vol    *volume
	open   *progress // nil when finalized
	place  place
	state  State
}

// progress belongs to a replica that is not finalized.
type progress struct {
	writer   *Writer // nil if nobody writes
	acked    int64   // bytes that readers may see, of an RBW without a writer
	recovery uint64  // id of the recovery that holds it, when RUR
	was      State   // before RUR
}

// Open locks the folders and reads which cluster they belong to. Attach makes the
// store usable.
func Open(opt Options) (*Store, error) {
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	s := &Store{opt: opt, log: opt.Logger, blocks: make(map[int64]*replica)}
	var failures []error
	for _, d := range opt.Dirs {
		v, ver, err := openVolume(d, 0)
		if err == nil {
			err = s.admit(v, ver)
		}
		if err != nil {
			failures, s.failed = append(failures, err), append(s.failed, d.Path)
		}
	}
	if len(failures) > opt.FailedTolerated || len(s.volumes) == 0 {
		s.Close()
		return nil, errors.Join(failures...)
	}
	for _, err := range failures {
		s.log.Warn("volume left out", "err", err)
	}
	if s.version.DatanodeUUID == "" {
		s.version.DatanodeUUID = newUUID()
	}
	s.trash = make(chan string, 1<<10)
	s.trashed.Add(1)
	go s.unlinker()
	return s, nil
}

// admit takes a locked volume in if it fits those before it.
func (s *Store) admit(v *volume, ver version) error {
	sp, err := v.space()
	if err == nil && !v.fresh {
		if s.version.DatanodeUUID == "" {
			s.version = ver
		} else if diff := ver.differs(v.Path, s.version.Identity); diff != "" {
			err = wrong(ErrIdentity, "%s (but %s does)", diff, s.volumes[0].Path)
		} else if ver.DatanodeUUID != s.version.DatanodeUUID {
			err = wrong(ErrVolume, "%s belongs to DataNode %s, the others to %s", v.Path, ver.DatanodeUUID, s.version.DatanodeUUID)
		}
	}
	if err != nil {
		v.close()
		return err
	}
	if s.opt.Reserved != nil {
		v.reserved = s.opt.Reserved(v.Dir, sp.total)
	}
	s.volumes = append(s.volumes, v)
	return nil
}

// DatanodeUUID names this DataNode for ever.
func (s *Store) DatanodeUUID() string { return s.version.DatanodeUUID }

// Check tells with ErrIdentity when the volumes belong to another cluster than id.
func (s *Store) Check(id Identity) error {
	for _, v := range s.volumes {
		if v.fresh {
			continue
		}
		s.mu.RLock()
		diff := s.version.differs(v.Path, id)
		s.mu.RUnlock()
		if diff != "" {
			return wrong(ErrIdentity, "%s", diff)
		}
	}
	return nil
}

// Attach checks that the volumes belong to the cluster, formats those that were
// never used, and loads the replicas. A second call does nothing but check.
func (s *Store) Attach(id Identity) error {
	if err := s.Check(id); err != nil {
		return err
	}
	s.mu.RLock()
	ready := s.ready
	s.mu.RUnlock()
	if ready {
		return nil
	}
	for _, v := range s.volumes {
		if v.fresh {
			ver := version{Identity: id, StorageID: "DS-" + newUUID(), DatanodeUUID: s.version.DatanodeUUID}
			if err := ver.write(v.Path); err != nil {
				return wrong(ErrVolume, "format %s: %v", v.Path, err)
			}
			s.update(func() { v.uuid, v.fresh = ver.StorageID, false })
			s.log.Info("formatted", "volume", v.Path, "storage", v.uuid, "clusterID", id.ClusterID)
		}
		if err := v.prepare(id.Pool); err != nil {
			return err
		}
	}
	if err := s.load(); err != nil {
		return err
	}
	s.mu.Lock()
	s.version.Identity, s.ready = id, true
	s.mu.Unlock()
	return nil
}

// Serves tells whether the block pool is the one of this store, with ErrNotReady if not.
func (s *Store) Serves(pool string) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.ready || pool != s.version.Pool {
		return wrong(ErrNotReady, "%s", pool)
	}
	return nil
}

// Close waits for deletions and gives the folders back. No other call may follow.
func (s *Store) Close() error {
	var err error
	s.closed.Do(func() {
		if s.trash != nil {
			close(s.trash)
			s.trashed.Wait()
		}
		for _, v := range s.volumes {
			err = errors.Join(err, v.close())
		}
	})
	return err
}

// Storages describes the volumes.
func (s *Store) Storages() []Storage {
	list := make([]Storage, len(s.volumes))
	for i, v := range s.volumes {
		s.mu.RLock()
		uuid := v.uuid
		s.mu.RUnlock()
		list[i] = v.describe(uuid)
	}
	return list
}

// Failed are the folders that could not be used at start.
func (s *Store) Failed() []string { return s.failed }

// lock takes the stripe of a block and returns its unlocker.
func (s *Store) lock(id int64) func() {
	m := &s.stripe[uint64(id)%stripes]
	m.Lock()
	return m.Unlock
}

// find returns the replica and a copy of its fields.
func (s *Store) find(id int64) (*replica, replica, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.blocks[id]
	if !s.ready || r == nil {
		return nil, replica{}, wrong(ErrNotFound, "blk_%d", id)
	}
	return r, *r, nil
}

// update changes fields of a replica.
func (s *Store) update(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (r *replica) String() string {
	return fmt.Sprintf("blk_%d_%d (%s, %d bytes)", r.id, r.stamp, r.state, r.length)
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, as crypto/rand promises
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Serving tells whether Attach has succeeded.
func (s *Store) Serving() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ready
}

// Pool is the block pool served, "" before Attach.
func (s *Store) Pool() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.ready {
		return ""
	}
	return s.version.Pool
}
