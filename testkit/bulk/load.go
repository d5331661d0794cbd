package bulk

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/open"
	"github.com/hopsql/hopsql/dal/sqlstore"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/schema"
)

// A Loader writes rows that are not there yet into the tables of one store.
type Loader struct {
	store dal.Store
	db    *sql.DB // MySQL and MariaDB take files; nil for others
}

// Open opens a store by the value of dfs.storage.driver.url. The server must allow
// LOAD DATA LOCAL, as MariaDB does.
func Open(storeURL string) (*Loader, error) {
	l, err := open.Locate(conf.New(map[string]string{open.KeyURL: storeURL}))
	if err != nil {
		return nil, err
	}
	store, err := l.Open(nil)
	if err != nil {
		return nil, err
	}
	ld := &Loader{store: store}
	if l.MySQL != nil {
		if ld.db, err = connect(l.MySQL); err != nil {
			store.Close()
			return nil, err
		}
	}
	return ld, nil
}

func connect(to *sqlstore.MySQLConfig) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = to.User, to.Password, "tcp", to.Address, to.Database
	// The rows are ours: their keys are unique, and nobody has to look for them.
	c.Params = map[string]string{"unique_checks": "0", "foreign_key_checks": "0"}
	return sql.Open("mysql", c.FormatDSN())
}

// Close frees what the loader holds.
func (l *Loader) Close() error {
	if l.db != nil {
		l.db.Close()
	}
	return l.store.Close()
}

// Sizes of transactions: of a server that takes files, and of one that gets
// statements.
const (
	fileRows  = 1_000_000
	batchRows = 5_000
)

// Load adds rows. They come in the order of their primary key, for which the store
// is grateful.
func (l *Loader) Load(ctx context.Context, t *schema.Table, rows iter.Seq[schema.Row]) error {
	next, stop := iter.Pull(rows)
	defer stop()
	for {
		var n int
		var err error
		if l.db != nil {
			n, err = l.file(ctx, t, next)
		} else {
			n, err = l.batch(ctx, t, next)
		}
		if err != nil {
			return fmt.Errorf("load %s: %w", t.Name, err)
		}
		if n == 0 {
			return nil
		}
	}
}

// batch writes one transaction and returns of how many rows.
func (l *Loader) batch(ctx context.Context, t *schema.Table, next func() (schema.Row, bool)) (int, error) {
	var changes []dal.Change
	for len(changes) < batchRows {
		row, ok := next()
		if !ok {
			break
		}
		changes = append(changes, dal.Change{Op: dal.Insert, Table: t, Key: t.Key(row), Row: row})
	}
	if len(changes) == 0 {
		return 0, nil
	}
	return len(changes), l.Write(ctx, changes...)
}

// Write commits changes of any kind.
func (l *Loader) Write(ctx context.Context, changes ...dal.Change) error {
	tx, err := l.store.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return tx.Commit(ctx, changes)
}

var readers atomic.Int64

// file sends one file of rows, which is a transaction, and returns of how many.
func (l *Loader) file(ctx context.Context, t *schema.Table, next func() (schema.Row, bool)) (int, error) {
	first, ok := next()
	if !ok {
		return 0, nil
	}
	name := fmt.Sprintf("rows-%d", readers.Add(1))
	in, out := io.Pipe()
	mysql.RegisterReaderHandler(name, func() io.Reader { return in })
	defer mysql.DeregisterReaderHandler(name)
	n := 0
	go func() {
		w := bufio.NewWriterSize(out, 1<<20)
		var line []byte
		for row, ok := first, true; ok; row, ok = next() {
			line = appendRow(line[:0], row)
			if _, err := w.Write(line); err != nil {
				break // the statement failed, and says why
			}
			if n++; n == fileRows {
				break
			}
		}
		out.CloseWithError(w.Flush())
	}()
	defer in.Close()
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = c.Name
	}
	_, err := l.db.ExecContext(ctx, "LOAD DATA LOCAL INFILE 'Reader::"+name+"' INTO TABLE "+t.Name+
		" CHARACTER SET binary ("+strings.Join(columns, ", ")+")")
	if err != nil {
		return 0, err
	}
	return n, nil
}

// escape is for the characters that mean something in such a file.
var escape = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\x00", `\0`)

func appendRow(line []byte, row schema.Row) []byte {
	for i, v := range row {
		if i > 0 {
			line = append(line, '\t')
		}
		switch v.Kind() {
		case schema.KindNull:
			line = append(line, `\N`...)
		case schema.KindInt:
			line = strconv.AppendInt(line, v.Int(), 10)
		default:
			line = append(line, escape.Replace(v.Str())...)
		}
	}
	return append(line, '\n')
}
