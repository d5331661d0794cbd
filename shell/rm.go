package shell

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

func doRm(r *run, args []string) error {
	recursive := r.has("r") || r.has("R")
	ask := &asker{run: r, in: bufio.NewReader(r.In)}
	return r.each(args, &traversal{
		expand: func(arg string) ([]*item, error) {
			items, err := r.expand(arg)
			var issue *pathIssue
			if errors.As(err, &issue) && issue.text == textNotFound && r.has("f") {
				return nil, nil // a pattern that finds nothing
			}
			return items, err
		},
		missing: func(it *item) error {
			if r.has("f") {
				return nil
			}
			return notFound(it.text)
		},
		visit: func(it *item) error {
			if it.isDir() && !recursive {
				return isDir(it.text)
			}
			if !r.has("skipTrash") {
				if moved, err := r.toTrash(it); moved || err != nil {
					return err
				}
			}
			if ok, err := ask.mayDelete(it); !ok || err != nil {
				return err
			}
			gone, err := it.fs.Delete(it.path, recursive)
			if err != nil {
				return err
			}
			if !gone {
				return failed(it.text)
			}
			r.printf("Deleted %s\n", it.text)
			return nil
		},
	})
}

// asker is -safely: a question before many files go.
type asker struct {
	*run
	in *bufio.Reader
}

func (a *asker) mayDelete(it *item) (bool, error) {
	if !a.has("safely") {
		return true, nil
	}
	limit, err := a.Conf.Int("hadoop.shell.safely.delete.limit.num.files", 100)
	if err != nil || limit <= 0 {
		return err == nil, err
	}
	s, err := it.fs.ContentSummary(it.path)
	if err != nil || s.Files <= limit {
		return err == nil, err
	}
	yes, err := a.confirm(fmt.Sprintf("Proceed deleting %d files?", s.Files))
	if err == nil && !yes {
		fmt.Fprint(a.Err, "Delete aborted at user request.\n\n")
	}
	return yes, err
}

// confirm asks until the answer is yes or no; the end of input is no.
func (a *asker) confirm(question string) (bool, error) {
	for {
		a.flush()
		fmt.Fprintf(a.Err, "%s (Y or N) ", question)
		line, err := a.in.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		switch strings.ToLower(line) {
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		fmt.Fprintf(a.Err, "Invalid input: %s\n", line)
	}
}
