package lab

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Program measures what its options O say.
type Program[O any] struct {
	Name    string // that of the script which people call
	Parse   func(args []string, errs io.Writer) (O, error)
	Measure func(ctx context.Context, o O, out io.Writer) error
}

// Run runs a program and says at the end whether something else was running. It
// returns the exit status: 0, 1 when something failed, 2 for wrong arguments.
func Run[O any](ctx context.Context, p Program[O], args []string, out, errs io.Writer) int {
	o, err := p.Parse(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(errs, "%s: %v\n", p.Name, err)
		return 2
	}
	if err := p.watched(ctx, o, out); err != nil {
		fmt.Fprintf(errs, "%s: %v\n", p.Name, err)
		return 1
	}
	return 0
}

// watched measures, and says how much of the machine others used.
func (p *Program[O]) watched(ctx context.Context, o O, out io.Writer) error {
	others, err := WatchOthers()
	if err != nil {
		return err
	}
	if err := p.Measure(ctx, o, out); err != nil {
		return err
	}
	report, err := others.Report()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s\n", report)
	return nil
}

// Choose cuts a list at its commas. All names must be among from.
func Choose(flag, list string, from []string) ([]string, error) {
	names := strings.Split(list, ",")
	for _, n := range names {
		if !slices.Contains(from, n) {
			return nil, fmt.Errorf("%s: %q is none of %s", flag, n, strings.Join(from, ", "))
		}
	}
	return names, nil
}
