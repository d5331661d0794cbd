package shell

// traversal is how a verb goes through its arguments: all of them are expanded
// first, then each is visited, with what is below it if recursive. An error
// about one of them is shown and the next one is taken.
type traversal struct {
	// visit is called for what exists.
	visit func(it *item) error
	// missing is called for a path that does not; nil reports it.
	missing func(it *item) error
	// expand replaces the expansion of patterns.
	expand func(arg string) ([]*item, error)
	// argument replaces visiting for an argument itself; it calls descend or enter.
	argument func(it *item) error
	// group is told of the entries of a directory before they are visited.
	group func(dir *item, entries []*item) error
	// below decides whether to descend into a directory, if recursive.
	below     func(it *item) bool
	after     func(it *item) error // when all below it is done
	recursive bool
	batch     int // entries handed to group at a time; 0 = the whole directory
}

// each visits what args stand for.
func (r *run) each(args []string, t *traversal) error {
	items, err := r.expandAll(args, t)
	if err != nil {
		return err
	}
	return r.eachItem(items, t)
}

func (r *run) expandAll(args []string, t *traversal) ([]*item, error) {
	find := t.expand
	if find == nil {
		find = r.expand
	}
	var items []*item
	for _, arg := range args {
		some, err := find(arg)
		if err != nil {
			if r.fatal(err) {
				return nil, err
			}
			r.show(err)
			continue
		}
		items = append(items, some...)
	}
	return items, nil
}

func (r *run) eachItem(items []*item, t *traversal) error {
	for _, it := range items {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if err := r.tolerate(r.start(it, t)); err != nil {
			return err
		}
	}
	return nil
}

// tolerate shows err and forgets it, unless it is fatal.
func (r *run) tolerate(err error) error {
	if err == nil || r.fatal(err) {
		return err
	}
	r.show(err)
	return nil
}

func (r *run) start(it *item, t *traversal) error {
	switch {
	case !it.exists() && t.missing != nil:
		return t.missing(it)
	case !it.exists():
		return notFound(it.text)
	case t.argument != nil:
		return t.argument(it)
	}
	return r.enter([]*item{it}, nil, t)
}

// enter visits items, which are entries of dir, or an argument if dir is nil.
func (r *run) enter(items []*item, dir *item, t *traversal) error {
	if t.group != nil {
		if err := t.group(dir, items); err != nil {
			return err
		}
	}
	for _, it := range items {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if err := r.tolerate(r.visitOne(it, t)); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) visitOne(it *item, t *traversal) error {
	if err := t.visit(it); err != nil {
		return err
	}
	if t.recursive && it.isDir() && (t.below == nil || t.below(it)) {
		if err := r.descend(it, t); err != nil {
			return err
		}
	}
	if t.after != nil {
		return t.after(it)
	}
	return nil
}

// descend visits the entries of a directory.
func (r *run) descend(dir *item, t *traversal) error {
	var items []*item
	for info, err := range dir.fs.List(dir.path) {
		if err != nil {
			return err
		}
		items = append(items, dir.child(info.Name(), info))
		if t.batch > 0 && len(items) == t.batch {
			if err := r.enter(items, dir, t); err != nil {
				return err
			}
			items = nil
		}
	}
	if len(items) == 0 && t.batch > 0 {
		return nil
	}
	return r.enter(items, dir, t)
}
