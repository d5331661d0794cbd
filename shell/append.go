package shell

import (
	"errors"
	"io"
	"io/fs"

	"github.com/hopsql/hopsql/client"
)

func doAppend(r *run, args []string) error {
	if len(args) < 2 {
		return plain("missing destination argument")
	}
	c := &copier{run: r}
	args, err := c.remoteDst(args)
	if err != nil {
		return err
	}
	stdin := false
	var sources []*item
	for _, a := range args {
		if a == "-" {
			stdin = true
			continue
		}
		it, err := r.lookupLocal(a)
		if err != nil {
			return err
		}
		sources = append(sources, it)
	}
	if stdin && len(sources) > 0 {
		return plain("stdin (-) must be the sole input argument when present")
	}
	if !c.dst.exists() {
		w, err := c.dst.fs.Create(c.dst.path, client.CreateOptions{})
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			return err
		}
	}
	out, err := c.dst.fs.Append(c.dst.path, r.has("n"))
	if err != nil {
		return err
	}
	err = c.appendAll(out, stdin, sources)
	return errors.Join(err, out.Close())
}

func (c *copier) appendAll(out io.Writer, stdin bool, sources []*item) error {
	if stdin {
		_, err := io.Copy(out, c.stdin())
		return err
	}
	for _, src := range sources {
		in, err := src.fs.Open(src.path, true)
		if errors.Is(err, fs.ErrNotExist) {
			return plain(src.text)
		}
		if err != nil {
			return err
		}
		_, err = io.Copy(out, c.untilDone(in))
		in.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
