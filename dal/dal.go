// Package dal is the contract between the transaction engine and a store. A store
// holds rows of the tables in schema; it knows keys, indexes, locks and commits,
// and nothing of files. A store that keeps this contract passes dal/daltest.
//
// # Reading
//
// A Fetch asks for rows of one table: some by key, or a range of an index in
// order. All fetches of one Read are answered from one snapshot: no answer shows
// a row from before a commit beside a row from after it. Read takes one round
// trip where the store has round trips.
//
// # Transactions
//
// Begin costs no round trip. Tx.Fetch locks in the order in which the fetches are
// given, each fetch in the order of its keys, and returns rows as they are once
// locked; a key without a row locks nothing. A transaction writes once, in Commit.
// After any error the transaction is dead: its changes are not there (unless the
// error is UnknownOutcome) and only Rollback may follow. Rollback after Commit, or
// a second Rollback, does nothing.
//
// # Errors
//
// Every error is an *Error with one of the closed Kinds, or the context's error.
// A call whose context ends returns soon, and the transaction is dead.
//
// Slices and rows that a store returns belong to the caller to read, not to
// change. Slices handed in are not kept after the call returns.
package dal

import (
	"context"
	"time"

	"github.com/hopsql/hopsql/schema"
)

// A Lock is how a fetched row is locked until its transaction ends.
type Lock uint8

// The lock modes. A row is never locked Shared and later Exclusive.
const (
	None Lock = iota
	Shared
	Exclusive
)

// A Fetch asks for rows of one table, by Keys or by Scan.
type Fetch struct {
	Table *schema.Table
	Index *schema.Index // nil: the primary key
	// Keys are keys of Index: complete ones, or prefixes that all name the same
	// number of leading columns (blocks of many files by inode_id). The answer
	// holds every row that has one of them, in index order. The store sorts;
	// duplicates are allowed. With a Lock the keys are complete.
	Keys []schema.Key
	// Scan, if not nil, is used in place of Keys.
	Scan *Scan
	// Lock applies to the fetched rows, not to those that Follow brings. A Scan
	// is never locked.
	Lock Lock
	// Follow asks for rows of other tables that belong to the fetched rows.
	Follow []Follow
}

// A Scan is a part of an index in its order.
type Scan struct {
	Prefix schema.Key // values of the first columns; "" is the whole index
	// After, if not "", starts with Prefix: only rows follow whose key is larger and
	// does not start with it. Paging by an index that is not unique loses rows.
	After schema.Key
	Limit int // most rows; 0 is no limit
	// Beyond leaves out rows by keys that are no prefixes of each other: by a complete one
	// those that have all its columns but the last, in which they are not larger; by a
	// shorter one those that begin with it. So it finds what follows in several lists
	// that share a table, and all of the lists that are not named. Neither Prefix nor
	// After goes with it.
	Beyond []schema.Key
}

// A Follow asks, for every fetched row, for the rows of Index's table whose first
// indexed column equals the fetched row's column Column.
type Follow struct {
	Index  *schema.Index
	Column int
	// Only, if it is not NULL, leaves out the fetched rows whose column OnlyColumn holds
	// something else.
	OnlyColumn int
	Only       schema.Value
}

// Takes reports whether f is about a fetched row.
func (f *Follow) Takes(row schema.Row) bool {
	return f.Only.IsNull() || row[f.OnlyColumn] == f.Only
}

// Rows answers one Fetch: its rows in index order, and for each of its Follows
// the rows in order of that Follow's index.
type Rows struct {
	Rows     []schema.Row
	Followed [][]schema.Row
}

// An Op is what a Change does.
type Op uint8

const (
	// Delete removes the row with Key, if it is there.
	Delete Op = iota
	// Insert adds Row; a row with its key, or a unique key, is a Duplicate.
	Insert
	// Put writes Row whether it is there or not. Secondary unique keys of Row
	// must be the stored row's own or new.
	Put
	// Add applies Row's Sum and Max columns to the row with Key, if it is there;
	// the other columns of Row are ignored.
	Add
)

// A Change is one row to write.
type Change struct {
	Op    Op
	Table *schema.Table
	Key   schema.Key // primary key
	Row   schema.Row // nil for Delete
}

// A Store holds the tables.
type Store interface {
	// Read answers all fetches from one snapshot, in which locks mean nothing. NDB has
	// no snapshots: there it locks shared what the fetches ask to be locked or, if
	// none asks, every row as soon as there may be two, and it can be a Conflict.
	Read(ctx context.Context, fetches []Fetch) ([]Rows, error)
	// Begin starts a transaction. Its owner must end it with Commit or Rollback.
	Begin(ctx context.Context) (Tx, error)
	// Traits tells what the engine must know of this store; it never changes.
	Traits() Traits
	// Admin returns the operator's side of the store.
	Admin() Admin
	// Close releases what the store holds. Calls after it fail.
	Close() error
}

// A Tx is one transaction of one goroutine.
type Tx interface {
	// Fetch locks and returns rows, in one round trip.
	Fetch(ctx context.Context, fetches []Fetch) ([]Rows, error)
	// Commit applies the changes in the given order and commits, in one round
	// trip. Neighbours of one table and Op are one statement: the caller sorts.
	Commit(ctx context.Context, changes []Change) error
	// Rollback gives up. It has no error: a transaction that cannot be rolled back
	// was rolled back by the broken connection.
	Rollback()
}

// Admin is what format, upgrade, start-up and the clock need.
type Admin interface {
	// Version returns the version of the schema in the store; 0 if there is none.
	// dirty means that a migration broke off in its middle.
	Version(ctx context.Context) (version uint, dirty bool, err error)
	// Clock returns the time of the store's machine, the same for all NameNodes.
	Clock(ctx context.Context) (time.Time, error)
	// Migrate brings the schema to the newest version that this program knows.
	Migrate(ctx context.Context) error
	// Drop removes every table (through the down migrations where they apply).
	Drop(ctx context.Context) error
	// Truncate empties every table of schema. It is not a transaction: when it
	// breaks off it is run again.
	Truncate(ctx context.Context) error
}

// Traits are the facts about a store that shape the engine's batches.
type Traits struct {
	Name string // "sqlite", "innodb", "ndb", "memory"
	// Lanes is how many batches of changes may usefully run side by side.
	Lanes int
	// Guards: a statement locks its rows in no order, so a batch locks its guard
	// rows first.
	Guards bool
	// Markers: a Commit's outcome can be unknown, so every batch leaves a marker.
	Markers bool
	// MaxChanges is the most changes of one transaction.
	MaxChanges int
	// MaxKeys is the most keys of one Fetch.
	MaxKeys int
	// Local, if not nil, is where those who change the store tell each other. Only a
	// store that no other process can change while it is open has one.
	Local *Local
}
