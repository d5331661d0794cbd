package replicas

import (
	"errors"
	"fmt"
	"os"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// Block names a replica.
type Block struct {
	ID    int64
	Stamp uint64
}

// Placement says where a new replica should go.
type Placement struct {
	Type      hdfspb.StorageTypeProto
	StorageID string // preferred if it is here and has room; may be empty
	Size      int64  // bytes that the replica may grow to; room is held back
}

// Create starts a new replica that is being written by a client (state RBW).
func (s *Store) Create(b Block, at Placement, sum datatransfer.Checksum) (*Writer, error) {
	return s.create(b, at, sum, rbw, RBW)
}

// CreateTemporary starts a copy of a replica from another DataNode. Nobody sees
// it until it is finalized or turned into an RBW; a restart forgets it. A
// replica of an older stamp that nobody finished gives way.
func (s *Store) CreateTemporary(b Block, at Placement, sum datatransfer.Checksum) (*Writer, error) {
	r, unlock, err := s.halted(b.ID)
	if err == nil {
		if r.state != Finalized && r.state != RUR && r.stamp < b.Stamp {
			err = s.remove(r)
		}
		unlock()
		if err != nil {
			return nil, err
		}
	} else if !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	return s.create(b, at, sum, tmp, Temporary)
}

func (s *Store) create(b Block, at Placement, sum datatransfer.Checksum, p place, st State) (*Writer, error) {
	if err := sum.Valid(); err != nil {
		return nil, err
	}
	defer s.lock(b.ID)()
	if r, _, err := s.find(b.ID); err == nil {
		return nil, wrong(ErrExists, "%s", r)
	}
	v, err := s.choose(at)
	if err != nil {
		return nil, err
	}
	r := &replica{id: b.ID, stamp: b.Stamp, vol: v, place: p, state: st}
	files, err := openPair(v.data(p, b.ID), v.meta(p, b.ID, b.Stamp), os.O_CREATE|os.O_TRUNC|os.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", r, err)
	}
	files.sum = sum
	if _, err := files.meta.WriteAt(metaHead(sum), 0); err != nil {
		files.close()
		return nil, errors.Join(fmt.Errorf("create %s: %w", r, err), os.Remove(v.data(p, b.ID)), os.Remove(v.meta(p, b.ID, b.Stamp)))
	}
	v.used.Add(metaHeader)
	w, err := s.newWriter(r, files, at.Size, 0)
	if err != nil {
		files.close()
		return nil, err
	}
	r.open = &progress{writer: w, was: st}
	s.update(func() { s.blocks[b.ID] = r })
	v.blocks.Add(1)
	return w, nil
}

// choose picks a volume: the one asked for, else the next of the type with room.
func (s *Store) choose(at Placement) (*volume, error) {
	var best *volume
	room := int64(-1)
	start := int(s.next.Add(1))
	for i := range s.volumes {
		v := s.volumes[(start+i)%len(s.volumes)]
		if v.Type != at.Type {
			continue
		}
		n, err := v.available()
		if err != nil {
			s.log.Warn("volume skipped", "err", err)
			continue
		}
		if n >= max(at.Size, 1) && (best == nil || v.uuid == at.StorageID) {
			best = v
		}
		room = max(room, n)
	}
	if best != nil {
		return best, nil
	}
	if room < 0 {
		return nil, wrong(ErrNoSpace, "no volume of type %s", at.Type)
	}
	return nil, wrong(ErrNoSpace, "%d bytes are needed, the emptiest %s volume has room for %d", at.Size, at.Type, room)
}

// ToRBW turns a temporary copy, all of whose n bytes readers may see, into a
// replica that a pipeline goes on writing, and releases the writer.
func (w *Writer) ToRBW(n int64) error {
	w.Acked(n)
	err := func() error {
		defer w.s.lock(w.r.id)()
		if _, now, err := w.s.find(w.r.id); err != nil || now.state != Temporary || now.open.writer != w || w.Length() < n {
			return wrong(ErrState, "%s cannot become RBW with %d bytes", w.r, n)
		}
		if err := moveFiles(w.r.vol, w.r.id, w.r.stamp, w.r.stamp, tmp, rbw); err != nil {
			return err
		}
		w.s.update(func() { w.r.place, w.r.state, w.r.open.was = rbw, RBW, RBW })
		return nil
	}()
	w.Release()
	return err
}

// Delete forgets a replica and unlinks its files in the background. The stamp must
// be the replica's. It returns the storage it was on.
func (s *Store) Delete(b Block) (storage string, err error) {
	r, unlock, err := s.halted(b.ID)
	if err != nil {
		return "", err
	}
	defer unlock()
	if r.stamp != b.Stamp {
		return "", wrong(ErrState, "%s is not deleted: its stamp is not %d", r, b.Stamp)
	}
	return r.vol.uuid, s.remove(r)
}

// remove drops a replica that nobody writes. The caller holds the stripe.
func (s *Store) remove(r *replica) error {
	if err := s.discard(r); err != nil {
		return fmt.Errorf("delete %s: %w", r, err)
	}
	s.update(func() { delete(s.blocks, r.id) })
	r.vol.blocks.Add(-1)
	return nil
}
