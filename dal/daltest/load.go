package daltest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

var manyChecks = []check{
	{"5,000 changes in one commit", func(k *kit) {
		const n = 5000
		every := func(change func(i int64) dal.Change) {
			changes := make([]dal.Change, n)
			for i := range changes {
				changes[i] = change(int64(i))
			}
			k.write(changes...)
		}
		count := func(want int, entries int64) {
			k.Helper()
			got := k.read(scan(schema.Directories.Primary, "", key(k.base-1), n))[0].Rows
			if len(got) < want {
				k.Fatalf("%d rows, want %d", len(got), want)
			}
			for i, r := range got[:want] {
				if r[0].Int() != k.base+int64(i) || r[2].Int() != entries+int64(i) {
					k.Fatalf("row %d is %v", i, r)
				}
			}
		}
		every(func(i int64) dal.Change { return insert(schema.Directories, directory(k.base+i, i)) })
		count(n, 0)
		every(func(i int64) dal.Change { return put(schema.Directories, directory(k.base+i, i+10)) })
		count(n, 10)
		every(func(i int64) dal.Change { return add(schema.Directories, directory(k.base+i, 5)) })
		count(n, 15)
		every(func(i int64) dal.Change { return add(schema.Directories, directory(k.base+i, 1+i%2-(i+1)%2)) })
		every(func(i int64) dal.Change { return remove(schema.Directories, key(k.base+i)) })
		k.want(k.read(scan(schema.Directories.Primary, "", key(k.base-1), 1))[0].Rows)
	}},
	{"concurrent adds are all there", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 0)), insert(schema.Directories, directory(k.base+1, 0)))
		k.parallel(8, 25, func(int, int) error {
			return k.try(add(schema.Directories, directory(k.base, 1)), add(schema.Directories, directory(k.base+1, 2)))
		})
		k.want(k.get(schema.Directories, key(k.base), key(k.base+1)), directory(k.base, 200), directory(k.base+1, 400))
	}},
	{"concurrent read and write under a lock loses nothing", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 0)))
		k.parallel(4, 25, func(int, int) error { return k.increment() })
		k.want(k.get(schema.Directories, key(k.base)), directory(k.base, 100))
	}},
	{"of many creators of one name one wins", func(k *kit) {
		var won atomic.Int64
		k.parallel(8, 10, func(who, i int) error {
			err := k.try(insert(schema.Inodes, inode(k.base, fmt.Sprint(i), k.base+int64(who*10+i))))
			if err == nil {
				won.Add(1)
			} else if !dal.Is(err, dal.Duplicate) {
				return err
			}
			return nil
		})
		if won.Load() != 10 {
			k.Errorf("%d creators won, want 10", won.Load())
		}
	}},
}

// increment adds one to a row that it has locked.
func (k *kit) increment() error {
	for {
		tx, err := k.store.Begin(k.ctx)
		if err != nil {
			return err
		}
		rows, err := tx.Fetch(k.ctx, []dal.Fetch{lockDir(k.base, dal.Exclusive)})
		if err == nil {
			err = tx.Commit(k.ctx, []dal.Change{put(schema.Directories, directory(k.base, rows[0].Rows[0][2].Int()+1))})
		}
		tx.Rollback()
		if !dal.Is(err, dal.Conflict) {
			return err
		}
	}
}

// parallel calls f times in each of n goroutines.
func (k *kit) parallel(n, times int, f func(who, i int) error) {
	k.Helper()
	var all sync.WaitGroup
	for who := range n {
		all.Go(func() {
			for i := range times {
				if err := f(who, i); err != nil {
					k.Errorf("goroutine %d, call %d: %v", who, i, err)
					return
				}
			}
		})
	}
	all.Wait()
}

var snapshotChecks = []check{
	{"rows of one fetch are of one moment", func(k *kit) {
		k.together(func() []schema.Row {
			return k.get(schema.Directories, key(k.base), key(k.base+1), key(k.base+2))
		})
	}},
	{"rows of several fetches are of one moment", func(k *kit) {
		k.together(func() []schema.Row {
			got := k.read(lockDir(k.base, dal.None), lockDir(k.base+1, dal.None),
				dal.Fetch{Table: schema.Directories, Scan: &dal.Scan{Prefix: key(k.base + 2)}})
			return append(append(got[0].Rows, got[1].Rows...), got[2].Rows...)
		})
	}},
	{"a move is seen on one side only", func(k *kit) {
		there, here := inode(k.base, "there", k.base), inode(k.base+1, "here", k.base)
		k.write(insert(schema.Inodes, there))
		k.while(func() {
			k.write(remove(schema.Inodes, schema.Inodes.Key(there)), insert(schema.Inodes, here))
			k.write(remove(schema.Inodes, schema.Inodes.Key(here)), insert(schema.Inodes, there))
		}, func() {
			got := k.read(
				dal.Fetch{Table: schema.Inodes, Keys: []schema.Key{schema.Inodes.Key(there)}},
				dal.Fetch{Table: schema.Inodes, Index: schema.InodesByID, Keys: []schema.Key{key(k.base)}})
			if got := len(got[0].Rows); got > 1 {
				k.Errorf("%d rows", got)
			}
			if len(got[1].Rows) == 1 && len(got[0].Rows) == 1 && !equal(got[0].Rows[0], got[1].Rows[0]) {
				k.Errorf("two places: %v", got)
			}
		})
	}},
}

// together changes three rows at once, again and again, and checks that look
// always finds them equal.
func (k *kit) together(look func() []schema.Row) {
	for i := range int64(3) {
		k.write(insert(schema.Directories, directory(k.base+i, 0)))
	}
	var n int64
	k.while(func() {
		n++
		k.write(put(schema.Directories, directory(k.base, n)), put(schema.Directories, directory(k.base+1, n)), put(schema.Directories, directory(k.base+2, n)))
	}, func() {
		got := look()
		if len(got) != 3 || got[0][2] != got[1][2] || got[0][2] != got[2][2] {
			k.Errorf("rows of different moments: %v", got)
		}
	})
}

// while runs write again and again beside read.
func (k *kit) while(write, read func()) {
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				write()
			}
		}
	})
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end) && !k.Failed(); {
		read()
	}
	close(stop)
	done.Wait()
}
