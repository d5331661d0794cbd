package replicas

import (
	"fmt"
	"os"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
)

// Append reopens a finalized replica of exactly length bytes for writing, under
// the new stamp. size is how large the block may grow, in bytes.
func (s *Store) Append(b Block, newStamp uint64, length, size int64) (*Writer, error) {
	r, unlock, err := s.halted(b.ID)
	if err != nil {
		return nil, err
	}
	defer unlock()
	switch {
	case r.state != Finalized:
		return nil, wrong(ErrState, "cannot append to %s", r)
	case r.stamp != b.Stamp || newStamp < b.Stamp:
		return nil, wrong(ErrState, "cannot append to %s: stamps %d and %d do not fit", r, b.Stamp, newStamp)
	case r.length != length:
		return nil, wrong(ErrState, "cannot append to %s: its length is not %d", r, length)
	}
	return s.reopen(r, newStamp, size)
}

// RecoverAppend is Append for a second try: the first one may have reopened the
// replica here, but nothing was written then.
func (s *Store) RecoverAppend(b Block, newStamp uint64, length, size int64) (*Writer, error) {
	r, unlock, err := s.halted(b.ID)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := r.recoverable(b, newStamp, length); err != nil {
		return nil, err
	}
	return s.reopen(r, newStamp, size)
}

// recoverable says whether an append or close under newStamp may go on with a
// replica of exactly length bytes.
func (r *replica) recoverable(b Block, newStamp uint64, length int64) error {
	switch {
	case r.state != Finalized && r.state != RBW:
		return wrong(ErrState, "cannot recover %s", r)
	case r.stamp < b.Stamp || r.stamp > newStamp:
		return wrong(ErrState, "cannot recover %s: its stamp is not between %d and %d", r, b.Stamp, newStamp)
	case r.length != length:
		return wrong(ErrState, "cannot recover %s: its length is not %d", r, length)
	}
	return nil
}

// RecoverRBW goes on with a replica whose pipeline broke: cut to what was acked,
// which must be at least minBytes and at most maxBytes.
func (s *Store) RecoverRBW(b Block, newStamp uint64, minBytes, maxBytes, size int64) (*Writer, error) {
	r, unlock, err := s.halted(b.ID)
	if err != nil {
		return nil, err
	}
	defer unlock()
	switch {
	case r.state != RBW:
		return nil, wrong(ErrState, "cannot recover %s: it is not being written", r)
	case r.stamp < b.Stamp || r.stamp > newStamp:
		return nil, wrong(ErrState, "cannot recover %s: its stamp is not between %d and %d", r, b.Stamp, newStamp)
	case r.open.acked < minBytes || r.length > maxBytes:
		return nil, wrong(ErrState, "cannot recover %s, %d bytes of it acked: %d to %d were sent", r, r.open.acked, minBytes, maxBytes)
	}
	return s.reopen(r, newStamp, size)
}

// reopen makes a replica an RBW of the new stamp with a writer. An RBW is cut to
// its acked bytes: what follows may be damaged, nobody has verified it. The
// caller holds the stripe.
func (s *Store) reopen(r *replica, newStamp uint64, size int64) (*Writer, error) {
	if room, err := r.vol.available(); err != nil {
		return nil, err
	} else if room < size-r.length {
		return nil, wrong(ErrNoSpace, "%s may grow to %d bytes, its volume has room for %d more", r, size, room)
	}
	if r.place != rbw || r.stamp != newStamp {
		if err := moveFiles(r.vol, r.id, r.stamp, newStamp, r.place, rbw); err != nil {
			return nil, fmt.Errorf("reopen %s: %w", r, err)
		}
		s.update(func() {
			if r.open == nil {
				r.open = &progress{acked: r.length}
			}
			r.place, r.stamp, r.state, r.open.was = rbw, newStamp, RBW, RBW
		})
	}
	p, err := openExisting(r.vol.data(rbw, r.id), r.vol.meta(rbw, r.id, newStamp), os.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("reopen %s: %w", r, err)
	}
	n := r.open.acked
	if n < r.length {
		if err = p.truncate(n); err != nil {
			p.close()
			return nil, fmt.Errorf("cut %s to %d bytes: %w", r, n, err)
		}
		r.vol.used.Add(metaSize(p.sum, n) + n - metaSize(p.sum, r.length) - r.length)
	}
	w, err := s.newWriter(r, p, size, n)
	if err != nil {
		p.close()
		return nil, err
	}
	s.update(func() { r.length, r.open.writer = n, w })
	return w, nil
}

// RecoverClose ends a replica of exactly length bytes whose writer could not:
// it is finalized under the new stamp. It returns the storage it is on.
func (s *Store) RecoverClose(b Block, newStamp uint64, length int64) (storage string, err error) {
	r, unlock, err := s.halted(b.ID)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := r.recoverable(b, newStamp, length); err != nil {
		return "", err
	}
	if err := s.restamp(r, newStamp); err != nil {
		return "", err
	}
	if r.state == Finalized {
		return r.vol.uuid, nil
	}
	return r.vol.uuid, s.finalize(r, r.length)
}

func (s *Store) restamp(r *replica, newStamp uint64) error {
	if r.stamp == newStamp {
		return nil
	}
	if err := moveFiles(r.vol, r.id, r.stamp, newStamp, r.place, r.place); err != nil {
		return fmt.Errorf("new stamp for %s: %w", r, err)
	}
	s.update(func() { r.stamp = newStamp })
	return nil
}

// Info describes a replica.
type Info struct {
	Block
	Length  int64 // bytes on disk
	Visible int64 // bytes that readers may see
	State   State // before a recovery, if one is running
	Storage string
}

// Stat describes a replica.
func (s *Store) Stat(id int64) (Info, error) {
	_, r, err := s.find(id)
	if err != nil {
		return Info{}, err
	}
	return r.info(), nil
}

// info of a copy of the replica's fields.
func (r *replica) info() Info {
	i := Info{Block: Block{r.id, r.stamp}, Length: r.length, Visible: r.length, State: r.state, Storage: r.vol.uuid}
	if r.open == nil {
		return i
	}
	i.Visible = r.open.acked
	if w := r.open.writer; w != nil {
		w.mu.Lock()
		i.Length, i.Visible = w.onDisk, w.acked
		w.mu.Unlock()
	}
	if r.state == RUR {
		i.State = r.open.was
		if i.State == Finalized {
			i.Visible = i.Length
		}
	}
	return i
}

// Readable says whether clients may read the replica at all.
func (i Info) Readable() bool { return i.State == Finalized || i.State == RBW }

// Checksum is how a replica is summed, and its length in bytes, from its files.
func (s *Store) Checksum(id int64) (datatransfer.Checksum, error) {
	rd, err := s.Open(Block{ID: id})
	if err != nil {
		return datatransfer.Checksum{}, err
	}
	defer rd.Close()
	return rd.Sum, nil
}
