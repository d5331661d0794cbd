package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const mixName = "mix"

// Mix says how often each operation of a mix is called; the weights are relative.
type Mix map[string]float64

// Industrial is the mix of calls that a cluster of Spotify's had, after table 1 of
// the HopsFS paper (FAST 2017). What it has of blocks beyond the first of a file
// is left out; without DataNodes to write blocks to, the files are empty.
func Industrial(blocks bool) Mix {
	m := Mix{
		"open": 68.73, "stat": 17, "ls": 9, "rename": 1.3, "delete": 0.75, "chown": 0.32, "setrep": 0.14, "chmod": 0.03,
		"mkdir": 0.02, "summary": 0.01,
	}
	made := "create"
	if blocks {
		made = "write"
	}
	m[made] = 1.2
	return m
}

// ParseMix reads "industrial" or a list such as stat=70,create=30. Its errors
// match ErrOptions.
func ParseMix(s string, blocks bool) (Mix, error) {
	if s == "industrial" {
		return Industrial(blocks), nil
	}
	m := Mix{}
	for part := range strings.SplitSeq(s, ",") {
		op, weight, found := strings.Cut(part, "=")
		w, err := strconv.ParseFloat(weight, 64)
		if !found || err != nil {
			return nil, wrong("mix %q: want industrial, or OP=WEIGHT,OP=WEIGHT...", s)
		}
		m[op] += w
	}
	return m, m.check(blocks)
}

func (m Mix) check(blocks bool) error {
	sum := 0.0
	for op, w := range m {
		if findOp(op) == nil || op == mixName {
			return wrong("mix: there is no operation %q", op)
		}
		if !(w >= 0 && w <= 1e9) {
			return wrong("mix: %s has the weight %v", op, w)
		}
		if op == "write" && w > 0 && !blocks {
			return errNoDataNodes
		}
		sum += w
	}
	if sum == 0 {
		return wrong("mix: no operation has a weight")
	}
	return nil
}

// mixPart is an operation of a mix.
type mixPart struct {
	name string
	upTo float64 // sum of the weights so far; 1 with the last one
	do   func(*caller) error
}

// parts are the operations with a weight, in the order of the help.
func (m Mix) parts() []mixPart {
	var parts []mixPart
	sum := 0.0
	for _, op := range operations {
		if w := m[op.name]; w > 0 {
			sum += w
			parts = append(parts, mixPart{op.name, sum, mixedCall(&op)})
		}
	}
	for i := range parts {
		parts[i].upTo /= sum
	}
	return parts
}

// mixedCall is how an operation is done in a mix. Reads, and changes that leave a
// file where it is, go to the files that all share. What makes, moves and removes
// files does so with the caller's own, so that nobody misses them.
func mixedCall(op *operation) func(*caller) error {
	switch op.name {
	case "create":
		return func(c *caller) error { return c.makeOwn((*caller).createEmpty) }
	case "write":
		return func(c *caller) error { return c.makeOwn((*caller).writeBlock) }
	case "rename":
		return (*caller).renameOwn
	case "delete":
		return (*caller).deleteOwn
	case "mkdir":
		return func(c *caller) error { return c.mkdir(c.run.dirs.Add(1) - 1) }
	}
	return func(c *caller) error { return op.do(c, 0) }
}

// mixed does an operation by weight.
func (c *caller) mixed(int64) error {
	x := c.random.Float64()
	i := slices.IndexFunc(c.run.mix, func(p mixPart) bool { return x < p.upTo })
	if i < 0 { // the sum of the weights is rounded
		i = len(c.run.mix) - 1
	}
	start := time.Now()
	err := c.run.mix[i].do(c)
	if c.parts[i] == nil {
		c.parts[i] = new(Histogram)
	}
	c.parts[i].Add(time.Since(start))
	return err
}

// ownFile is a file that only one caller changes.
type ownFile struct {
	number  int64
	renamed bool
}

func (c *caller) ownPath(b []byte, f ownFile) []byte {
	kind := byte(kindOwn)
	if f.renamed {
		kind = kindOwnMove
	}
	return c.run.tree.AppendName(b, kind, f.number)
}

func (c *caller) makeOwn(do func(*caller) error) error {
	f := ownFile{number: c.run.owned.Add(1) - 1}
	c.path = c.ownPath(c.path[:0], f)
	err := do(c)
	if err == nil {
		c.own = append(c.own, f)
	}
	return err
}

// takeOwn takes the oldest of the own files; it makes one if there is none, so
// that a mix that deletes more than it makes goes on.
func (c *caller) takeOwn() (ownFile, error) {
	if len(c.own) == 0 {
		if err := c.makeOwn((*caller).createEmpty); err != nil {
			return ownFile{}, err
		}
	}
	f := c.own[0]
	c.own = c.own[1:]
	return f, nil
}

func (c *caller) renameOwn() error {
	f, err := c.takeOwn()
	if err != nil {
		return err
	}
	c.path = c.ownPath(c.path[:0], f)
	f.renamed = !f.renamed
	c.other = c.ownPath(c.other[:0], f)
	c.request = rename(c.request[:0], c.path, c.other)
	if err := c.check("rename", isTrue); err != nil {
		return err
	}
	c.own = append(c.own, f)
	return nil
}

func (c *caller) deleteOwn() error {
	f, err := c.takeOwn()
	if err != nil {
		return err
	}
	c.path = c.ownPath(c.path[:0], f)
	c.request = remove(c.request[:0], c.path, false)
	return c.check("delete", isTrue)
}

// removeOwn removes all own files.
func (c *caller) removeOwn(ctx context.Context) (err error) {
	interrupted := c.ctx
	c.ctx = ctx
	defer func() { c.ctx = interrupted }()
	for len(c.own) > 0 {
		err = errors.Join(err, c.deleteOwn())
	}
	return err
}

// mixedParts are the results of the operations of a mix.
func (r *run) mixedParts() []Part {
	var parts []Part
	for i, p := range r.mix {
		part := Part{Op: p.name, Took: new(Histogram)}
		for _, c := range r.callers {
			if c.parts[i] != nil {
				part.Took.Merge(c.parts[i])
			}
		}
		parts = append(parts, part)
	}
	return parts
}

// String is the form that ParseMix reads.
func (m Mix) String() string {
	var words []string
	for _, op := range operations {
		if w := m[op.name]; w > 0 {
			words = append(words, fmt.Sprintf("%s=%g", op.name, w))
		}
	}
	return strings.Join(words, ",")
}
