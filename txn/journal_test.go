package txn

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/schema"
)

// stores on which calls are answered from what is known: by a journal, and by word of
// mouth.
var knowing = map[string]func(*dal.Traits){
	"journal": func(tr *dal.Traits) { tr.Markers, tr.Lanes = true, 3 },
	"local":   func(tr *dal.Traits) { tr.Local, tr.Lanes = &dal.Local{}, 3 },
}

// nodes starts engines on one store and returns what counts the calls that were known.
func nodes(t *testing.T, n int, traits func(*dal.Traits)) ([]*Engine, []*notes) {
	t.Helper()
	store := memstore.New(traits)
	var all []*Engine
	var seen []*notes
	for i := range n {
		o := &notes{trips: map[string]int{}, retries: map[dal.Kind]int{}}
		e, err := New(store, Options{NodeID: int64(i + 1), Crowd: 2, Observer: o, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		all, seen = append(all, e), append(seen, o)
	}
	return all, seen
}

func (n *notes) known() (known int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.calls[Reads] {
		if s.Known {
			known++
		}
	}
	return known
}

// A pair of directories and of names below them is always changed together.
func pairKeys(i int64) (dirs [2]schema.Key, names [2]schema.Key) {
	for j := range int64(2) {
		dirs[j] = schema.KeyOf(schema.Int(100*i + j))
		names[j] = schema.InodeKey(100*i, fmt.Sprint("n", j))
	}
	return dirs, names
}

// bump changes a pair: it adds one to both directories, by reading them or blindly, and
// makes or removes both names.
func bump(i int64, blind bool) func(*Tx) error {
	dirs, names := pairKeys(i)
	return func(tx *Tx) error {
		tx.Lane(dirs[0])
		for j := range dirs {
			row, err := tx.Get(schema.Inodes, names[j], dal.Exclusive)
			if err != nil {
				return err
			}
			if row == nil {
				in := schema.Inode{PartitionID: 100 * i, ParentID: 100 * i, Name: fmt.Sprint("n", j), ID: 100*i + 50 + int64(j), Kind: schema.KindFile}
				if err := tx.Insert(schema.Inodes, in.Row()); err != nil {
					return err
				}
			} else {
				tx.Delete(schema.Inodes, names[j])
			}
		}
		for j := range dirs {
			if blind {
				one := schema.Directory{ID: 100*i + int64(j), Entries: 1}
				tx.Add(schema.Directories, one.Row())
				continue
			}
			row, err := tx.Get(schema.Directories, dirs[j], dal.Exclusive)
			if err != nil {
				return err
			}
			d := schema.Directory{ID: 100*i + int64(j)}
			if row != nil {
				d = schema.DirectoryOf(row)
			}
			d.Entries++
			tx.Put(schema.Directories, d.Row())
		}
		return nil
	}
}

// look reads a pair and reports what is wrong with it.
func look(e *Engine, i int64) (count int64, wrong string, err error) {
	dirs, names := pairKeys(i)
	err = e.View(context.Background(), func(tx *Tx) error {
		wrong = ""
		var there [2]bool
		var counts [2]int64
		for j := range dirs {
			row, err := tx.Get(schema.Directories, dirs[j], dal.None)
			if err != nil {
				return err
			}
			if row != nil {
				counts[j] = schema.DirectoryOf(row).Entries
			}
			name, err := tx.Get(schema.Inodes, names[j], dal.None)
			if err != nil {
				return err
			}
			there[j] = name != nil
		}
		count = counts[0]
		if counts[0] != counts[1] || there[0] != there[1] || there[0] != (counts[0]%2 == 1) {
			wrong = fmt.Sprintf("%v %v", counts, there)
		}
		return nil
	})
	return count, wrong, err
}

// TestKnownAnswersAreTrue: whatever several engines do, each sees the pairs change as
// one, and nothing older than what was done before it was asked.
func TestKnownAnswersAreTrue(t *testing.T) {
	const pairs, changes = 6, 100
	for name, traits := range knowing {
		t.Run(name, func(t *testing.T) {
			engines, seen := nodes(t, 3, traits)
			var done [pairs]atomic.Int64
			for i := range int64(pairs) { // rows to add to
				for range 2 {
					if err := engines[0].Update(t.Context(), bump(i, false)); err != nil {
						t.Fatal(err)
					}
					done[i].Add(1)
				}
			}
			var writers, readers sync.WaitGroup
			over := make(chan struct{})
			for n, e := range engines {
				for w := range 2 {
					writers.Go(func() {
						rnd := rand.New(rand.NewPCG(uint64(n), uint64(w)))
						for range changes {
							i := rnd.Int64N(pairs)
							if rnd.IntN(2) == 0 {
								i = 0 // much is the matter with one of them
							}
							if err := e.Update(context.Background(), bump(i, rnd.IntN(2) == 0)); err != nil {
								t.Error(err)
								return
							}
							done[i].Add(1)
						}
					})
				}
				for r := range 3 {
					readers.Go(func() {
						rnd := rand.New(rand.NewPCG(uint64(n), uint64(10+r)))
						for {
							select {
							case <-over:
								return
							default:
							}
							i := rnd.Int64N(pairs)
							before := done[i].Load()
							count, wrong, err := look(e, i)
							if err != nil || wrong != "" || count < before {
								t.Errorf("pair %d: %d %s %v; %d were done before", i, count, wrong, err, before)
								return
							}
						}
					})
				}
			}
			writers.Wait()
			close(over)
			readers.Wait()
			for n, e := range engines {
				for i := range int64(pairs) {
					known := 0
					for range 3 { // the second one may hear of what came before the first
						known = seen[n].known()
						if count, wrong, err := look(e, i); err != nil || wrong != "" || count != done[i].Load() {
							t.Errorf("pair %d at the end: %d %s %v, %d were done", i, count, wrong, err, done[i].Load())
						}
					}
					if seen[n].known() == known {
						t.Errorf("engine %d does not know pair %d though nothing changes", n+1, i)
					}
				}
			}
		})
	}
}

// TestWhatIsKnown: an answer is known again when nothing changed, with one look at the
// journal or none, and not after a change of any engine.
func TestWhatIsKnown(t *testing.T) {
	for name, traits := range knowing {
		t.Run(name, func(t *testing.T) {
			engines, seen := nodes(t, 2, traits)
			at := func(e int, known bool, what string) {
				t.Helper()
				before := seen[e].known()
				if _, wrong, err := look(engines[e], 1); err != nil || wrong != "" {
					t.Fatal(wrong, err)
				}
				if got := seen[e].known() > before; got != known {
					t.Errorf("%s: known is %v", what, got)
				}
			}
			change := func(e int) {
				t.Helper()
				if err := engines[e].Update(t.Context(), bump(1, false)); err != nil {
					t.Fatal(err)
				}
			}
			at(0, false, "at first")
			at(0, true, "again")
			change(0)
			at(0, true, "after a change of its own, whose rows it wrote")
			change(1)
			at(0, false, "after a change of another")
			at(0, true, "and again")
			for range 3 * markersKept {
				change(1)
			}
			at(0, false, "after more changes than there are markers of")
			at(0, true, "and again")
		})
	}
}

// TestJournalThatIsNotUnderstood: markers without a list, as older versions leave them,
// and gaps mean that anything may have changed.
func TestJournalThatIsNotUnderstood(t *testing.T) {
	store := memstore.New(knowing["journal"])
	o := &notes{trips: map[string]int{}, retries: map[dal.Kind]int{}}
	e, err := New(store, Options{NodeID: 1, Observer: o, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	known := func() bool {
		before := o.known()
		if _, _, err := look(e, 1); err != nil {
			t.Fatal(err)
		}
		return o.known() > before
	}
	none := unitsText(nil)
	for _, m := range []struct {
		schema.BatchMarker
		lost bool
	}{
		{schema.BatchMarker{Lane: 0, Batch: 1, Previous: 0, Committed: 1, Changed: none}, false},
		{schema.BatchMarker{Lane: 0, Batch: 2, Previous: 1, Committed: 1, Changed: ""}, true},
		{schema.BatchMarker{Lane: 0, Batch: 3, Previous: 2, Committed: 1, Changed: "\x02"}, true},
		{schema.BatchMarker{Lane: 0, Batch: 4, Previous: 3, Committed: 1, Changed: none + "x"}, true},
		{schema.BatchMarker{Lane: 0, Batch: 5, Previous: 4, Committed: 1, Changed: none}, false},
		{schema.BatchMarker{Lane: 0, Batch: 6, Previous: 0, Committed: 0}, false}, // never happened
		{schema.BatchMarker{Lane: 0, Batch: 7, Previous: 5, Committed: 1, Changed: none}, false},
		{schema.BatchMarker{Lane: 0, Batch: 9, Previous: 8, Committed: 1, Changed: none}, true},
		{schema.BatchMarker{Lane: 1, Batch: 3, Previous: 2, Committed: 1, Changed: none}, true},
		{schema.BatchMarker{Lane: 2, Batch: 1, Previous: 0, Committed: 1, Changed: none}, false},
	} {
		known()
		if !known() {
			t.Fatal("not known though nothing happened")
		}
		m.NamenodeID = 9
		tx, err := store.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		row := m.Row()
		if err := tx.Commit(t.Context(), []dal.Change{{Op: dal.Insert, Table: schema.BatchMarkers, Key: schema.BatchMarkers.Key(row), Row: row}}); err != nil {
			t.Fatal(err)
		}
		if known() == m.lost {
			t.Errorf("after %+v: known is %v", m.BatchMarker, m.lost)
		}
	}
	if units, ok := appendUnits(nil, unitsText([]uint64{1, 1 << 63})); !ok || len(units) != 2 || units[1] != 1<<63 {
		t.Error(units, ok)
	}
}
