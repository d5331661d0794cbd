package sqlstore

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// lockPurge locks one row of Purge.
func lockPurge(ctx context.Context, s *Store, id int64) (dal.Tx, error) {
	tx, err := s.Begin(ctx)
	if err == nil {
		_, err = tx.Fetch(ctx, []dal.Fetch{{Table: schema.Purge, Lock: dal.Exclusive, Keys: []schema.Key{schema.KeyOf(schema.Int(id))}}})
	}
	return tx, err
}

// TestAnAbandonedTransactionLetsGo: what a stopped process has locked is free once the
// server has heard nothing of it for so long, and the process goes on by itself.
func TestAnAbandonedTransactionLetsGo(t *testing.T) {
	cfg := serverConfig(t)
	cfg.LockWait = 30 * time.Second
	other := openServer(t, cfg, innodb)
	cfg.Silence = time.Second
	stopped := openServer(t, cfg, innodb)
	commit(t, other, []dal.Change{purgeRow(1)})

	abandoned, err := lockPurge(t.Context(), stopped, 1)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	tx, err := lockPurge(t.Context(), other, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the lock came after %v", time.Since(start))
	if err := tx.Commit(t.Context(), []dal.Change{purgeRow(2)}); err != nil {
		t.Fatal(err)
	}
	// It wakes, and finds that its transaction is over.
	if err := abandoned.Commit(t.Context(), []dal.Change{purgeRow(3)}); !dal.Is(err, dal.Unavailable) && !dal.Is(err, dal.UnknownOutcome) {
		t.Errorf("the commit of an abandoned transaction: %v", err)
	}
	if n := count(t, stopped); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

// TestManyConnectionsAfterAPause: all of them were ended at the other side, and nobody
// who calls sees it.
func TestManyConnectionsAfterAPause(t *testing.T) {
	cfg := serverConfig(t)
	other := openServer(t, cfg, innodb)
	s := openServer(t, cfg, innodb)
	for range 3 {
		var txs []dal.Tx
		for range 12 {
			tx, err := s.Begin(t.Context())
			if err == nil {
				_, err = tx.Fetch(t.Context(), []dal.Fetch{purgeScan})
			}
			if err != nil {
				t.Fatal(err)
			}
			txs = append(txs, tx)
		}
		for _, tx := range txs {
			tx.Rollback()
		}
		if idle := s.read.Stats().Idle; idle < 12 {
			t.Fatalf("only %d idle connections", idle)
		}
		kill(t, other, cfg.Database)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if i%2 == 0 {
					if _, err := s.Read(t.Context(), []dal.Fetch{purgeScan}); err != nil {
						t.Error(err)
					}
					return
				}
				tx, err := s.Begin(t.Context())
				if err == nil {
					err = tx.Commit(t.Context(), []dal.Change{{Op: dal.Delete, Table: schema.Purge, Key: schema.KeyOf(schema.Int(9))}})
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

// TestIdleConnectionsAreClosedHereFirst, before the server ends them.
func TestIdleConnectionsAreClosedHereFirst(t *testing.T) {
	cfg := serverConfig(t)
	cfg.Silence = 2 * time.Second
	s := openServer(t, cfg, innodb)
	count(t, s)
	for s.read.Stats().OpenConnections > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	if closed := s.read.Stats().MaxIdleTimeClosed; closed == 0 {
		t.Error("no connection was closed for being idle")
	}
	if got := variable(t, s.read, "wait_timeout"); got != "2" {
		t.Errorf("wait_timeout is %s", got)
	}
}

// TestALongMigrationKeepsItsLock, though its connection says nothing meanwhile.
func TestALongMigrationKeepsItsLock(t *testing.T) {
	cfg := serverConfig(t)
	cfg.Silence = time.Second
	cfg.LockWait = time.Second
	s := openServer(t, cfg, innodb)
	m := &migrator{ctx: t.Context(), db: s.write, d: s.d}
	if err := m.Lock(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond)
	other := &migrator{ctx: t.Context(), db: s.write, d: s.d}
	if err := other.tryLock(); err == nil {
		t.Error("the lock was lost")
	}
	if err := m.Unlock(); err != nil {
		t.Error(err)
	}
	if err := other.tryLock(); err != nil {
		t.Error(err)
	}
	if err := other.Unlock(); err != nil {
		t.Error(err)
	}
}
