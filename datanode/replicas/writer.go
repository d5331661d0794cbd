package replicas

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
)

// stopWait is how long a recovery waits for the present writer to let go.
const stopWait = 60 * time.Second

// Writer writes one replica. Write, Sync, Finalize and Release are called by one
// goroutine, or one after the other; Acked and the readers may run beside them.
// Release must be called at the end, whatever happened.
type Writer struct {
	s *Store
	r *replica
	p pair

	mu       sync.Mutex
	onDisk   int64  // bytes written
	tail     uint32 // checksum of the unfinished last chunk, as written
	acked    int64  // bytes that readers may see
	promised int64  // bytes held back on the volume
	stop     func() // makes the writing goroutine end
	stopped  bool
	released bool
	done     chan struct{} // closed by Release
}

// newWriter makes w the writer of r. The caller holds the stripe of the block.
func (s *Store) newWriter(r *replica, p pair, size, length int64) (*Writer, error) {
	tail, err := p.tail(length)
	if err != nil {
		return nil, err
	}
	w := &Writer{s: s, r: r, p: p, onDisk: length, acked: length, tail: tail,
		promised: max(0, size-length), done: make(chan struct{})}
	r.vol.promised.Add(w.promised)
	return w, nil
}

// OnStop sets what ends the writing goroutine when somebody else needs the
// replica. It is called at once if that has happened already.
func (w *Writer) OnStop(f func()) {
	w.mu.Lock()
	w.stop = f
	stopped := w.stopped
	w.mu.Unlock()
	if stopped {
		f()
	}
}

// halt makes the writer end and waits until it has.
func (w *Writer) halt() error {
	w.mu.Lock()
	w.stopped = true
	stop := w.stop
	w.mu.Unlock()
	if stop != nil {
		stop()
	}
	select {
	case <-w.done:
		return nil
	case <-time.After(stopWait):
		return wrong(ErrState, "the writer of %s does not end", w.r)
	}
}

// StorageUUID names the volume of the replica.
func (w *Writer) StorageUUID() string { return w.r.vol.uuid }

// Checksum is how the replica is summed on disk.
func (w *Writer) Checksum() datatransfer.Checksum { return w.p.sum }

// Length is how many bytes are written.
func (w *Writer) Length() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.onDisk
}

// Stamp is the replica's generation stamp.
func (w *Writer) Stamp() uint64 {
	w.s.mu.RLock()
	defer w.s.mu.RUnlock()
	return w.r.stamp
}

// Acked lets readers see the first n bytes. It never takes any back.
func (w *Writer) Acked(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked = max(w.acked, min(n, w.onDisk))
}

// Write writes the data of a packet at an offset of the block. sums are its
// checksums, verified by the caller, in the form wire. What is there already is
// left alone: after a recovery a client sends again what it does not know to be
// acked. Data must not begin behind the end.
func (w *Writer) Write(off int64, data, sums []byte, wire datatransfer.Checksum) error {
	w.mu.Lock()
	have, tail := w.onDisk, w.tail
	w.mu.Unlock()
	end := off + int64(len(data))
	switch {
	case off > have:
		return wrong(ErrState, "%s: data at %d, but only %d bytes are there", w.r, off, have)
	case off%int64(wire.BytesPerChecksum) != 0 && off%int64(wire.BytesPerChecksum)+int64(len(data)) > int64(wire.BytesPerChecksum):
		return wrong(ErrState, "%s: %d bytes at %d: a packet that begins inside a chunk must end with it", w.r, len(data), off)
	case end <= have:
		return nil
	}
	sum := w.p.sum
	bpc := int64(sum.BytesPerChecksum)
	chunk := have - have%bpc // where the chunk to go on with begins
	fresh := data[have-off:]
	if wire == sum && off%bpc == 0 && off <= chunk {
		sums = sums[sum.SumsLen(int(chunk-off)):]
	} else {
		sums = sum.Resume(tail, int(have-chunk), fresh)
	}
	if err := w.store(have, chunk, fresh, sums); err != nil {
		w.undo(have, tail)
		return err
	}
	tail = 0
	if sum.Size() != 0 && end%bpc != 0 {
		tail = binary.BigEndian.Uint32(sums[len(sums)-4:])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onDisk, w.tail = end, tail
	grown := int64(len(fresh)) + metaSize(sum, end) - metaSize(sum, have)
	w.r.vol.used.Add(grown)
	give := min(w.promised, int64(len(fresh)))
	w.promised -= give
	w.r.vol.promised.Add(-give)
	return nil
}

func (w *Writer) store(at, chunk int64, data, sums []byte) error {
	if _, err := w.p.data.WriteAt(data, at); err != nil {
		return fmt.Errorf("write %s: %w", w.r, err)
	}
	if _, err := w.p.meta.WriteAt(sums, sumAt(w.p.sum, chunk)); err != nil {
		return fmt.Errorf("write checksums of %s: %w", w.r, err)
	}
	return nil
}

// undo brings the files back to length after a write that went wrong, such as on
// a full disk. If that fails too, the checksums still tell which bytes are right.
func (w *Writer) undo(length int64, tail uint32) {
	err := w.p.data.Truncate(length)
	if w.p.sum.Size() != 0 && length%int64(w.p.sum.BytesPerChecksum) != 0 {
		_, werr := w.p.meta.WriteAt(binary.BigEndian.AppendUint32(nil, tail), sumAt(w.p.sum, length))
		err = errors.Join(err, werr)
	}
	if err = errors.Join(err, w.p.meta.Truncate(metaSize(w.p.sum, length))); err != nil {
		w.s.log.Warn("cannot undo a failed write", "replica", w.r, "err", err)
	}
}

// Sync waits until everything written is on the disk.
func (w *Writer) Sync() error { return w.p.sync() }

// Finalize makes the replica whole: it moves to its final folder. It returns its
// length in bytes.
func (w *Writer) Finalize() (int64, error) {
	w.mu.Lock()
	n := w.onDisk
	w.mu.Unlock()
	if w.s.opt.SyncOnClose {
		if err := w.p.sync(); err != nil {
			return 0, fmt.Errorf("fsync %s: %w", w.r, err)
		}
	}
	defer w.s.lock(w.r.id)()
	if _, now, err := w.s.find(w.r.id); err != nil || now.open == nil || now.open.writer != w {
		return 0, wrong(ErrState, "%s is not this writer's any more", w.r)
	}
	if err := w.s.finalize(w.r, n); err != nil {
		return 0, err
	}
	return n, nil
}

// finalize moves the files and changes the state. The caller holds the stripe.
func (s *Store) finalize(r *replica, n int64) error {
	if r.place != finalized {
		if err := moveFiles(r.vol, r.id, r.stamp, r.stamp, r.place, finalized); err != nil {
			return fmt.Errorf("finalize %s: %w", r, err)
		}
		if s.opt.SyncOnClose {
			if err := syncFolders(r.vol, r.id); err != nil {
				return fmt.Errorf("finalize %s: %w", r, err)
			}
		}
	}
	s.update(func() { r.place, r.state, r.length, r.open = finalized, Finalized, n, nil })
	return nil
}

// Release ends the writing. A replica that was not finalized stays as it is, to be
// recovered; a temporary copy is dropped. A second call does nothing.
func (w *Writer) Release() {
	w.mu.Lock()
	if w.released {
		w.mu.Unlock()
		return
	}
	w.released = true
	w.r.vol.promised.Add(-w.promised)
	w.promised = 0
	n, acked := w.onDisk, w.acked
	w.mu.Unlock()
	defer close(w.done)
	if err := w.p.close(); err != nil {
		w.s.log.Warn("close replica", "replica", w.r, "err", err)
	}
	defer w.s.lock(w.r.id)()
	drop := false
	w.s.update(func() {
		if w.r.open == nil || w.r.open.writer != w {
			return
		}
		w.r.open.writer, w.r.open.acked, w.r.length = nil, acked, n
		if w.r.state == Temporary && w.s.blocks[w.r.id] == w.r {
			drop = true
			delete(w.s.blocks, w.r.id)
		}
	})
	if drop {
		w.r.vol.blocks.Add(-1)
		if err := w.s.discard(w.r); err != nil {
			w.s.log.Warn("unfinished copy left behind", "replica", w.r, "err", err)
		}
	}
}

// halted takes the stripe of a block once nobody writes its replica, and returns
// the replica and the unlocker.
func (s *Store) halted(id int64) (*replica, func(), error) {
	for {
		unlock := s.lock(id)
		r, now, err := s.find(id)
		if err != nil {
			unlock()
			return nil, nil, err
		}
		if now.open == nil || now.open.writer == nil {
			return r, unlock, nil
		}
		w := now.open.writer
		unlock()
		if err := w.halt(); err != nil {
			return nil, nil, err
		}
	}
}
