package replicas

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// moveFiles takes the files of a replica to another place, another stamp, or
// both. The order of the renames is such that load knows, after a crash between
// them, what was meant: a data file in finalized always has its meta file beside it.
func moveFiles(v *volume, id int64, stamp, newStamp uint64, from, to place) error {
	meta := func() error { return os.Rename(v.meta(from, id, stamp), v.meta(to, id, newStamp)) }
	data := func() error { return os.Rename(v.data(from, id), v.data(to, id)) }
	if from == to {
		return meta()
	}
	if to != finalized {
		if err := data(); err != nil {
			return err
		}
		return meta()
	}
	if err := os.MkdirAll(v.folder(to, id), 0o700); err != nil {
		return err
	}
	if err := meta(); err != nil {
		return err
	}
	return data()
}

// syncFolders makes renames into finalized last.
func syncFolders(v *volume, id int64) error {
	return errors.Join(syncDir(v.folder(finalized, id)), syncDir(v.folder(rbw, id)))
}

// discard takes the files of a replica out of the way, to be unlinked later: that
// can take long, and the name may be needed again.
func (s *Store) discard(r *replica) error {
	sizes := fileSizes(r)
	for _, path := range []string{r.vol.data(r.place, r.id), r.vol.meta(r.place, r.id, r.stamp)} {
		to := filepath.Join(r.vol.folder(deleted, 0), fmt.Sprintf("%s.%d", filepath.Base(path), s.next.Add(1)))
		if err := os.Rename(path, to); err != nil && !missing(err) {
			return err
		}
		s.trash <- to
	}
	r.vol.used.Add(-sizes)
	return nil
}

func fileSizes(r *replica) (n int64) {
	for _, path := range []string{r.vol.data(r.place, r.id), r.vol.meta(r.place, r.id, r.stamp)} {
		if info, err := os.Stat(path); err == nil {
			n += info.Size()
		}
	}
	return n
}

// unlinker deletes what discard put aside.
func (s *Store) unlinker() {
	defer s.trashed.Done()
	for path := range s.trash {
		if err := os.Remove(path); err != nil && !missing(err) {
			s.log.Warn("deleted block left behind", "err", err)
		}
	}
}
