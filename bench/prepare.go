package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// prepare registers DataNodes and makes the directories of the tree.
func (r *run) prepare() (err error) {
	c := r.callers[0]
	if r.o.DataNodes > 0 {
		if r.nodes, err = startDataNodes(c.ctx, r.o.NameNodes, r.o.DataNodes); err != nil {
			return err
		}
	}
	if r.o.Existing {
		r.files.existed = r.o.Files
		r.numberFrom(time.Now().UnixMilli() << 20) // nobody has used these names
		c.path = append(c.path[:0], r.tree.Path(r.o.Files-1)...)
		c.request = getFileInfo(c.request[:0], c.path)
		return c.check("getFileInfo", isThere)
	}
	c.path = append(c.path[:0], r.o.Dir...)
	c.request = getFileInfo(c.request[:0], c.path)
	switch err := c.check("getFileInfo", isThere); {
	case err == nil && !r.o.Clean:
		return fmt.Errorf("%s exists: -clean removes it", r.o.Dir)
	case err == nil:
		if err := r.removeTree(c.ctx); err != nil {
			return err
		}
	case !errors.Is(err, errNothing):
		return err
	}
	return r.all(c.ctx, "make directories", r.tree.Leaves(), func(c *caller, i int64) error {
		c.path = r.tree.AppendLeaf(c.path[:0], i)
		c.request = mkdirs(c.request[:0], c.path)
		return c.check("mkdirs", isTrue)
	})
}

// numberFrom says which number comes first in the names of what the run makes.
func (r *run) numberFrom(base int64) {
	r.base = base
	r.files.base, r.files.low, r.files.high = base, base, base
	r.dirs.Store(base)
	r.owned.Store(base)
}

// all runs calls that are not measured and must not fail.
func (r *run) all(ctx context.Context, what string, calls int64, do func(*caller, int64) error) error {
	if calls <= 0 {
		return nil
	}
	_, err := r.load(ctx, what, &operation{name: what, do: do}, budget{calls: calls})
	if err == nil && r.first != nil {
		err = fmt.Errorf("%s: %w", what, r.first)
	}
	return err
}

// makeFiles makes files until there are n.
func (r *run) makeFiles(ctx context.Context, n int64) error {
	from := r.files.high
	missing := n - (from - r.files.low)
	if missing <= 0 {
		return nil
	}
	err := r.all(ctx, "make files", missing, func(c *caller, i int64) error { return c.makeFile(from + i) })
	if err == nil {
		r.files.grow(from + missing)
	}
	return err
}

// cleanUp removes what the run made.
func (r *run) cleanUp(ctx context.Context) error {
	if !r.o.Existing {
		return r.removeTree(ctx)
	}
	f := &r.files
	err := r.all(ctx, "remove files", f.high-f.low, func(c *caller, i int64) error { return c.remove(f.low + i) })
	for _, c := range r.callers {
		err = errors.Join(err, c.removeOwn(ctx))
	}
	return errors.Join(err, r.all(ctx, "remove directories", r.dirs.Load()-r.base, func(c *caller, i int64) error {
		c.path = r.tree.AppendName(c.path[:0], kindDir, r.base+i)
		c.request = remove(c.request[:0], c.path, false)
		return c.check("delete", isTrue)
	}))
}

// removeTree removes what lies at the root of the tree.
func (r *run) removeTree(ctx context.Context) error {
	c := *r.callers[0]
	c.ctx = ctx
	c.path = append(c.path[:0], r.o.Dir...)
	c.request = remove(c.request[:0], c.path, true)
	return c.check("delete", func(b []byte) error {
		if err := isTrue(b); !errors.Is(err, errFalse) {
			return err
		}
		return nil // it was not there
	})
}
