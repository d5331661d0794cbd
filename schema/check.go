package schema

import "fmt"

// Check reports whether r fits the columns of t: their number, kinds and sizes.
func (t *Table) Check(r Row) error {
	if len(r) != len(t.Columns) {
		return fmt.Errorf("%s: a row has %d columns, not %d", t.Name, len(t.Columns), len(r))
	}
	for i := range r {
		if c := &t.Columns[i]; !c.fits(r[i]) {
			return fmt.Errorf("%s.%s: %s does not fit", t.Name, c.Name, describe(r[i]))
		}
	}
	return nil
}

func (c *Column) fits(v Value) bool {
	switch v.kind {
	case KindNull:
		return c.Null
	case KindInt:
		return c.Type == BigInt
	}
	return c.Type != BigInt && len(v.s) <= c.Size
}

func describe(v Value) string {
	if v.kind == KindBytes {
		return fmt.Sprintf("a string of %d bytes", len(v.s))
	}
	return v.String()
}
