package daltest

import (
	"context"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

var adminChecks = []check{
	{"a migrated store has the newest version", func(k *kit) { k.wantVersion(schema.Version) }},
	{"migrate again changes nothing", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)))
		k.must(k.store.Admin().Migrate)
		k.wantVersion(schema.Version)
		k.want(k.get(schema.Directories, key(k.base)), directory(k.base, 1))
	}},
	{"truncate empties every table", func(k *kit) {
		var changes []dal.Change
		for _, t := range schema.Tables {
			changes = append(changes, insert(t, row(t)))
		}
		k.write(changes...)
		k.must(k.store.Admin().Truncate)
		k.must(k.store.Admin().Truncate)
		for _, t := range schema.Tables {
			if n := len(k.read(scan(t.Primary, "", "", 0))[0].Rows); n != 0 {
				k.Errorf("%s has %d rows", t, n)
			}
		}
		k.wantVersion(schema.Version)
	}},
	{"drop and migrate", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)))
		k.must(k.store.Admin().Drop)
		k.wantVersion(0)
		if _, err := k.store.Read(k.ctx, []dal.Fetch{lockDir(k.base, dal.None)}); !dal.Is(err, dal.Permanent) {
			k.Errorf("read without tables: %v", err)
		}
		k.must(k.store.Admin().Drop)
		k.must(k.store.Admin().Migrate)
		k.wantVersion(schema.Version)
		k.want(k.get(schema.Directories, key(k.base)))
	}},
	{"a closed store takes no calls", func(k *kit) {
		if err := k.store.Close(); err != nil {
			k.Fatal(err)
		}
		if _, err := k.store.Read(k.ctx, []dal.Fetch{lockDir(k.base, dal.None)}); !dal.Is(err, dal.Permanent) {
			k.Errorf("read: %v", err)
		}
		tx, err := k.store.Begin(k.ctx)
		if err == nil {
			err = tx.Commit(k.ctx, []dal.Change{put(schema.Directories, directory(k.base, 1))})
			tx.Rollback()
		}
		if !dal.Is(err, dal.Permanent) {
			k.Errorf("transaction: %v", err)
		}
	}},
	{"the clock runs", func(k *kit) {
		first, err := k.store.Admin().Clock(k.ctx)
		if err != nil {
			k.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
		// The stores of tests are on this machine.
		second, err := k.store.Admin().Clock(k.ctx)
		if err != nil || !second.After(first) || time.Since(second).Abs() > time.Minute {
			k.Errorf("%v after %v at %v, %v", second, first, time.Now(), err)
		}
	}},
	{"traits are usable", func(k *kit) {
		if tr := k.store.Traits(); tr.Name == "" || tr.Lanes < 1 || tr.MaxChanges < 5000 || tr.MaxKeys < 100 {
			k.Errorf("%+v", tr)
		}
	}},
}

func (k *kit) must(f func(ctx context.Context) error) {
	k.Helper()
	if err := f(k.ctx); err != nil {
		k.Fatal(err)
	}
}

func (k *kit) wantVersion(want uint) {
	k.Helper()
	got, dirty, err := k.store.Admin().Version(k.ctx)
	if err != nil || dirty || got != want {
		k.Fatalf("version %d, dirty %v, error %v; want %d", got, dirty, err, want)
	}
}
