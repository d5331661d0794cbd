// Package fsck says how healthy files are, in the words of HDFS's NameNode: what is
// missing, corrupt, short of replicas or in the wrong place below a path. It reads the tree
// a page at a time, so what changes meanwhile may or may not be seen, and no transaction
// lasts longer than a page. It knows no HTTP.
package fsck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/integrity"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
)

// A Request is what somebody wants to know.
type Request struct {
	Caller *namespace.Caller
	Path   string
	// What is printed: a line for each file, its blocks, and where their replicas are.
	Files, Blocks, Locations, Racks, Details, Domains bool
	Maintenance, Policies                             bool
	Open                                              bool // look at files that are being written too
	// What is done with files that lost data.
	Move, Delete bool
	Replicate    bool
	Metadata     bool // check the rows of all tables, not the replicas
	Progress     bool // was asked for, in vain: it is always shown
	// Other things to know than the state of a tree.
	CorruptFiles bool
	Skip         string // how many of them were told before
	BlockIDs     string // separated by spaces
}

// Output is where the answer goes. Flush sends what was written.
type Output interface {
	io.Writer
	Flush() error
}

// A Salvage copies what can be read of a file for a user, each run of whole blocks as one
// file below a directory, and reports whether all went well.
type Salvage func(ctx context.Context, user, file, dir string, runs [][2]int64) error

// A Checker answers requests. Safe for many goroutines.
type Checker struct {
	Namespace   *namespace.Namespace
	Replicas    *blocks.Registry
	Rows        *integrity.Checker
	BlockPoolID string
	Replication int64   // dfs.replication
	Salvage     Salvage // nil if nothing can be copied
	// Serve returns what begins a change under a context; nil lets every one go on.
	Serve  func(context.Context) (begin func() (context.Context, error))
	Now    func() time.Time
	Logger *slog.Logger
}

// maxDepth is how deep a tree is followed; deeper there is none.
const maxDepth = namespace.MaxPathDepth

// statuses that the last line ends with; clients make their exit codes of them.
const (
	isHealthy = "is HEALTHY"
	isCorrupt = "is CORRUPT"
	notThere  = "does not exist"
)

// dateForm is that of Java's dates.
const dateForm = "Mon Jan 02 15:04:05 MST 2006"

// run is one request at work.
type run struct {
	*Checker
	*Request
	ctx  context.Context
	out  Output
	err  error // of out
	dirs int64
	sum  totals
	pols policies

	troubled bool // something could not be moved or deleted
}

// Run writes the answer. What went wrong is a part of the answer, and the error as well.
func (c *Checker) Run(ctx context.Context, out Output, q *Request) error {
	r := &run{Checker: c, Request: q, ctx: ctx, out: out, sum: totals{replication: c.Replication, minimum: c.Replicas.MinReplication()}}
	began := c.Now()
	err := r.answer(began)
	if err != nil && r.err == nil && ctx.Err() == nil {
		r.print("FSCK ended at %s in %d milliseconds\n%s\n\n\nFsck on path '%s' FAILED", c.date(), c.Now().Sub(began).Milliseconds(), messageOf(err), q.Path)
	}
	r.flush()
	return errors.Join(err, r.err, ctx.Err())
}

// messageOf is an error in the words that a client would get.
func messageOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return err.Error()
}

func (c *Checker) date() string { return c.Now().Format(dateForm) }

func (r *run) print(format string, args ...any) {
	if r.err == nil {
		_, r.err = fmt.Fprintf(r.out, format, args...)
	}
}

func (r *run) flush() {
	if r.err == nil {
		r.err = r.out.Flush()
	}
}

func (r *run) answer(began time.Time) error {
	if r.Progress {
		r.print("The fsck switch -showprogress is deprecated and no longer has any effect. Progress is now shown by default.\n")
	}
	who := fmt.Sprintf("FSCK started by %s (auth:SIMPLE) from /%s", r.Caller.User, r.Caller.Host)
	if r.Metadata {
		return r.metadata(who, began)
	}
	if r.BlockIDs != "" {
		if err := r.Namespace.RequireSuper(r.Caller, "fsck"); err != nil {
			return err
		}
		r.print("%s at %s\n", who, r.date())
		return r.blockIDs()
	}
	r.print("%s for path %s at %s\n", who, r.Path, r.date())
	if r.Replicate {
		return fault.New(fault.Unsupported, "-replicate is not supported: blocks that are on too few racks are found and copied without it")
	}
	top, err := r.Namespace.Inspect(r.ctx, r.Caller, r.Path)
	if err != nil {
		return err
	}
	if top == nil {
		r.print("\n\nPath '%s' %s", r.Path, notThere)
		return nil
	}
	if r.CorruptFiles {
		return r.corruptFiles()
	}
	if err := r.check(r.Path, top, 0); err != nil {
		return err
	}
	return r.summary(began)
}

func (r *run) summary(began time.Time) error {
	word, last := "HEALTHY", isHealthy
	if !r.sum.healthy() {
		word, last = "CORRUPT", isCorrupt
	}
	live := r.Replicas.Cluster().Live
	r.print("\nStatus: %s\n Number of data-nodes:\t%d\n Number of racks:\t\t%d\n Total dirs:\t\t\t%d\n Total symlinks:\t\t0\n", word, live, r.Replicas.Racks(), r.dirs)
	r.print("\nReplicated Blocks:\n%s\n\nErasure Coded Block Groups:\n%s\n", &r.sum, noGroups)
	if r.Policies {
		r.print("%s", r.pols.String())
	}
	if r.troubled {
		return fault.New(fault.IO, "fsck encountered internal errors!")
	}
	r.print("FSCK ended at %s in %d milliseconds\n\n\nThe filesystem under path '%s' %s", r.date(), r.Now().Sub(began).Milliseconds(), r.Path, last)
	return nil
}

// check looks at a file, or at a directory and what is in it.
func (r *run) check(path string, in *namespace.Inspected, depth int) error {
	if (r.dirs+r.sum.files)%1000 == 0 {
		r.print("\n")
		r.flush()
	}
	if in.Inode.Kind == schema.KindFile {
		return r.file(path, in)
	}
	r.dirs++
	if r.Files {
		r.print("%s <dir>\n", path)
	}
	if depth > maxDepth {
		return fault.New(fault.IO, "%s: the tree is deeper than a tree can be", path)
	}
	base := strings.TrimSuffix(path, "/") + "/"
	for after, more := "", true; more; {
		page, next, denied, err := r.Namespace.InspectChildren(r.ctx, r.Caller, path, after)
		if err != nil {
			return err
		}
		for i := range page {
			if err := r.check(base+page[i].Inode.Name, &page[i], depth+1); err != nil {
				return err
			}
			page[i].File = nil // a deep tree holds a page of each level
		}
		if denied != nil {
			return denied
		}
		if more = next; more {
			after = page[len(page)-1].Inode.Name
		}
		r.flush()
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// corruptFiles lists the blocks without a good replica, all of them in one answer. A
// client that asks for those behind the ones that it has gets none.
func (r *run) corruptFiles() error {
	n := 0
	filler := "no"
	if r.Skip != "" && r.Skip != "0" {
		filler = "no more"
		r.print("Cookie:\t%s\n", r.Skip)
	} else {
		for cookie := ""; ; {
			page, next, err := r.Namespace.ListCorruptFiles(r.ctx, r.Caller, r.Path, cookie)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			for _, f := range page {
				r.print("blk_%d\t%d\t%s\n", f.BlockID, f.Replication, f.Path)
			}
			n += len(page)
			cookie = next
			r.flush()
		}
		if n > 0 {
			filler = fmt.Sprint(n)
		}
		r.print("Cookie:\t%d\n", n)
	}
	r.print("\n\nThe filesystem under path '%s' has %s CORRUPT files\n\n", r.Path, filler)
	return nil
}
