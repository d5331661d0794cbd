package shell

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"path"
	"strconv"
	"time"
)

// How much head and tail show, bytes.
const headSize = 1024

func doCat(r *run, args []string) error {
	return r.each(args, &traversal{visit: func(it *item) error {
		return r.pour(it, func(in io.Reader) (io.Reader, error) { return in, nil })
	}})
}

func doText(r *run, args []string) error {
	return r.each(args, &traversal{visit: func(it *item) error {
		return r.pour(it, func(in io.Reader) (io.Reader, error) { return unpack(it, in) })
	}})
}

// pour prints a file through a filter.
func (r *run) pour(it *item, filter func(io.Reader) (io.Reader, error)) error {
	if it.isDir() {
		return isDir(it.text)
	}
	f, err := it.fs.Open(it.path, !r.has("ignoreCrc"))
	if err != nil {
		return err
	}
	defer f.Close()
	in, err := filter(f)
	if err != nil {
		return err
	}
	_, err = io.Copy(r.Out, in)
	return err
}

// unpack looks at the first bytes, then at the name, as Hadoop does.
func unpack(it *item, in io.Reader) (io.Reader, error) {
	b := bufio.NewReader(in)
	head, err := b.Peek(4)
	if err != nil && len(head) < 2 {
		return b, nil
	}
	switch {
	case head[0] == 0x1f && head[1] == 0x8b:
		return gzip.NewReader(b)
	case bytes.HasPrefix(head, []byte("SEQ")):
		return nil, &pathIssue{path: it.text, text: "a SequenceFile cannot be shown as text"}
	case bytes.HasPrefix(head, []byte("Obj\x01")):
		return nil, &pathIssue{path: it.text, text: "an Avro file cannot be shown as text"}
	}
	switch ext := path.Ext(it.path); ext {
	case ".bz2":
		return bzip2.NewReader(b), nil
	case ".deflate":
		return zlib.NewReader(b)
	case ".snappy", ".lz4", ".zst":
		return nil, &pathIssue{path: it.text, text: "files of type " + ext + " cannot be shown as text"}
	}
	return b, nil
}

func doHead(r *run, args []string) error {
	return r.each(args, &traversal{
		expand: r.exactly,
		visit: func(it *item) error {
			return r.pour(it, func(in io.Reader) (io.Reader, error) { return io.LimitReader(in, headSize), nil })
		},
	})
}

// exactly takes an argument as it is written.
func (r *run) exactly(arg string) ([]*item, error) {
	it, err := r.lookup(arg)
	return []*item{it}, err
}

func doTail(r *run, args []string) error {
	pause := 5 * time.Second
	if v, given := r.value("s"); given {
		ms, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return badUsage(fmt.Sprintf("For input string: %q", v))
		}
		pause = time.Duration(max(ms, 1)) * time.Millisecond
	}
	return r.each(args, &traversal{
		expand: r.exactly,
		visit: func(it *item) error {
			if it.isDir() {
				return isDir(it.text)
			}
			at, err := r.dump(it, max(0, it.info.Length-headSize))
			for err == nil && r.has("f") {
				if err = r.sleep(pause); err == nil {
					at, err = r.dump(it, at)
				}
			}
			return err
		},
	})
}

// dump prints a file from an offset on and answers where it ended. A file that
// has shrunk is printed from its start.
func (r *run) dump(it *item, from int64) (int64, error) {
	f, err := it.fs.Open(it.path, true)
	if err != nil {
		return from, err
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return from, err
	}
	if from > end {
		from = 0
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return from, err
	}
	n, err := io.Copy(r.Out, f)
	return from + n, err
}
