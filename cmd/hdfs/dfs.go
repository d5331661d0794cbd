package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/signal"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/shell"
	"github.com/mattn/go-isatty"
)

// dfs is the file system shell.
func (t *tool) dfs(args []string) int {
	cfg, rest, err := load(args)
	if err != nil {
		return t.complain("hdfs dfs", err)
	}
	ctx, stop := signal.NotifyContext(t.ctx, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends the process
	systems := &systems{ctx: ctx, cfg: cfg}
	defer systems.close()
	out := bufio.NewWriterSize(t.out, 64<<10)
	sh := &shell.Shell{
		In: t.in, Out: out, Err: t.err, Open: systems.open, Conf: cfg, Log: slog.Default(), Progress: isTerminal(t.err),
	}
	if isTerminal(t.out) {
		sh.Out = t.out
	}
	code := sh.Run(ctx, rest)
	if err := out.Flush(); err != nil && code == 0 {
		fmt.Fprintf(t.err, "hdfs dfs: cannot write the output: %v\n", err)
		code = 1
	}
	return code
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// systems opens file systems by URI for one run of the shell.
type systems struct {
	ctx     context.Context
	cfg     *conf.Config
	clients []*client.Client
}

func (s *systems) open(uri string) (shell.FileSystem, error) {
	if uri == "" {
		uri = s.cfg.Get("fs.defaultFS")
	}
	u, err := url.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("fs.defaultFS is %q, no URI: %w", uri, err)
	}
	switch u.Scheme {
	case "file":
		dir, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		return shell.Local(dir), nil
	case "hdfs":
		c, err := client.New(s.cfg, client.WithURI(u.Scheme+"://"+u.Host), client.WithLogger(slog.Default()))
		if err != nil {
			return nil, err
		}
		s.clients = append(s.clients, c)
		return shell.HDFS(c.WithContext(s.ctx)), nil
	}
	return nil, fmt.Errorf("No FileSystem for scheme %q", u.Scheme) //nolint:staticcheck // the words of Apache's client
}

func (s *systems) close() error {
	var err error
	for _, c := range s.clients {
		err = errors.Join(err, c.Close())
	}
	return err
}
