package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/hopsql/hopsql/hadoop/conf"
)

// Exit codes of Run.
const (
	exitDone        = 0
	exitFailed      = 1
	exitInterrupted = 130
	exitUsage       = 255
)

// Shell runs the verbs. Open, Out and Err must be set; a Shell is for one
// goroutine.
type Shell struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
	// Open finds the file system of "scheme://authority"; "" is the default
	// one, and "file://" the local disk.
	Open func(uri string) (FileSystem, error)
	// Conf holds fs.trash.interval and the like; nil means defaults.
	Conf *conf.Config
	// Progress says that Err is a terminal: long copies show how far they are.
	Progress bool
	Log      *slog.Logger
	Now      func() time.Time

	systems map[string]FileSystem
}

// run is one verb at work.
type run struct {
	*Shell
	ctx context.Context
	verb
	options
	mu   sync.Mutex // guards errs and Err where copies run beside each other
	errs int
	exit int
}

// Run does what args say, args[0] being a verb with its dash, and answers the
// exit code of the process. It ends early when ctx does.
func (s *Shell) Run(ctx context.Context, args []string) int {
	s.fillIn()
	if len(args) == 0 {
		s.printUsage(s.Err)
		return exitUsage
	}
	v, ok := lookupVerb(args[0])
	if !ok {
		s.complain(args[0], "Unknown command")
		if _, dashed := lookupVerb("-" + args[0]); dashed {
			fmt.Fprintf(s.Err, "Did you mean -%s?  This command begins with a dash.\n", args[0])
		}
		s.printUsage(s.Err)
		return exitUsage
	}
	r := &run{Shell: s, ctx: ctx, verb: v}
	var err error
	if r.options, args, err = v.format.parse(args[1:]); err == nil {
		err = v.do(r, args)
	}
	var bad *usageError
	switch {
	case ctx.Err() != nil:
		s.complain(v.name, "Interrupted")
		return exitInterrupted
	case errors.As(err, &bad):
		s.complain("-"+v.name, bad.text)
		s.printUsage(s.Err)
		s.printVerbUsage(s.Err, v)
		return exitUsage
	case err != nil:
		r.show(err)
	}
	if r.errs > 0 {
		return exitFailed
	}
	return r.exit
}

func (s *Shell) fillIn() {
	if s.Conf == nil {
		s.Conf = conf.New(nil)
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.In == nil {
		s.In = strings.NewReader("")
	}
}

func (s *Shell) complain(who, text string) {
	s.flush()
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(s.Err, "%s: %s\n", who, line)
	}
}

// show reports an error of the verb and goes on; usage errors end the verb and
// are not for here.
func (r *run) show(err error) {
	if r.ctx.Err() != nil {
		return // the interruption is reported once, at the end
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs++
	r.complain(r.name, Message(err))
}

// flush hands buffered output on, so that it is seen before an error that
// followed it and before a wait.
func (s *Shell) flush() {
	if b, ok := s.Out.(interface{ Flush() error }); ok {
		_ = b.Flush() // a failure sticks and is reported at the end
	}
}

// warn is show without counting as a failure.
func (r *run) warn(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.complain(r.name, text)
}

// fatal says that err must end the whole verb: wrong usage, or Ctrl-C.
func (r *run) fatal(err error) bool {
	var bad *usageError
	return errors.As(err, &bad) || r.ctx.Err() != nil
}

func (r *run) printf(format string, args ...any) { fmt.Fprintf(r.Out, format, args...) }

func (r *run) sleep(d time.Duration) error {
	r.flush()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-r.ctx.Done():
		return r.ctx.Err()
	case <-t.C:
		return nil
	}
}
