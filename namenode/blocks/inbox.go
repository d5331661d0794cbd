package blocks

import (
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Bounds of an inbox.
const (
	inboxNotes  = 1 << 16
	inboxWaited = 1 << 16
	keepFor     = 60_000    // ms that a NameNode which does not lead keeps a note
	waitFor     = 3_600_000 // ms that a NameNode waits for the replicas of a block
)

// An inbox keeps what DataNodes reported of blocks that no call at this NameNode
// waits for: the leader looks after a moment whether somebody else took it into the
// rows, the others forget it. It also knows which blocks calls here wait for.
// Notes of a block keep their order. Safe for many goroutines.
type inbox struct {
	mu     sync.Mutex
	notes  map[int64][]note // by block, the oldest first
	order  []note           // the oldest first; some of them were taken since
	count  int
	last   int64                    // number of the newest note
	waited *lru.Cache[int64, int64] // by block, ms since when
}

// A note is one reported event.
type note struct {
	number  int64
	storage int64
	event   Event
	at      int64 // ms
	counted bool  // among the replicas of the storage
}

func newInbox() *inbox {
	waited, err := lru.New[int64, int64](inboxWaited)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &inbox{notes: map[int64][]note{}, waited: waited}
}

// expect notes that calls here wait for the replicas of a block.
func (b *inbox) expect(block, now int64) { b.waited.Add(block, now) }

// await is expect, and takes out what was reported of the block.
func (b *inbox) await(block, now int64) []note {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waited.Add(block, now)
	return b.remove(block, func(note) bool { return true })
}

// settled says that nobody waits for a block any more.
func (b *inbox) settled(block int64) { b.waited.Remove(block) }

// keep keeps an event, unless calls here wait for its block. When there is no room
// it drops the oldest note, or if lossless keeps nothing. It reports whether it kept
// the event.
func (b *inbox) keep(storage int64, e Event, now int64, lossless bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if since, ok := b.waited.Get(e.ID); ok && now-since <= waitFor {
		return false
	}
	if !lossless {
		for len(b.order) > 0 && (b.count >= inboxNotes || now-b.order[0].at > keepFor) {
			b.pop()
		}
	}
	if b.count >= inboxNotes {
		return false
	}
	b.last++
	n := note{number: b.last, storage: storage, event: e, at: now, counted: e.Kind == Received}
	b.notes[e.ID] = append(b.notes[e.ID], n)
	b.order = append(b.order, n)
	b.count++
	return true
}

// pop takes out the oldest note; ok is false if it was taken before. The caller
// holds mu.
func (b *inbox) pop() (n note, ok bool) {
	n, b.order = b.order[0], b.order[1:]
	taken := b.remove(n.event.ID, func(o note) bool { return o.number == n.number })
	return n, len(taken) == 1
}

// remove takes out the notes of a block that match. The caller holds mu.
func (b *inbox) remove(block int64, match func(note) bool) (taken []note) {
	var left []note
	for _, n := range b.notes[block] {
		if match(n) {
			taken = append(taken, n)
		} else {
			left = append(left, n)
		}
	}
	b.count -= len(taken)
	if len(left) == 0 {
		delete(b.notes, block)
	} else {
		b.notes[block] = left
	}
	return taken
}

// take takes out what a storage reported of a block.
func (b *inbox) take(storage, block int64) []note {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.remove(block, func(n note) bool { return n.storage == storage })
}

// due takes out up to most notes that came at or before a time, the oldest first.
func (b *inbox) due(before int64, most int) (taken []note) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(taken) < most && len(b.order) > 0 && b.order[0].at <= before {
		if n, ok := b.pop(); ok {
			taken = append(taken, n)
		}
	}
	return taken
}

// putBack undoes due for some of its notes.
func (b *inbox) putBack(notes []note) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.order = append(append([]note(nil), notes...), b.order...)
	for i := len(notes) - 1; i >= 0; i-- {
		block := notes[i].event.ID
		b.notes[block] = append([]note{notes[i]}, b.notes[block]...)
	}
	b.count += len(notes)
}
