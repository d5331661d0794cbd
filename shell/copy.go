package shell

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// copier is what put, get, cp and mv have in common: several sources, one
// destination that is a directory or the name of a single copy.
type copier struct {
	*run
	dst       *item
	overwrite bool
	direct    bool // write to the final name, without ._COPYING_
	lazy      bool
	crc       bool // write .crc files beside local copies
	verify    bool
	keep      attributes
	after     func(src *item) error // a source was copied
	slots     chan struct{}         // room for copies at the same time; nil = one
	pending   sync.WaitGroup
}

// Suffix of a copy that is not whole yet.
const copyingSuffix = "._COPYING_"

// remoteDst takes the destination off args; a pattern must find one name.
func (c *copier) remoteDst(args []string) ([]string, error) {
	last := "."
	if len(args) > 1 {
		args, last = args[:len(args)-1], args[len(args)-1]
	}
	items, err := c.expand(last)
	if err != nil {
		return nil, err
	}
	if len(items) > 1 {
		return nil, &pathIssue{path: last, text: "Too many matches"}
	}
	c.dst = items[0]
	return args, nil
}

func (c *copier) localDst(args []string) ([]string, error) {
	last := "."
	if len(args) > 1 {
		args, last = args[:len(args)-1], args[len(args)-1]
	}
	var err error
	c.dst, err = c.lookupLocal(last)
	return args, err
}

// threads reads -t.
func (c *copier) threads() {
	v, _ := c.value("t")
	if n, err := strconv.Atoi(v); err == nil && n > 1 {
		c.slots = make(chan struct{}, n)
	}
}

func doPut(r *run, args []string) error {
	c := &copier{run: r, overwrite: r.has("f"), lazy: r.has("l"), direct: r.has("d")}
	c.preserveAll(r.has("p"))
	c.threads()
	return c.put(args, nil)
}

func (c *copier) put(args []string, after func(src *item) error) error {
	args, err := c.remoteDst(args)
	if err != nil {
		return err
	}
	c.after = after
	if len(args) == 1 && args[0] == "-" {
		target, err := c.target(c.dst, "-", true)
		if err != nil {
			return err
		}
		return c.stream(c.stdin(), target, -1)
	}
	t := c.traversal(c.file)
	t.expand = func(arg string) ([]*item, error) {
		it, err := c.lookupLocal(arg)
		return []*item{it}, err
	}
	return c.all(args, t)
}

func doGet(r *run, args []string) error {
	c := &copier{run: r, overwrite: r.has("f"), crc: r.has("crc"), verify: !r.has("ignoreCrc")}
	c.preserveAll(r.has("p"))
	c.threads()
	args, err := c.localDst(args)
	if err != nil {
		return err
	}
	return c.all(args, c.traversal(c.file))
}

func doCp(r *run, args []string) error {
	c := &copier{run: r, overwrite: r.has("f"), direct: r.has("d"), verify: true}
	c.threads()
	for i, a := range args {
		if !strings.HasPrefix(a, "-p") {
			continue
		}
		c.preserveAll(a == "-p")
		for _, letter := range a[2:] {
			if !c.keep.set(letter) {
				return badUsage(fmt.Sprintf("No attribute for %c", letter))
			}
		}
		args = append(args[:i:i], args[i+1:]...)
		break
	}
	if _, _, err := (format{min: 2, max: many}).parse(args); err != nil {
		return err
	}
	args, err := c.remoteDst(args)
	if err != nil {
		return err
	}
	return c.all(args, c.traversal(c.file))
}

// all checks the destination against the number of sources, then takes each.
func (c *copier) all(args []string, t *traversal) error {
	items, err := c.expandAll(args, t)
	if err != nil {
		return err
	}
	switch {
	case len(items) > 1 && !c.dst.exists():
		return notFound(c.dst.text)
	case len(items) > 1 && !c.dst.isDir():
		return notDir(c.dst.text)
	case len(items) > 1:
	case c.dst.exists():
		if !c.dst.isDir() && !c.overwrite {
			return exists(c.dst.text)
		}
	default:
		above, err := c.dst.parentExists()
		if err != nil {
			return err
		}
		if !above {
			return c.dst.missingParent()
		}
	}
	defer c.pending.Wait()
	return c.eachItem(items, t)
}

// traversal gives each source its target; one handles a file, or with mv a
// whole directory.
func (c *copier) traversal(one func(src, target *item) error) *traversal {
	t := &traversal{recursive: true}
	t.argument = func(src *item) error {
		target, err := c.target(c.dst, src.base(), true)
		if err != nil {
			return err
		}
		if src.isDir() && src.fs.URI() == target.fs.URI() {
			if err := notInside(src, target); err != nil {
				return err
			}
		}
		if !t.recursive {
			return one(src, target)
		}
		return c.tree(src, target, one)
	}
	return t
}

func notInside(src, target *item) error {
	switch {
	case src.path == target.path:
		return &pathIssue{path: src.text, target: target.full(), text: "are identical"}
	case strings.HasPrefix(target.path, strings.TrimSuffix(src.path, "/")+"/"):
		return &pathIssue{path: src.text, target: target.text, text: "is a subdirectory of itself"}
	}
	return nil
}

// target is where a source of that name goes: into dst if it is a directory,
// or looks like one, or lies below an argument.
func (c *copier) target(dst *item, base string, top bool) (*item, error) {
	if !top || dst.isDir() || (!dst.exists() && dst.looksLikeDir()) {
		return dst.find(base)
	}
	return dst, nil
}

// tree copies src to target with all that is below it.
func (c *copier) tree(src, target *item, one func(src, target *item) error) error {
	if src.info.Link != "" {
		return &pathIssue{path: src.text, text: textUnsupported}
	}
	if !src.isDir() {
		return c.perhapsLater(func() error {
			if err := one(src, target); err != nil || c.after == nil {
				return err
			}
			return c.after(src)
		})
	}
	if err := c.makeDir(target); err != nil {
		return err
	}
	for info, err := range src.fs.List(src.path) {
		if err != nil {
			return err
		}
		child := src.child(info.Name(), info)
		to, err := target.find(info.Name())
		if err == nil {
			err = c.tree(child, to, one)
		}
		if err := c.tolerate(err); err != nil {
			return err
		}
	}
	if c.keep.any() || c.after != nil {
		c.pending.Wait()
	}
	if err := c.preserve(src, target); err != nil || c.after == nil {
		return err
	}
	return c.after(src)
}

func (c *copier) makeDir(target *item) error {
	switch {
	case target.isDir():
		return nil
	case target.exists():
		return notDir(target.text)
	}
	if err := target.fs.MkdirAll(target.path, 0o777); err != nil {
		return err
	}
	return target.refresh()
}

// perhapsLater runs one copy, beside others if there is room for several.
func (c *copier) perhapsLater(f func() error) error {
	if c.slots == nil {
		return f()
	}
	select {
	case c.slots <- struct{}{}:
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
	c.pending.Add(1)
	go func() {
		defer c.pending.Done()
		defer func() { <-c.slots }()
		if err := f(); err != nil {
			c.show(err)
		}
	}()
	return nil
}
