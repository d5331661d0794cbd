package sqlstore

import (
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// A dialect is everything in which the databases differ, as data.
type dialect struct {
	traits dal.Traits
	folder string // of package migrations
	engine string // ENGINE of the tables, "" where there is none

	// placeholders: values travel beside the text, which is prepared once; else
	// they are literals in it, and all statements of a call are one text.
	placeholders bool
	// follows: a second statement of the same text brings the rows of a Follow;
	// else they are asked for by key, once the first rows are there.
	follows bool

	begin    string // of a transaction that may write
	snapshot string // of a read of several statements
	shared   string // ends a SELECT that locks
	excl     string
	// lockReads: no statement sees one moment, so a read of more than one row
	// takes shared locks.
	lockReads bool
	// hint names the index "%" of a SELECT or UPDATE, so that a small table is not
	// scanned (and its rows locked) for a few keys. hintKey does so for the primary
	// key too; "" where that has no name.
	hint, hintKey string
	// deletes is the most keys of a DELETE … WHERE, which takes no hint; more are
	// joined. 0 is no limit.
	deletes int
	// tuples: keys are compared as (a,b) IN (VALUES …) and (a,b) > (…). rows: as (a,b) IN
	// ((…),…) where the server is new enough. Else they are spelled out with AND and OR,
	// the only form that every server plans well.
	tuples, rows bool

	greatest    string // function of the larger of two values
	upsert      string // begins the part of an INSERT that a Put needs, "%" is the key
	upsertValue string // the value that was to be inserted in column "%"
	upsertNone  string // the same for a table that is all key

	texts []tableText // by Table.Order
}

// tableText is what the statements of one table have in common.
type tableText struct {
	cols   string // of a SELECT
	follow string // the same, of a table called f
	insert string
	upsert string
}

var innodb = dialect{
	traits: dal.Traits{Name: "innodb", Lanes: 3, Markers: true, MaxChanges: 10_000, MaxKeys: 1_000},
	folder: "mysql", engine: "InnoDB",
	follows:  true,
	rows:     true,
	begin:    "BEGIN",
	snapshot: "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
	shared:   " LOCK IN SHARE MODE",
	excl:     " FOR UPDATE",
	hint:     " FORCE INDEX (%)", hintKey: " FORCE INDEX (PRIMARY)", deletes: 4,
	greatest: "GREATEST",
	upsert:   " ON DUPLICATE KEY UPDATE ", upsertValue: "VALUES(%)", upsertNone: " ON DUPLICATE KEY UPDATE %=%",
}

// ndb is MySQL NDB Cluster. Its statements see no common moment and lock their
// rows in no order; its transactions are always READ COMMITTED.
var ndb = func() dialect {
	d := innodb
	d.traits = dal.Traits{Name: "ndb", Lanes: 2, Guards: true, Markers: true, MaxChanges: 10_000, MaxKeys: 1_000}
	d.folder, d.engine = "ndb", "NDBCLUSTER"
	d.snapshot = "BEGIN"
	d.lockReads = true
	d.hint, d.hintKey, d.deletes, d.rows = "", "", 0, false // its plans were measured without
	return d
}()

var sqlite = dialect{
	traits:       dal.Traits{Name: "sqlite", Lanes: 1, MaxChanges: 10_000, MaxKeys: 1_000},
	folder:       "sqlite",
	placeholders: true,
	begin:        "BEGIN IMMEDIATE",
	snapshot:     "BEGIN",
	tuples:       true,
	hint:         " INDEXED BY %",
	greatest:     "max",
	upsert:       " ON CONFLICT (%) DO UPDATE SET ", upsertValue: "excluded.%", upsertNone: " ON CONFLICT (%) DO NOTHING",
}

// ready returns a copy of d with the texts of all tables.
func (d dialect) ready() *dialect {
	d.texts = make([]tableText, len(schema.Tables))
	for _, t := range schema.Tables {
		names := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			names[i] = quote(c.Name)
		}
		cols := strings.Join(names, ",")
		d.texts[t.Order] = tableText{
			cols:   cols,
			follow: "f." + strings.Join(names, ",f."),
			insert: "INSERT INTO " + t.Name + " (" + cols + ") VALUES ",
			upsert: d.upsertText(t),
		}
	}
	return &d
}

func (d *dialect) upsertText(t *schema.Table) string {
	var keys, sets []string
	for i, c := range t.Columns {
		if name := quote(c.Name); t.IsKey(i) {
			keys = append(keys, name)
		} else {
			sets = append(sets, name+"="+strings.ReplaceAll(d.upsertValue, "%", name))
		}
	}
	if len(sets) == 0 {
		return strings.ReplaceAll(d.upsertNone, "%", keys[0])
	}
	return strings.ReplaceAll(d.upsert, "%", strings.Join(keys, ",")) + strings.Join(sets, ",")
}

// lock ends a SELECT that locks its rows.
func (d *dialect) lock(l dal.Lock) string {
	switch l {
	case dal.Shared:
		return d.shared
	case dal.Exclusive:
		return d.excl
	}
	return ""
}

// quote returns a column's name as the statements need it. Only names that one of
// the databases reserves are quoted.
func quote(name string) string {
	if name == "load" {
		return "`load`"
	}
	return name
}
