// Package integrity holds the rows of all tables against each other while the system is
// at work. It reads pages, each with what belongs to it from one snapshot, so no
// transaction lasts longer than a page and nothing is locked. What looks wrong is looked at
// again, some times and alone, before it is told: what changes meanwhile is no finding. It
// promises to change nothing, and knows the namespace only through package schema.
package integrity

import (
	"context"
	"fmt"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

const (
	page  = 100 // rows of a table read at once, with what belongs to them
	looks = 3   // how often a row must look wrong in the same way
)

// A Checker checks the rows of an engine's store.
type Checker struct {
	Engine *txn.Engine
	// Usage tells what is wrong with what a directory says that its tree uses, "" for
	// nothing; nil leaves quotas out.
	Usage func(ctx context.Context, dir int64) (wrong string, err error)
	// LeaseLimit is how long a lease may be without a file.
	LeaseLimit time.Duration
	Pause      time.Duration // before a row that looks wrong is looked at again
}

// A Listener hears what a check finds.
type Listener struct {
	Found func(finding string)            // each once
	Read  func(table string, rows int64)  // after each page, rows in all
	Done  func(table string, rows int64)  // a table is through
	Note  func(about string, args ...any) // what could not be checked, and why
}

// A suspicion is what looks wrong with the i-th row of a page. kind says what it is, and
// stays the same while numbers in text change.
type suspicion struct {
	row        int
	kind, text string
}

// A look is one run of a check over a page.
type look struct {
	tx    *txn.Tx
	rows  []schema.Row
	found []suspicion
	large map[int]bool // rows of directories with many children
}

func newLook(tx *txn.Tx, rows []schema.Row) *look {
	return &look{tx: tx, rows: rows, large: map[int]bool{}}
}

// say notes a suspicion about the i-th row.
func (l *look) say(i int, format string, args ...any) {
	l.found = append(l.found, suspicion{i, format, fmt.Sprintf(format, args...)})
}

// get reads a row without a lock.
func (l *look) get(t *schema.Table, key schema.Key) (schema.Row, error) {
	return l.tx.Get(t, key, dal.None)
}

// A check looks at rows of a table; later is for what cannot be seen in one snapshot.
type check struct {
	table *schema.Table
	look  func(c *Checker, l *look) error
	later func(c *Checker, ctx context.Context, l *look, hear *Listener) error
}

// checks are all tables that rows of others are held against. Guards, markers, the retry
// cache and the heartbeats of NameNodes refer to nothing.
var checks = []check{
	{schema.Variables, (*Checker).variables, nil},
	{schema.Inodes, (*Checker).inodes, (*Checker).trees},
	{schema.Directories, (*Checker).directories, nil},
	{schema.TypeQuotas, (*Checker).typeQuotas, nil},
	{schema.Leases, (*Checker).leases, nil},
	{schema.OpenFiles, (*Checker).openFiles, nil},
	{schema.Blocks, (*Checker).blocks, nil},
	{schema.Replicas, (*Checker).replicas, nil},
	{schema.Reconstructions, (*Checker).reconstructions, nil},
	{schema.Invalidations, (*Checker).invalidations, nil},
	{schema.Storages, (*Checker).storages, nil},
	{schema.ACLs, (*Checker).acls, nil},
	{schema.XAttrs, (*Checker).xattrs, nil},
	{schema.Purge, (*Checker).purged, nil},
}

// Run checks everything once and returns how many findings there were.
func (c *Checker) Run(ctx context.Context, hear *Listener) (findings int, err error) {
	told := *hear
	told.Found = func(finding string) {
		findings++
		hear.Found(finding)
	}
	if err := c.fixed(ctx, &told); err != nil {
		return findings, err
	}
	for i := range checks {
		if err := c.table(ctx, &checks[i], &told); err != nil {
			return findings, fmt.Errorf("check %s: %w", checks[i].table, err)
		}
	}
	return findings, nil
}

// table goes through one table.
func (c *Checker) table(ctx context.Context, k *check, hear *Listener) error {
	var after schema.Key
	var total int64
	for {
		l, err := c.page(ctx, k, after)
		if err != nil {
			return err
		}
		rows := l.rows
		for _, s := range l.found {
			text, err := c.again(ctx, k, rows[s.row], s)
			if err != nil {
				return err
			}
			if text != "" {
				hear.Found(text)
			}
		}
		if k.later != nil {
			if err := k.later(c, ctx, l, hear); err != nil {
				return err
			}
		}
		total += int64(len(rows))
		if len(rows) < page {
			hear.Done(k.table.Name, total)
			return nil
		}
		hear.Read(k.table.Name, total)
		after = k.table.Key(rows[len(rows)-1])
	}
}

// page looks at the next rows of a table.
func (c *Checker) page(ctx context.Context, k *check, after schema.Key) (l *look, err error) {
	err = c.Engine.View(ctx, func(tx *txn.Tx) error {
		got, err := tx.Scan(txn.Range{Index: k.table.Primary, After: after, Limit: page})
		if err != nil {
			return err
		}
		l = newLook(tx, got.Rows)
		return k.look(c, l)
	})
	return l, err
}

// again looks at a row that looked wrong until it looks right, which is "", or wrong for
// good.
func (c *Checker) again(ctx context.Context, k *check, row schema.Row, s suspicion) (string, error) {
	key := k.table.Key(row)
	for range looks {
		if err := sleep(ctx, c.Pause); err != nil {
			return "", err
		}
		still := ""
		// An update that changes nothing: stores without snapshots lock what it reads.
		err := c.Engine.Update(ctx, func(tx *txn.Tx) error {
			tx.Fresh()
			still = ""
			row, err := tx.Get(k.table, key, dal.Shared)
			if err != nil || row == nil {
				return err
			}
			l := newLook(tx, []schema.Row{row})
			if err := k.look(c, l); err != nil {
				return err
			}
			for _, f := range l.found {
				if f.kind == s.kind {
					still = f.text
				}
			}
			return nil
		})
		if err != nil || still == "" {
			return "", err
		}
		s.text = still
	}
	return s.text, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// fixed checks the rows that are always there.
func (c *Checker) fixed(ctx context.Context, hear *Listener) error {
	names := []string{schema.VarClusterID, schema.VarNamespaceID, schema.VarBlockPoolID, schema.VarFormatted, schema.VarNextInodeID, schema.VarNextBlockID}
	var lost []string
	err := c.Engine.View(ctx, func(tx *txn.Tx) error {
		tx.Fresh()
		lost = nil
		for _, name := range names {
			row, err := tx.Get(schema.Variables, schema.KeyOf(schema.Str(name)), dal.None)
			if err != nil {
				return err
			}
			if row == nil {
				lost = append(lost, "variables has no "+name)
			}
		}
		row, err := tx.Get(schema.Inodes, schema.InodeKey(schema.RootParentID, ""), dal.None)
		if err != nil {
			return err
		}
		if row == nil {
			lost = append(lost, fmt.Sprintf("the root directory (inode %d) is missing", schema.RootID))
		}
		return nil
	})
	for _, l := range lost {
		hear.Found(l)
	}
	return err
}
