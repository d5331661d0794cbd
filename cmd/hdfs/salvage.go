package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/namenode/fsck"
)

// salvager makes what copies the remains of files for a NameNode, as a client of the file
// system that the configuration names.
func salvager(cfg *conf.Config) fsck.Salvage {
	return func(ctx context.Context, user, file, dir string, runs [][2]int64) error {
		c, err := client.New(cfg, client.WithUser(user), client.WithLogger(slog.Default()))
		if err != nil {
			return err
		}
		defer c.Close()
		c = c.WithContext(ctx)
		if _, err := c.Lstat(dir); err == nil {
			return fmt.Errorf("%s already exists", dir)
		}
		if err := c.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		in, err := c.Open(file)
		if err != nil {
			return err
		}
		defer in.Close()
		for i, run := range runs {
			if err := salvageRun(c, in, path.Join(dir, fmt.Sprint(i)), run[0], run[1]); err != nil {
				return fmt.Errorf("bytes %d to %d: %w", run[0], run[1], err)
			}
		}
		return nil
	}
}

// salvageRun copies the bytes from one place of a file to another.
func salvageRun(c *client.Client, in *client.Reader, to string, from, end int64) error {
	if _, err := in.Seek(from, io.SeekStart); err != nil {
		return err
	}
	out, err := c.Create(to, client.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err = io.CopyN(out, in, end-from); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
