package shell

import (
	"time"

	"github.com/hopsql/hopsql/client"
)

func (r *run) touchNew(it *item) error {
	above, err := it.parentExists()
	if err != nil {
		return err
	}
	if !above {
		return it.missingParent()
	}
	return r.create(it)
}

// create makes a file of no bytes.
func (r *run) create(it *item) error {
	w, err := it.fs.Create(it.path, client.CreateOptions{Overwrite: true})
	if err != nil {
		return err
	}
	return w.Close()
}

func doTouchz(r *run, args []string) error {
	return r.each(args, &traversal{
		missing: r.touchNew,
		visit: func(it *item) error {
			switch {
			case it.isDir():
				return isDir(it.text)
			case it.info.Length != 0:
				return &pathIssue{path: it.text, text: "Not a zero-length file"}
			}
			return r.create(it)
		},
	})
}

const (
	touchLayout  = "20060102:150405"
	touchPattern = "yyyyMMdd:HHmmss"
)

func doTouch(r *run, args []string) error {
	set := func(it *item) error {
		when := r.Now()
		if stamp, given := r.value("t"); given {
			var err error
			if when, err = time.ParseInLocation(touchLayout, stamp, time.Local); err != nil {
				return badUsage("Unable to parse the specified timestamp " + stamp + ". The expected format is " + touchPattern)
			}
		}
		atime, mtime := when, when
		if r.has("a") != r.has("m") {
			if r.has("m") {
				atime = time.Time{}
			} else {
				mtime = time.Time{}
			}
		}
		return it.fs.Chtimes(it.path, atime, mtime)
	}
	return r.each(args, &traversal{
		visit: set,
		missing: func(it *item) error {
			if r.has("c") {
				return nil
			}
			if err := r.touchNew(it); err != nil {
				return err
			}
			return set(it)
		},
	})
}
