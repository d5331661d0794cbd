package shell

import (
	"context"
	"io"

	"github.com/hopsql/hopsql/client"
)

// file copies one file.
func (c *copier) file(src, target *item) error {
	in, err := src.fs.Open(src.path, c.verify)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := c.stream(in, target, src.info.Length); err != nil {
		return err
	}
	return c.preserve(src, target)
}

// stream writes in to target, first under a name that says that it is no
// whole file yet. size is for the progress bar, -1 if nobody knows.
func (c *copier) stream(in io.Reader, target *item, size int64) error {
	if target.exists() && (target.isDir() || !c.overwrite) {
		return exists(target.text)
	}
	name := target.path
	if !c.direct {
		name += copyingSuffix
	}
	if made, err := c.write(in, target, name, size); err != nil {
		if made && !c.direct {
			c.forget(target.fs, name)
		}
		return err
	}
	if c.direct {
		return nil
	}
	if target.exists() {
		gone, err := target.fs.Delete(target.path, false)
		if err == nil && !gone {
			err = plain("delete " + failed(target.text).Error())
		}
		if err != nil {
			return err
		}
	}
	moved, err := target.fs.Move(name, target.path)
	if err == nil && !moved {
		err = plain("rename " + (&pathIssue{path: target.text + copyingSuffix, target: target.text, text: textIO}).Error())
	}
	return err
}

// forget deletes what is left of a copy that failed, also after Ctrl-C, when the
// file system at hand answers no more. The error that counts is the copy's.
func (c *copier) forget(f FileSystem, name string) {
	if d, ok := f.(interface{ Detached() (FileSystem, func()) }); ok && c.ctx.Err() != nil {
		detached, done := d.Detached()
		defer done()
		f = detached
	}
	if _, err := f.Delete(name, false); err != nil {
		c.Log.Warn("an unfinished copy is left", "path", name, "err", err)
	}
}

// write makes the file name and copies in to it; made says whether a file was
// made, whole or not.
func (c *copier) write(in io.Reader, target *item, name string, size int64) (made bool, err error) {
	o := client.CreateOptions{Overwrite: true, LazyPersist: c.lazy}
	if c.lazy {
		o.Replication = 1
	}
	out, err := target.fs.Create(name, o)
	if err != nil {
		return false, err
	}
	var sums *crcFile
	w := io.Writer(out)
	if c.crc {
		sums = newCrcFile()
		w = io.MultiWriter(out, sums)
	}
	bar := c.progressOf(target.text, size)
	_, err = io.Copy(w, bar.reader(c.untilDone(in)))
	bar.done()
	if err != nil {
		if a, ok := out.(Aborter); ok {
			a.Abort()
		} else {
			out.Close()
		}
		return true, err
	}
	if err := out.Close(); err != nil || sums == nil {
		return true, err
	}
	return true, sums.save(target.fs, crcName(name))
}

// untilDone makes a copy end when the shell is interrupted, also between two
// files of the local disk.
func (c *copier) untilDone(in io.Reader) io.Reader {
	return readerFunc(func(b []byte) (int, error) {
		if err := c.ctx.Err(); err != nil {
			return 0, err
		}
		return in.Read(b)
	})
}

// stdin is standard input that can be left in the middle of a read.
func (c *copier) stdin() io.Reader {
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, c.In)
		w.CloseWithError(err)
	}()
	context.AfterFunc(c.ctx, func() { r.CloseWithError(c.ctx.Err()) })
	return r
}

type readerFunc func(b []byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
