package shell

func doMv(r *run, args []string) error {
	c := &copier{run: r}
	args, err := c.remoteDst(args)
	if err != nil {
		return err
	}
	t := c.traversal(c.moveOne)
	t.recursive = false
	return c.all(args, t)
}

func (c *copier) moveOne(src, target *item) error {
	switch {
	case !sameSystem(src.fs, target.fs):
		return &pathIssue{path: src.text, text: "Does not match target filesystem"}
	case target.exists():
		return exists(target.text)
	}
	moved, err := src.fs.Move(src.path, target.path)
	if err == nil && !moved {
		err = failed(src.text)
	}
	return err
}

func doMoveFromLocal(r *run, args []string) error {
	c := &copier{run: r, overwrite: r.has("f"), lazy: r.has("l"), direct: r.has("d")}
	c.preserveAll(r.has("p"))
	return c.put(args, func(src *item) error {
		if src.isDir() {
			// Its files are gone by now; what is left in it could not be copied.
			for range src.fs.List(src.path) {
				return &pathIssue{path: src.text, text: textNotEmpty}
			}
		}
		gone, err := src.fs.Delete(src.path, false)
		if err == nil && !gone {
			err = &pathIssue{path: src.text, text: textIO}
		}
		return err
	})
}

func doMoveToLocal(*run, []string) error {
	return plain("Option '-moveToLocal' is not implemented yet.")
}
