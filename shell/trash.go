package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/hopsql/hopsql/client"
)

const (
	trashMode       = 0o700
	checkpointStamp = "060102150405" // yyMMddHHmmss
)

// trash is the place where one file system keeps what a user deleted.
type trash struct {
	fs   FileSystem
	root string
	keep time.Duration // 0 = off
}

// trashOf asks the server how long it keeps deleted files; it overrules the
// client's fs.trash.interval.
func (r *run) trashOf(f FileSystem) (*trash, error) {
	keep, err := f.TrashInterval()
	if err != nil {
		return nil, plain("Failed to get server trash configuration: " + Message(err) + ". Consider using -skipTrash option")
	}
	if keep == 0 {
		if keep, err = r.Conf.Duration("fs.trash.interval", 0, time.Minute); err != nil {
			return nil, err
		}
	}
	return &trash{fs: f, root: path.Join(f.Home(), ".Trash"), keep: keep}, nil
}

// toTrash moves it to the trash; false when it has to be deleted instead.
func (r *run) toTrash(it *item) (bool, error) {
	t, err := r.trashOf(it.fs)
	if err != nil || t.keep <= 0 {
		return false, err
	}
	if strings.HasPrefix(it.path+"/", t.root+"/") {
		return false, nil // in the trash already
	}
	if it.path == "/" || strings.HasPrefix(path.Dir(t.root)+"/", it.path+"/") {
		return false, plain(fmt.Sprintf("Cannot move %q to the trash, as it contains the trash. Consider using -skipTrash option", it.full()))
	}
	to, err := t.move(it, r.Now)
	if err != nil {
		return false, plain(fmt.Sprintf("Failed to move to trash: %s: %s. Consider using -skipTrash option", it.full(), Message(err)))
	}
	r.Log.Info("moved to trash", "from", it.full(), "to", t.fs.URI()+to)
	return true, nil
}

// move renames it below Current. What is in the way there keeps its name: the
// newcomer, or a new directory beside a file, gets the time in ms appended.
func (t *trash) move(it *item, now func() time.Time) (string, error) {
	stamp := func() string { return strconv.FormatInt(now().UnixMilli(), 10) }
	dir := path.Join(t.root, "Current", path.Dir(it.path))
	var err error
	for range 3 { // a checkpoint may be made between mkdir and rename
		if err = t.fs.MkdirAll(dir, trashMode); err != nil {
			file, found := t.fileAbove(dir)
			if !found {
				return "", err
			}
			dir = file + stamp() + strings.TrimPrefix(dir, file)
			continue
		}
		to := path.Join(dir, it.base())
		for t.has(to) {
			to = path.Join(dir, it.base()) + stamp()
		}
		if err = t.fs.Rename(it.path, to, client.ToTrash); err == nil {
			return to, nil
		}
	}
	return "", err
}

func (t *trash) has(p string) bool {
	_, err := t.fs.Stat(p)
	return err == nil
}

// fileAbove finds the file that stands where a directory of dir should be.
func (t *trash) fileAbove(dir string) (string, bool) {
	for p := dir; p != "/"; p = path.Dir(p) {
		if info, err := t.fs.Stat(p); err == nil {
			return p, !info.Dir
		}
	}
	return "", false
}

func doExpunge(r *run, _ []string) error {
	uri, given := r.value("fs")
	if given && uri == "" {
		return badUsage("No filesystem specified after -fs option.")
	}
	if !given {
		uri = "/"
	}
	n, err := parseName(uri)
	if err != nil {
		return err
	}
	f, err := r.open(n)
	if err != nil {
		return err
	}
	t, err := r.trashOf(f)
	if err != nil {
		return err
	}
	if r.has("immediate") {
		if err := t.checkpoint(r.Now()); err != nil {
			return err
		}
		return t.purge(r, func(time.Time) bool { return true })
	}
	old := r.Now().Add(-t.keep)
	if err := t.purge(r, func(made time.Time) bool { return made.Before(old) }); err != nil {
		return err
	}
	return t.checkpoint(r.Now())
}

// purge deletes the checkpoints that are due.
func (t *trash) purge(r *run, due func(made time.Time) bool) error {
	var names []string
	for info, err := range t.fs.List(t.root) {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		names = append(names, info.Name())
	}
	for _, name := range names {
		base, _, _ := strings.Cut(name, "-")
		made, err := time.ParseInLocation(checkpointStamp, base, time.Local)
		if name == "Current" || err != nil || !due(made) {
			continue
		}
		p := path.Join(t.root, name)
		if _, err := t.fs.Delete(p, true); err != nil {
			return err
		}
		r.Log.Info("deleted trash checkpoint", "path", p)
	}
	return nil
}

// checkpoint gives Current the name of this second.
func (t *trash) checkpoint(now time.Time) error {
	current := path.Join(t.root, "Current")
	if !t.has(current) {
		return nil
	}
	base := path.Join(t.root, now.Format(checkpointStamp))
	to := base
	for try := 1; ; try++ {
		err := t.fs.Rename(current, to, client.NoReplace)
		if !errors.Is(err, fs.ErrExist) || try > 1000 {
			return err
		}
		to = base + "-" + strconv.Itoa(try)
	}
}
