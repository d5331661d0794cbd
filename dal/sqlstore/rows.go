package sqlstore

import (
	"database/sql/driver"
	"errors"
	"io"

	"github.com/hopsql/hopsql/schema"
)

// slabRows is how many rows share one allocation.
const slabRows = 16

// A decoder turns a driver's rows into rows of one table.
type decoder struct {
	dest []driver.Value
	slab []schema.Value
}

// all adds the rows of one result to into.
func (d *decoder) all(rows driver.Rows, t *schema.Table, into *[]schema.Row) error {
	n := len(t.Columns)
	if cap(d.dest) < n {
		d.dest = make([]driver.Value, n, 32)
	}
	dest := d.dest[:n]
	var last schema.Row
	for {
		err := rows.Next(dest)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(d.slab) < n {
			d.slab = make([]schema.Value, n*slabRows)
		}
		row := schema.Row(d.slab[:n:n])
		d.slab = d.slab[n:]
		for i, v := range dest {
			if row[i], err = d.value(v, last, i); err != nil {
				return err
			}
		}
		*into = append(*into, row)
		last = row
	}
}

// value converts one cell. Neighbouring rows often have the same owner and group:
// then they share the string.
func (d *decoder) value(v driver.Value, last schema.Row, i int) (schema.Value, error) {
	switch v := v.(type) {
	case int64:
		return schema.Int(v), nil
	case []byte:
		if last != nil && last[i].Str() == string(v) {
			return last[i], nil
		}
		return schema.Bytes(v), nil
	case nil:
		return schema.Null, nil
	}
	return schema.Null, unexpected("the database answered a %T", v)
}
