package shell

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/hopsql/hopsql/client"
)

func doGetmerge(r *run, args []string) error {
	dst, err := r.lookupLocal(args[len(args)-1])
	if err != nil {
		return err
	}
	if dst.isDir() {
		return isDir(dst.text)
	}
	var sources []*item
	missing := false
	t := &traversal{
		visit: func(it *item) error {
			if !it.isDir() && (it.info.Length > 0 || !r.has("skip-empty-file")) {
				sources = append(sources, it)
			}
			return nil
		},
		missing: func(it *item) error {
			missing = true
			return notFound(it.text)
		},
	}
	t.argument = func(it *item) error {
		if it.isDir() {
			return r.descend(it, t)
		}
		return r.enter([]*item{it}, nil, t)
	}
	if err := r.each(args[:len(args)-1], t); err != nil || missing {
		return err
	}
	out, err := dst.fs.Create(dst.path, client.CreateOptions{Overwrite: true})
	if err != nil {
		return err
	}
	for _, src := range sources {
		if err = r.merge(out, src); err != nil {
			break
		}
	}
	return errors.Join(err, out.Close())
}

func (r *run) merge(out io.Writer, src *item) error {
	in, err := src.fs.Open(src.path, true)
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := io.Copy(out, in); err != nil || !r.has("nl") {
		return err
	}
	_, err = io.WriteString(out, "\n")
	return err
}

// Pause between two looks at a file that is being cut, as in Hadoop.
const truncatePause = time.Second

func doTruncate(r *run, args []string) error {
	size, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		r.warn("Illegal length, a non-negative integer expected")
		return badUsage(fmt.Sprintf("For input string: %q", args[0]))
	}
	if size < 0 {
		return badUsage("length must be >= 0")
	}
	var waiting []*item
	err = r.each(args[1:], &traversal{visit: func(it *item) error {
		if it.isDir() {
			return isDir(it.text)
		}
		if size > it.info.Length {
			return badUsage(fmt.Sprintf("Cannot truncate to a larger file size. Current size: %d, truncate size: %d.", it.info.Length, size))
		}
		done, err := it.fs.Truncate(it.path, size)
		switch {
		case err != nil:
			return err
		case done:
			r.printf("Truncated %s to length: %d\n", it.text, size)
		case r.has("w"):
			waiting = append(waiting, it)
		default:
			r.printf("Truncating %s to length: %d. Wait for block recovery to complete before further updating this file.\n", it.text, size)
		}
		return nil
	}})
	for _, it := range waiting {
		if err == nil {
			err = r.awaitLength(it, size)
		}
	}
	return err
}

func (r *run) awaitLength(it *item, size int64) error {
	r.printf("Waiting for %s ...", it.text)
	for {
		if err := it.refresh(); err != nil {
			return err
		}
		if it.exists() && it.info.Length == size {
			r.printf("\nTruncated %s to length: %d\n", it.text, size)
			return nil
		}
		r.printf(".")
		if err := r.sleep(truncatePause); err != nil {
			return err
		}
	}
}

const concatUsage = " <target path> <src path> <src path> ..."

func doConcat(r *run, args []string) error {
	if len(args) < 1 {
		return plain("Target path not specified." + concatUsage)
	}
	if len(args) < 3 {
		return plain("The number of source paths is less than 2." + concatUsage)
	}
	target, err := r.lookup(args[0])
	if err != nil {
		return err
	}
	var sources []string
	for _, a := range args[1:] {
		it, err := r.lookup(a)
		if err != nil {
			return err
		}
		sources = append(sources, it.path)
	}
	return target.fs.Concat(target.path, sources...)
}
