package replicas

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// BeginRecovery takes a replica under the recovery with that id (the new stamp):
// its writer is stopped, its length stands still. The answer describes the replica
// as it was before. ErrNotFound means that nothing is here; ErrRecovering that a
// newer recovery has it.
func (s *Store) BeginRecovery(b Block, recoveryID uint64) (Info, error) {
	r, unlock, err := s.halted(b.ID)
	if err != nil {
		return Info{}, err
	}
	defer unlock()
	switch {
	case r.stamp < b.Stamp:
		return Info{}, wrong(ErrState, "%s is older than stamp %d", r, b.Stamp)
	case r.stamp >= recoveryID:
		return Info{}, wrong(ErrState, "%s is not older than recovery %d", r, recoveryID)
	case r.state == RUR && r.open.recovery >= recoveryID:
		return Info{}, wrong(ErrRecovering, "%s is held by recovery %d, not older than %d", r, r.open.recovery, recoveryID)
	}
	if err := checkFiles(r); err != nil {
		return Info{}, err
	}
	s.update(func() {
		if r.state != RUR {
			if r.open == nil {
				r.open = &progress{acked: r.length}
			}
			r.open.was, r.state = r.state, RUR
		}
		r.open.recovery = recoveryID
	})
	return r.info(), nil
}

// checkFiles tells whether the data file is as long as remembered.
func checkFiles(r *replica) error {
	info, err := os.Stat(r.vol.data(r.place, r.id))
	if err != nil {
		return fmt.Errorf("%s: %w", r, err)
	}
	if info.Size() < r.length {
		return wrong(ErrState, "%s has only %d bytes on disk", r, info.Size())
	}
	return nil
}

// EndRecovery makes a replica under recovery final: oldLength bytes are cut to
// newLength and the stamp becomes recoveryID. newID, if it is not 0 or the
// replica's, asks for a copy under that id instead (truncate of a file that a
// snapshot holds): then the old replica stays as it was. It returns the storage.
func (s *Store) EndRecovery(id, oldLength int64, recoveryID uint64, newID, newLength int64) (storage string, err error) {
	r, unlock, err := s.halted(id)
	if err != nil {
		return "", err
	}
	defer unlock()
	switch {
	case r.state != RUR:
		return "", wrong(ErrState, "%s is not under recovery", r)
	case r.open.recovery != recoveryID:
		return "", wrong(ErrState, "%s is under recovery %d, not %d", r, r.open.recovery, recoveryID)
	case r.length != oldLength:
		return "", wrong(ErrState, "%s has not %d bytes", r, oldLength)
	case newLength > r.length || newLength < 0:
		return "", wrong(ErrState, "%s cannot be cut to %d bytes", r, newLength)
	}
	if newID != 0 && newID != id {
		return r.vol.uuid, s.copyCut(r, newID, recoveryID, newLength)
	}
	if newLength < r.length {
		if err := s.cut(r, newLength); err != nil {
			return "", err
		}
	}
	if err := s.restamp(r, recoveryID); err != nil {
		return "", err
	}
	return r.vol.uuid, s.finalize(r, newLength)
}

// cut shortens a replica. It lies in rbw meanwhile, where a crash is repaired.
func (s *Store) cut(r *replica, n int64) error {
	if r.place == finalized {
		if err := moveFiles(r.vol, r.id, r.stamp, r.stamp, finalized, rbw); err != nil {
			return fmt.Errorf("cut %s: %w", r, err)
		}
		s.update(func() { r.place = rbw })
	}
	p, err := openExisting(r.vol.data(r.place, r.id), r.vol.meta(r.place, r.id, r.stamp), os.O_RDWR)
	if err != nil {
		return fmt.Errorf("cut %s: %w", r, err)
	}
	if err := errors.Join(p.truncate(n), p.close()); err != nil {
		return fmt.Errorf("cut %s to %d bytes: %w", r, n, err)
	}
	r.vol.used.Add(metaSize(p.sum, n) + n - metaSize(p.sum, r.length) - r.length)
	s.update(func() { r.length = n })
	return nil
}

// copyCut makes a finalized replica newID of the first n bytes of r. The stripe of
// newID is not taken: nobody else knows the id yet.
func (s *Store) copyCut(r *replica, newID int64, stamp uint64, n int64) error {
	if other, _, err := s.find(newID); err == nil {
		return wrong(ErrExists, "%s", other)
	}
	from, err := openExisting(r.vol.data(r.place, r.id), r.vol.meta(r.place, r.id, r.stamp), os.O_RDONLY)
	if err != nil {
		return fmt.Errorf("copy %s: %w", r, err)
	}
	defer from.close()
	to, err := openPair(r.vol.data(rbw, newID), r.vol.meta(rbw, newID, stamp), os.O_CREATE|os.O_TRUNC|os.O_RDWR)
	if err != nil {
		return fmt.Errorf("copy %s: %w", r, err)
	}
	to.sum = from.sum
	_, err1 := io.Copy(to.data, io.NewSectionReader(from.data, 0, n))
	_, err2 := io.Copy(to.meta, io.NewSectionReader(from.meta, 0, metaSize(from.sum, n)))
	err = errors.Join(err1, err2)
	if err == nil {
		err = to.truncate(n)
	}
	if err = errors.Join(err, to.close()); err != nil {
		return errors.Join(fmt.Errorf("copy %s: %w", r, err), os.Remove(r.vol.data(rbw, newID)), os.Remove(r.vol.meta(rbw, newID, stamp)))
	}
	c := &replica{id: newID, stamp: stamp, length: n, vol: r.vol, place: rbw, state: RBW, open: &progress{acked: n, was: RBW}}
	r.vol.used.Add(n + metaSize(from.sum, n))
	r.vol.blocks.Add(1)
	if err := s.finalize(c, n); err != nil {
		return err
	}
	s.update(func() {
		s.blocks[newID] = c
		r.state = r.open.was
		if r.state == Finalized {
			r.open = nil
		}
	})
	return nil
}
