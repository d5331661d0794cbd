package replicas

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// found is the files of a block in one folder.
type found struct {
	data  bool
	size  int64
	metas []uint64 // stamps
	sizes []int64  // of the meta files
}

// load reads the folders of the block pool. It repairs what a crash left: a
// replica whose two files lie in different places, unfinished copies, files that
// were to be deleted; and cuts replicas that were being written to what is right.
func (s *Store) load() error {
	var wg sync.WaitGroup
	lists := make([][]*replica, len(s.volumes))
	errs := make([]error, len(s.volumes))
	for i, v := range s.volumes {
		wg.Add(1)
		go func() {
			defer wg.Done()
			lists[i], errs[i] = s.loadVolume(v)
		}()
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return wrong(ErrVolume, "%v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range lists {
		for _, r := range list {
			if old := s.blocks[r.id]; old != nil && !newer(r, old) {
				s.log.Warn("second copy of a block ignored", "replica", r, "volume", r.vol.Path)
				continue
			}
			s.blocks[r.id] = r
			r.vol.blocks.Add(1)
		}
	}
	return nil
}

// newer prefers the higher stamp, then the finalized one, then the longer one.
func newer(a, b *replica) bool {
	if a.stamp != b.stamp {
		return a.stamp > b.stamp
	}
	if (a.state == Finalized) != (b.state == Finalized) {
		return a.state == Finalized
	}
	return a.length > b.length
}

func (s *Store) loadVolume(v *volume) ([]*replica, error) {
	for _, p := range []place{tmp, deleted} {
		if err := emptyFolder(filepath.Join(v.pool, placeNames[p])); err != nil {
			return nil, err
		}
	}
	var list []*replica
	inRBW, err := scan(filepath.Join(v.pool, placeNames[rbw]))
	if err != nil {
		return nil, err
	}
	for id, f := range inRBW {
		r, err := s.loadOpen(v, id, f)
		if err != nil {
			return nil, err
		}
		if r != nil {
			list = append(list, r)
		}
	}
	err = filepath.WalkDir(filepath.Join(v.pool, placeNames[finalized]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		here, err := scan(path)
		for id, f := range here {
			r := s.loadFinalized(v, id, f)
			if r != nil {
				list = append(list, r)
			}
		}
		return err
	})
	return list, err
}

// scan reads one folder. Files of other names are left alone.
func scan(dir string) (map[int64]*found, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	blocks := make(map[int64]*found)
	for _, e := range entries {
		id, stamp, meta, ok := parseName(e.Name())
		if !ok || e.IsDir() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		f := blocks[id]
		if f == nil {
			f = new(found)
			blocks[id] = f
		}
		if meta {
			f.metas, f.sizes = append(f.metas, stamp), append(f.sizes, info.Size())
		} else {
			f.data, f.size = true, info.Size()
		}
	}
	return blocks, nil
}

// parseName understands blk_<id> and blk_<id>_<stamp>.meta.
func parseName(name string) (id int64, stamp uint64, meta, ok bool) {
	rest, ok := strings.CutPrefix(name, "blk_")
	if !ok {
		return 0, 0, false, false
	}
	rest, meta = strings.CutSuffix(rest, ".meta")
	if meta {
		at := strings.LastIndexByte(rest, '_')
		if at < 0 {
			return 0, 0, false, false
		}
		n, err := strconv.ParseUint(rest[at+1:], 10, 64)
		if err != nil {
			return 0, 0, false, false
		}
		stamp, rest = n, rest[:at]
	}
	id, err := strconv.ParseInt(rest, 10, 64)
	return id, stamp, meta, err == nil
}

// newest is the highest stamp of the meta files and the size of that file.
func (f *found) newest() (stamp uint64, size int64) {
	for i, m := range f.metas {
		if m >= stamp {
			stamp, size = m, f.sizes[i]
		}
	}
	return stamp, size
}

// loadFinalized makes a replica of what lies in a finalized folder, nil if it is none.
func (s *Store) loadFinalized(v *volume, id int64, f *found) *replica {
	if !f.data {
		// Finalizing moves the meta file first, appending and deleting the data file. If
		// the data is in rbw, loadOpen has taken this meta file already: it is left over.
		for _, stamp := range f.metas {
			if err := os.Remove(v.meta(finalized, id, stamp)); err != nil {
				s.log.Warn("left over meta file", "err", err)
			}
		}
		return nil
	}
	if len(f.metas) == 0 {
		s.log.Warn("block without a meta file ignored", "file", v.data(finalized, id))
		return nil
	}
	stamp, size := f.newest()
	v.used.Add(f.size + size)
	r := &replica{id: id, stamp: stamp, length: f.size, vol: v, place: finalized, state: Finalized}
	if size == metaHeader+(f.size+511)/512*4 {
		return r
	}
	// Another chunk size than the usual one, or a damaged file: look inside.
	p, err := openExisting(v.data(finalized, id), v.meta(finalized, id, stamp), os.O_RDONLY)
	if err != nil {
		s.log.Warn("block without a readable meta file ignored", "replica", r, "err", err)
		v.used.Add(-f.size - size)
		return nil
	}
	defer p.close()
	if size == metaSize(p.sum, f.size) {
		return r
	}
	s.log.Warn("finalized block does not fit its meta file: kept as not finished", "replica", r, "volume", v.Path)
	v.used.Add(-f.size - size)
	if err := moveFiles(v, id, stamp, stamp, finalized, rbw); err != nil {
		s.log.Warn("block ignored", "replica", r, "err", err)
		return nil
	}
	r, err = s.loadOpen(v, id, f)
	if err != nil {
		s.log.Warn("block ignored", "blk", id, "err", err)
		return nil
	}
	return r
}

// loadOpen makes a replica of what lies in rbw: cut to the right prefix, state RWR.
func (s *Store) loadOpen(v *volume, id int64, f *found) (*replica, error) {
	if !f.data { // its data file was moved or never made: nothing to keep
		for _, stamp := range f.metas {
			if err := os.Remove(v.meta(rbw, id, stamp)); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	if len(f.metas) == 0 {
		stamp, ok, err := fetchMeta(v, id)
		if err != nil {
			return nil, err
		}
		if !ok { // died between making the two files: not a byte was written
			return nil, os.Remove(v.data(rbw, id))
		}
		f.metas, f.sizes = []uint64{stamp}, []int64{0}
	}
	stamp, _ := f.newest()
	p, err := openExisting(v.data(rbw, id), v.meta(rbw, id, stamp), os.O_RDWR)
	if err != nil {
		if f.size > 0 {
			s.log.Warn("unfinished block without a readable meta file ignored", "blk", id, "err", err)
			return nil, nil
		}
		return nil, errors.Join(os.Remove(v.data(rbw, id)), os.Remove(v.meta(rbw, id, stamp)))
	}
	defer p.close()
	n, err := p.verifiedPrefix()
	if err == nil {
		err = p.truncate(n)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.data(rbw, id), err)
	}
	if n < f.size {
		s.log.Info("unfinished block cut to its right part", "blk", id, "bytes", n, "were", f.size)
	}
	v.used.Add(n + metaSize(p.sum, n))
	return &replica{id: id, stamp: stamp, length: n, vol: v, place: rbw, state: RWR, open: &progress{was: RWR}}, nil
}

// fetchMeta brings a meta file from the finalized folder to its data file in rbw.
func fetchMeta(v *volume, id int64) (stamp uint64, ok bool, err error) {
	here, err := scan(v.folder(finalized, id))
	if missing(err) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	f := here[id]
	if f == nil || f.data || len(f.metas) == 0 {
		return 0, false, nil
	}
	stamp, _ = f.newest()
	return stamp, true, os.Rename(v.meta(finalized, id, stamp), v.meta(rbw, id, stamp))
}

func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
