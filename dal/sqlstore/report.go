package sqlstore

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/hopsql/hopsql/schema"
)

// A Report is what an operator wants to know of a store.
type Report struct {
	Where  string // the server's address or the file, no password
	Server string // product and version
	Bytes  int64  // that tables and indexes take
	Tables []TableSize
	// Estimated: the server's statistics stand in for the numbers of rows.
	Estimated bool
}

// A TableSize is the size of one table.
type TableSize struct {
	Name  string `db:"name"`
	Rows  int64  `db:"row_count"`
	Bytes int64  `db:"bytes"` // 0 in SQLite, which has one file for all
}

// Report looks at the tables. In SQLite it reads all of them.
func (s *Store) Report(ctx context.Context) (*Report, error) {
	if err := s.usable(ctx, "report"); err != nil {
		return nil, err
	}
	r := &Report{Where: s.where}
	collect := reportMySQL
	if s.d.engine == "" {
		collect = reportSQLite
	}
	if err := collect(ctx, sqlx.NewDb(s.read, s.d.folder), r); err != nil {
		return nil, s.fail(ctx, "report", err, false)
	}
	return r, nil
}

func reportMySQL(ctx context.Context, db *sqlx.DB, r *Report) error {
	r.Estimated = true
	if err := db.GetContext(ctx, &r.Server, "SELECT CONCAT(@@version_comment, ' ', VERSION())"); err != nil {
		return err
	}
	err := db.SelectContext(ctx, &r.Tables, `SELECT table_name AS name, COALESCE(table_rows, 0) AS row_count,
		COALESCE(data_length + index_length, 0) AS bytes
		FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1`)
	for _, t := range r.Tables {
		r.Bytes += t.Bytes
	}
	return err
}

func reportSQLite(ctx context.Context, db *sqlx.DB, r *Report) error {
	if err := db.GetContext(ctx, &r.Server, "SELECT 'SQLite ' || sqlite_version()"); err != nil {
		return err
	}
	if err := db.GetContext(ctx, &r.Bytes, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"); err != nil {
		return err
	}
	for _, t := range schema.Tables {
		size := TableSize{Name: t.Name}
		if err := db.GetContext(ctx, &size.Rows, "SELECT COUNT(*) FROM "+t.Name); err != nil {
			return err
		}
		r.Tables = append(r.Tables, size)
	}
	return nil
}
