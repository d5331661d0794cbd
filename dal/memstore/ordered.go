package memstore

import (
	"slices"
	"strings"

	"github.com/hopsql/hopsql/schema"
)

// chunkSize keeps an insert's move of its neighbours within a few kilobytes.
const chunkSize = 256

// An entry is a row under a key of one index.
type entry struct {
	key schema.Key
	row schema.Row
}

// ordered is a sorted list of entries, cut into chunks that are never empty.
type ordered struct {
	chunks [][]entry
}

// seek returns the place of the first entry whose key is not below k.
func (o *ordered) seek(k schema.Key) (chunk, at int) {
	end := len(o.chunks)
	for chunk < end {
		mid := (chunk + end) / 2
		if c := o.chunks[mid]; c[len(c)-1].key < k {
			chunk = mid + 1
		} else {
			end = mid
		}
	}
	if chunk == len(o.chunks) {
		return chunk, 0
	}
	c := o.chunks[chunk]
	end = len(c)
	for at < end {
		mid := (at + end) / 2
		if c[mid].key < k {
			at = mid + 1
		} else {
			end = mid
		}
	}
	return chunk, at
}

func (o *ordered) get(k schema.Key) schema.Row {
	c, i := o.seek(k)
	if c < len(o.chunks) && o.chunks[c][i].key == k {
		return o.chunks[c][i].row
	}
	return nil
}

func (o *ordered) put(k schema.Key, r schema.Row) {
	c, i := o.seek(k)
	if c < len(o.chunks) && o.chunks[c][i].key == k {
		o.chunks[c][i].row = r
		return
	}
	if c == len(o.chunks) {
		if c == 0 {
			o.chunks = append(o.chunks, []entry{{k, r}})
			return
		}
		c--
		i = len(o.chunks[c])
	}
	o.chunks[c] = slices.Insert(o.chunks[c], i, entry{k, r})
	if chunk := o.chunks[c]; len(chunk) > chunkSize {
		half := len(chunk) / 2
		o.chunks = slices.Insert(o.chunks, c+1, slices.Clone(chunk[half:]))
		o.chunks[c] = slices.Delete(chunk, half, len(chunk))
	}
}

func (o *ordered) remove(k schema.Key) {
	c, i := o.seek(k)
	if c == len(o.chunks) || o.chunks[c][i].key != k {
		return
	}
	if len(o.chunks[c]) == 1 {
		o.chunks = slices.Delete(o.chunks, c, c+1)
		return
	}
	o.chunks[c] = slices.Delete(o.chunks[c], i, i+1)
}

// replace takes old out and puts row in; either may be nil.
func (o *ordered) replace(old, row schema.Row, keyOf func(schema.Row) schema.Key) {
	var was, now schema.Key
	if old != nil {
		was = keyOf(old)
	}
	if row != nil {
		now = keyOf(row)
	}
	if old != nil && (row == nil || was != now) {
		o.remove(was)
	}
	if row != nil {
		o.put(now, row)
	}
}

// has reports whether a key starts with p.
func (o *ordered) has(p schema.Key) bool {
	c, i := o.seek(p)
	return c < len(o.chunks) && strings.HasPrefix(string(o.chunks[c][i].key), string(p))
}

// prefixed adds the rows whose key starts with p to rows.
func (o *ordered) prefixed(rows []schema.Row, p schema.Key) []schema.Row {
	c, i := o.seek(p)
	for ; c < len(o.chunks); c, i = c+1, 0 {
		for _, e := range o.chunks[c][i:] {
			if !strings.HasPrefix(string(e.key), string(p)) {
				return rows
			}
			rows = append(rows, e.row)
		}
	}
	return rows
}

// ascend calls f for the entries from k on, until f returns false.
func (o *ordered) ascend(k schema.Key, f func(entry) bool) {
	c, i := o.seek(k)
	for ; c < len(o.chunks); c, i = c+1, 0 {
		for _, e := range o.chunks[c][i:] {
			if !f(e) {
				return
			}
		}
	}
}
