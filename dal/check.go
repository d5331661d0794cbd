package dal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hopsql/hopsql/schema"
)

// CheckFetches reports, as a Permanent *Error, fetches that break the contract.
// Every store calls it first, so that a mistake shows on all of them.
func CheckFetches(fetches []Fetch, maxKeys int) error {
	for i := range fetches {
		if err := fetches[i].check(maxKeys); err != nil {
			return &Error{Kind: Permanent, Op: "fetch " + fetches[i].name(), Err: err}
		}
	}
	return nil
}

func (f *Fetch) name() string {
	if f.Table == nil {
		return "?"
	}
	return f.Table.Name
}

// By returns the index that f goes by.
func (f *Fetch) By() *schema.Index {
	if f.Index == nil {
		return f.Table.Primary
	}
	return f.Index
}

func (f *Fetch) check(maxKeys int) error {
	if f.Table == nil || f.By().Table() != f.Table {
		return errors.New("no table, or an index of another table")
	}
	for _, fo := range f.Follow {
		if fo.Index == nil || fo.Column < 0 || fo.Column >= len(f.Table.Columns) ||
			f.Table.Columns[fo.Column].Type != fo.Index.Columns()[0].Type {
			return errors.New("a follow without an index, or by a column of another type")
		}
		if fo.OnlyColumn < 0 || fo.OnlyColumn >= len(f.Table.Columns) {
			return errors.New("a follow of rows that differ in a column which is not there")
		}
	}
	if f.Scan != nil {
		return f.checkScan()
	}
	if len(f.Keys) > maxKeys {
		return fmt.Errorf("%d keys, the most are %d", len(f.Keys), maxKeys)
	}
	return f.checkKeys()
}

func (f *Fetch) checkScan() error {
	switch s := f.Scan; {
	case f.Lock != None:
		return errors.New("a scan cannot lock")
	case len(s.Beyond) > 0 && (s.Prefix != "" || s.After != ""):
		return errors.New("a scan beyond keys with a prefix or after a key")
	case slices.Contains(s.Beyond, ""):
		return errors.New("a scan beyond an empty key")
	case s.Limit < 0:
		return errors.New("a negative limit")
	case s.After != "" && len(s.After) < len(s.Prefix), s.After != "" && s.After[:len(s.Prefix)] != s.Prefix:
		return errors.New("a scan after a key that does not start with its prefix")
	}
	return nil
}

func (f *Fetch) checkKeys() error {
	x := f.By()
	width := 0
	for _, k := range f.Keys {
		n := x.Len(k)
		switch {
		case n == 0:
			return errors.New("an empty key")
		case width != 0 && n != width:
			return errors.New("keys of different lengths")
		case f.Lock != None && n != len(x.Cols):
			return errors.New("a locking fetch needs complete keys")
		}
		width = n
	}
	return nil
}

// CheckChanges reports, as a Permanent *Error, changes that break the contract or
// do not fit their columns.
func CheckChanges(changes []Change, max int) error {
	if len(changes) > max {
		return &Error{Kind: Permanent, Op: "commit", Err: fmt.Errorf("%d changes, the most are %d", len(changes), max)}
	}
	for i := range changes {
		if err := changes[i].check(); err != nil {
			return &Error{Kind: Permanent, Op: "commit", Err: err}
		}
	}
	return nil
}

func (c *Change) check() error {
	if c.Table == nil {
		return errors.New("a change without a table")
	}
	if c.Key == "" || c.Table.Primary.Len(c.Key) != len(c.Table.Primary.Cols) {
		return fmt.Errorf("%s: a change needs a complete key", c.Table)
	}
	if c.Op == Delete {
		return nil
	}
	if err := c.Table.Check(c.Row); err != nil {
		return err
	}
	var buf [128]byte
	p := c.Table.Primary
	if c.Op != Add && string(p.AppendPrefix(buf[:0], c.Row, len(p.Cols))) != string(c.Key) {
		return fmt.Errorf("%s: the row's key is not the change's key", c.Table)
	}
	return nil
}
