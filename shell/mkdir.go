package shell

import "path"

func doMkdir(r *run, args []string) error {
	return r.each(args, &traversal{
		visit: func(it *item) error {
			switch {
			case !it.isDir():
				return notDir(it.text)
			case !r.has("p"):
				return exists(it.text)
			}
			return nil
		},
		missing: func(it *item) error {
			if !r.has("p") {
				up := &item{fs: it.fs, path: path.Dir(it.path)}
				if err := up.refresh(); err != nil {
					return err
				}
				if !up.exists() {
					return notFound(up.full())
				}
			}
			return it.fs.MkdirAll(it.path, 0o777)
		},
	})
}

func doRmdir(r *run, args []string) error {
	return r.each(args, &traversal{visit: func(it *item) error {
		if !it.isDir() {
			return notDir(it.text)
		}
		for _, err := range it.fs.List(it.path) {
			if err != nil {
				return err
			}
			if r.has("-ignore-fail-on-non-empty") {
				return nil
			}
			return &pathIssue{path: it.text, text: textNotEmpty}
		}
		gone, err := it.fs.Delete(it.path, false)
		if err == nil && !gone {
			err = failed(it.text)
		}
		return err
	}})
}
