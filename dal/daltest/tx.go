package daltest

import (
	"context"
	"errors"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// pause is long enough for a call to run into a lock.
const pause = 60 * time.Millisecond

// lockDir is a fetch of one row of Directories.
func lockDir(id int64, l dal.Lock) dal.Fetch {
	return dal.Fetch{Table: schema.Directories, Keys: []schema.Key{key(id)}, Lock: l}
}

// answer is what a call in another goroutine came to.
type answer struct {
	rows []dal.Rows
	err  error
}

// elsewhere fetches in a new transaction of another goroutine, which is rolled
// back after that.
func (k *kit) elsewhere(ctx context.Context, f dal.Fetch) <-chan answer {
	done := make(chan answer, 1)
	go func() {
		tx, err := k.store.Begin(ctx)
		if err != nil {
			done <- answer{err: err}
			return
		}
		defer tx.Rollback()
		rows, err := tx.Fetch(ctx, []dal.Fetch{f})
		done <- answer{rows, err}
	}()
	return done
}

// waits checks that a fetch waits for tx and, once tx ends with the changes, goes
// on and answers want.
func (k *kit) waits(tx dal.Tx, f dal.Fetch, changes []dal.Change, want ...schema.Row) {
	k.Helper()
	done := k.elsewhere(k.ctx, f)
	select {
	case a := <-done:
		k.Fatalf("did not wait: %v", a)
	case <-time.After(pause):
	}
	if err := tx.Commit(k.ctx, changes); err != nil {
		k.Fatal(err)
	}
	select {
	case a := <-done:
		if a.err != nil {
			k.Fatal(a.err)
		}
		k.want(a.rows[0].Rows, want...)
	case <-time.After(patience):
		k.Fatal("still waits")
	}
}

var lockChecks = []check{
	{"exclusive waits for exclusive and sees what it left", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)))
		tx := k.begin()
		k.fetch(tx, lockDir(k.base, dal.Exclusive))
		k.waits(tx, lockDir(k.base, dal.Exclusive), []dal.Change{put(schema.Directories, directory(k.base, 2))}, directory(k.base, 2))
	}},
	{"shared waits for exclusive", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)))
		tx := k.begin()
		k.fetch(tx, lockDir(k.base, dal.Exclusive))
		k.waits(tx, lockDir(k.base, dal.Shared), []dal.Change{remove(schema.Directories, key(k.base))})
	}},
	{"exclusive waits for shared", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)))
		tx := k.begin()
		k.fetch(tx, lockDir(k.base, dal.Shared))
		k.waits(tx, lockDir(k.base, dal.Exclusive), nil, directory(k.base, 1))
	}},
	{"a lock by a secondary index is the row's lock", func(k *kit) {
		r := inode(k.base, "a", k.base)
		k.write(insert(schema.Inodes, r))
		tx := k.begin()
		k.fetch(tx, dal.Fetch{Table: schema.Inodes, Index: schema.InodesByID, Keys: []schema.Key{key(k.base)}, Lock: dal.Exclusive})
		k.waits(tx, dal.Fetch{Table: schema.Inodes, Keys: []schema.Key{schema.Inodes.Key(r)}, Lock: dal.Shared}, nil, r)
	}},
	{"shared beside shared", func(k *kit) {
		if k.store.Traits().Lanes == 1 {
			return // its transactions run one after another
		}
		k.write(insert(schema.Directories, directory(k.base, 1)))
		tx := k.begin()
		k.fetch(tx, lockDir(k.base, dal.Shared))
		k.want(k.fetch(k.begin(), lockDir(k.base, dal.Shared))[0].Rows, directory(k.base, 1))
	}},
	{"locks of different rows do not meet", func(k *kit) {
		if k.store.Traits().Lanes == 1 {
			return
		}
		for i := range int64(4) {
			k.write(insert(schema.Directories, directory(k.base+i, i)))
		}
		tx := k.begin()
		k.fetch(tx, dal.Fetch{Table: schema.Directories, Keys: []schema.Key{key(k.base), key(k.base + 2)}, Lock: dal.Exclusive})
		k.want(k.fetch(k.begin(), lockDir(k.base+1, dal.Exclusive))[0].Rows, directory(k.base+1, 1))
	}},
	{"a lock on no row locks nothing", func(k *kit) {
		if k.store.Traits().Lanes == 1 {
			return
		}
		k.want(k.fetch(k.begin(), lockDir(k.base, dal.Exclusive))[0].Rows)
		k.want(k.fetch(k.begin(), lockDir(k.base, dal.Exclusive))[0].Rows)
		k.write(insert(schema.Directories, directory(k.base, 1)))
	}},
	{"a second fetch keeps the first one's locks", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)), insert(schema.Directories, directory(k.base+1, 1)))
		tx := k.begin()
		k.fetch(tx, lockDir(k.base, dal.Exclusive))
		k.want(k.fetch(tx, lockDir(k.base, dal.Exclusive), lockDir(k.base+1, dal.Shared))[0].Rows, directory(k.base, 1))
		k.waits(tx, lockDir(k.base, dal.Exclusive), nil, directory(k.base, 1))
	}},
	{"a read does not wait for a lock and sees what is committed", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)))
		tx := k.begin()
		k.fetch(tx, lockDir(k.base, dal.Exclusive))
		k.want(k.get(schema.Directories, key(k.base)), directory(k.base, 1))
	}},
	{"a wait ends with its context, and its locks go", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)), insert(schema.Directories, directory(k.base-1, 1)))
		tx := k.begin()
		k.fetch(tx, lockDir(k.base, dal.Exclusive))
		ctx, cancel := context.WithTimeout(k.ctx, pause)
		defer cancel()
		f := dal.Fetch{Table: schema.Directories, Keys: []schema.Key{key(k.base - 1), key(k.base)}, Lock: dal.Exclusive}
		start := time.Now()
		if a := <-k.elsewhere(ctx, f); !errors.Is(a.err, context.DeadlineExceeded) && !dal.Is(a.err, dal.Conflict) {
			k.Errorf("error %v", a.err)
		}
		if d := time.Since(start); d > 3*time.Second {
			k.Errorf("took %v", d)
		}
		if err := tx.Commit(k.ctx, nil); err != nil {
			k.Fatal(err)
		}
		k.want(k.fetch(k.begin(), f)[0].Rows, directory(k.base-1, 1), directory(k.base, 1))
	}},
	{"a commit waits for a lock, and what it adds is not lost", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)))
		tx := k.begin()
		k.fetch(tx, lockDir(k.base, dal.Exclusive))
		done := make(chan error, 1)
		go func() { done <- k.try(add(schema.Directories, directory(k.base, 10))) }()
		select {
		case err := <-done:
			k.Fatalf("did not wait: %v", err)
		case <-time.After(pause):
		}
		if err := tx.Commit(k.ctx, []dal.Change{put(schema.Directories, directory(k.base, 100))}); err != nil {
			k.Fatal(err)
		}
		if err := <-done; err != nil {
			k.Fatal(err)
		}
		k.want(k.get(schema.Directories, key(k.base)), directory(k.base, 110))
	}},
}

var endChecks = []check{
	{"rollback leaves nothing and frees the locks", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)))
		tx := k.begin()
		k.fetch(tx, lockDir(k.base, dal.Exclusive))
		tx.Rollback()
		tx.Rollback()
		k.want(k.fetch(k.begin(), lockDir(k.base, dal.Exclusive))[0].Rows, directory(k.base, 1))
	}},
	{"rollback after commit does nothing", func(k *kit) {
		tx := k.begin()
		if err := tx.Commit(k.ctx, []dal.Change{insert(schema.Directories, directory(k.base, 1))}); err != nil {
			k.Fatal(err)
		}
		tx.Rollback()
		k.want(k.get(schema.Directories, key(k.base)), directory(k.base, 1))
	}},
	{"a transaction that is over takes no calls", func(k *kit) {
		end := map[string]func(dal.Tx){
			"commit":   func(tx dal.Tx) { tx.Commit(k.ctx, nil) },
			"rollback": func(tx dal.Tx) { tx.Rollback() },
			"error":    func(tx dal.Tx) { tx.Fetch(k.ctx, []dal.Fetch{{}}) },
		}
		for name, f := range end {
			tx := k.begin()
			f(tx)
			if _, err := tx.Fetch(k.ctx, []dal.Fetch{lockDir(k.base, dal.Shared)}); !dal.Is(err, dal.Permanent) {
				k.Errorf("fetch after %s: %v", name, err)
			}
			if err := tx.Commit(k.ctx, []dal.Change{put(schema.Directories, directory(k.base, 1))}); !dal.Is(err, dal.Permanent) {
				k.Errorf("commit after %s: %v", name, err)
			}
		}
		k.want(k.get(schema.Directories, key(k.base)))
	}},
	{"an error in commit ends the transaction and frees its locks", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)))
		tx := k.begin()
		k.fetch(tx, lockDir(k.base, dal.Exclusive))
		k.wantKind(tx.Commit(k.ctx, []dal.Change{insert(schema.Directories, directory(k.base, 2))}), dal.Duplicate)
		k.wantKind(tx.Commit(k.ctx, []dal.Change{put(schema.Directories, directory(k.base, 3))}), dal.Permanent)
		k.want(k.fetch(k.begin(), lockDir(k.base, dal.Exclusive))[0].Rows, directory(k.base, 1))
	}},
	{"a context that has ended", func(k *kit) {
		ctx, cancel := context.WithCancel(k.ctx)
		cancel()
		if _, err := k.store.Read(ctx, []dal.Fetch{lockDir(k.base, dal.None)}); !errors.Is(err, context.Canceled) {
			k.Errorf("read: %v", err)
		}
		if _, err := k.begin().Fetch(ctx, []dal.Fetch{lockDir(k.base, dal.Shared)}); !errors.Is(err, context.Canceled) {
			k.Errorf("fetch: %v", err)
		}
		if err := k.begin().Commit(ctx, []dal.Change{put(schema.Directories, directory(k.base, 1))}); !errors.Is(err, context.Canceled) {
			k.Errorf("commit: %v", err)
		}
		k.want(k.get(schema.Directories, key(k.base)))
	}},
	{"a transaction without a call", func(k *kit) { k.begin().Rollback() }},
	{"an unlocked fetch in a transaction", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)))
		tx := k.begin()
		k.want(k.fetch(tx, lockDir(k.base, dal.None), lockDir(k.base, dal.Exclusive))[0].Rows, directory(k.base, 1))
	}},
}
