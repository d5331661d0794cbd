package namenode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"time"

	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/namespace"
)

// trashInterval is how often the leader looks whether it is time to empty the trash.
const trashInterval = time.Second

// trashSettings say for how long deleted files are kept.
type trashSettings struct {
	keep  time.Duration // fs.trash.interval: the least a checkpoint is kept; 0 is for ever
	every time.Duration // fs.trash.checkpoint.interval: between checkpoints
}

// Names in a trash. Users' tools know them.
const (
	homes       = "/user"
	trashFolder = ".Trash"
	current     = "Current"
)

// The names of checkpoints are the local times of when they were made.
const (
	checkpointName    = "060102150405"
	oldCheckpointName = "0601021504"
)

// An emptier does what Hadoop's does for the trash of every user: at each multiple of
// the checkpoint interval what was deleted becomes a checkpoint, and checkpoints go
// when they are old enough. It needs no memory of what was done: another leader goes
// on where this one stopped.
type emptier struct {
	fs   *namespace.Namespace
	user string // the superuser
	set  trashSettings
	now  func() time.Time
	log  *slog.Logger
	done time.Time // the newest time for which this NameNode did it
}

// round empties the trash of all users if that is due.
func (e *emptier) round(ctx context.Context) error {
	now := e.now()
	due := e.due(now)
	if !due.After(e.done) {
		return nil
	}
	awaited := e.done.Equal(due.Add(-e.set.every)) // this NameNode led all the time
	for after := ""; ; {
		page, err := e.fs.GetListing(ctx, e.caller(), homes, after, false)
		if err != nil {
			return fmt.Errorf("list %s: %w", homes, err)
		}
		if page == nil || len(page.Entries) == 0 {
			break
		}
		for i := range page.Entries {
			home := &page.Entries[i]
			after = home.Path
			if !home.IsDir() {
				continue
			}
			if err := e.empty(ctx, path.Join(homes, home.Path, trashFolder), now, due, awaited); err != nil {
				return err
			}
		}
		if page.Remaining == 0 {
			break
		}
	}
	e.done = due
	return nil
}

// due is the newest time at or before now that is a multiple of the interval.
func (e *emptier) due(now time.Time) time.Time {
	ms, every := now.UnixMilli(), e.set.every.Milliseconds()
	return time.UnixMilli(ms - ms%every)
}

func (e *emptier) caller() *namespace.Caller { return &namespace.Caller{User: e.user} }

// empty does it for one trash. What cannot be done there for reasons of its own is
// left to the next time, and logged; an error is of those that stop the others too.
func (e *emptier) empty(ctx context.Context, trash string, now, due time.Time, awaited bool) error {
	made := false // a checkpoint for the time that is due
	var newest *namespace.FileStatus
	for after := ""; ; {
		page, err := e.fs.GetListing(ctx, e.caller(), trash, after, false)
		if err != nil {
			return e.pass("list", trash, err)
		}
		if page == nil || len(page.Entries) == 0 || page.Entries[0].Path == "" { // none, or a file
			break
		}
		for i := range page.Entries {
			entry := &page.Entries[i]
			after = entry.Path
			if entry.Path == current {
				newest = entry
				continue
			}
			at, ok := checkpointTime(entry.Path)
			if !ok {
				e.log.Warn("unexpected in a trash; it stays", "path", path.Join(trash, entry.Path))
				continue
			}
			made = made || !at.Before(due.Truncate(time.Second))
			if now.Add(-e.set.keep).After(at) {
				if _, err := e.fs.Delete(ctx, e.caller(), path.Join(trash, entry.Path), true); err != nil {
					if err := e.pass("delete", path.Join(trash, entry.Path), err); err != nil {
						return err
					}
				}
			}
		}
		if page.Remaining == 0 {
			break
		}
	}
	// One that takes over does not hurry what was deleted since the time that was due.
	if newest == nil || made || !awaited && newest.ModTime >= due.UnixMilli() {
		return nil
	}
	return e.checkpoint(ctx, trash, now)
}

// checkpoint gives what was deleted lately the name of the time.
func (e *emptier) checkpoint(ctx context.Context, trash string, now time.Time) error {
	from, to := path.Join(trash, current), path.Join(trash, now.Format(checkpointName))
	for n := 0; ; n++ {
		name := to
		if n > 0 {
			name = fmt.Sprintf("%s-%d", to, n)
		}
		err := e.fs.Rename2(ctx, e.caller(), from, name, namespace.RenameOptions{})
		if !errors.Is(err, fault.Exists) || n == 1000 {
			return e.pass("make a checkpoint of", from, err)
		}
	}
}

// pass logs an error of the rules and passes on any other.
func (e *emptier) pass(what, name string, err error) error {
	var f *fault.Error
	switch {
	case err == nil || errors.Is(err, fault.NotFound): // its user was faster
		return nil
	case errors.As(err, &f) && f.Kind != fault.SafeMode && f.Kind != fault.Retry && f.Kind != fault.Standby:
		e.log.Warn("a trash could not be emptied", "what", what, "path", name, "err", err)
		return nil
	}
	return fmt.Errorf("%s %s: %w", what, name, err)
}

// checkpointTime reads the name of a checkpoint. Something may follow the digits.
func checkpointTime(name string) (t time.Time, ok bool) {
	for _, layout := range []string{checkpointName, oldCheckpointName} {
		if len(name) < len(layout) {
			continue
		}
		if t, err := time.ParseInLocation(layout, name[:len(layout)], time.Local); err == nil {
			return t, true
		}
	}
	return t, false
}
