package client

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// FS is the file system below dir for everything that reads an fs.FS: its names
// are relative and slash-separated, "." is dir. It implements fs.StatFS,
// fs.ReadDirFS, fs.ReadFileFS and fs.SubFS.
func (c *Client) FS(dir string) fs.FS { return fsys{c, dir} }

type fsys struct {
	c   *Client
	dir string
}

var (
	_ fs.StatFS     = fsys{}
	_ fs.ReadDirFS  = fsys{}
	_ fs.ReadFileFS = fsys{}
	_ fs.SubFS      = fsys{}
)

// full gives the name in the Client; package fs demands clean relative names.
func (f fsys) full(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return path.Join(f.dir, name), nil
}

// named puts the caller's name into an error.
func named(op, name string, err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return &fs.PathError{Op: op, Path: name, Err: pe.Err}
	}
	return err
}

func (f fsys) Open(name string) (fs.File, error) {
	p, err := f.full("open", name)
	if err != nil {
		return nil, err
	}
	info, err := f.c.Stat(p)
	if err != nil {
		return nil, named("open", name, err)
	}
	view := as(info, name)
	if info.Dir {
		return &openDir{f: f, name: name, info: view}, nil
	}
	r, err := f.c.Open(p)
	if err != nil {
		return nil, named("open", name, err)
	}
	return &openFile{Reader: r, info: view}, nil
}

// as is info under the base of another name: the root of an FS is called ".".
func as(info *FileInfo, name string) fs.FileInfo { return renamed{info, path.Base(name)} }

type renamed struct {
	*FileInfo
	base string
}

func (r renamed) Name() string               { return r.base }
func (r renamed) Info() (fs.FileInfo, error) { return r, nil }

func (f fsys) Stat(name string) (fs.FileInfo, error) {
	p, err := f.full("stat", name)
	if err != nil {
		return nil, err
	}
	info, err := f.c.Stat(p)
	if err != nil {
		return nil, named("stat", name, err)
	}
	return as(info, name), nil
}

func (f fsys) ReadDir(name string) ([]fs.DirEntry, error) {
	p, err := f.full("readdir", name)
	if err != nil {
		return nil, err
	}
	var out []fs.DirEntry
	for e, err := range f.c.Entries(p) {
		if err != nil {
			return out, named("readdir", name, err)
		}
		if e.Path == path.Clean(p) || e.Path == p {
			return nil, &fs.PathError{Op: "readdir", Path: name, Err: ErrNotDir}
		}
		out = append(out, e)
	}
	// A NameNode may order names by signed bytes, package fs by unsigned ones.
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

func (f fsys) ReadFile(name string) ([]byte, error) {
	p, err := f.full("readfile", name)
	if err != nil {
		return nil, err
	}
	r, err := f.c.Open(p)
	if err != nil {
		return nil, named("readfile", name, err)
	}
	defer r.Close()
	b := make([]byte, r.Size())
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, named("readfile", name, err)
	}
	return b, nil
}

func (f fsys) Sub(dir string) (fs.FS, error) {
	p, err := f.full("sub", dir)
	if err != nil {
		return nil, err
	}
	return fsys{f.c, p}, nil
}

// openFile is a Reader whose Stat costs no call.
type openFile struct {
	*Reader
	info fs.FileInfo
}

func (o *openFile) Stat() (fs.FileInfo, error) { return o.info, nil }

// openDir is a directory that was opened; it is listed with the first ReadDir.
type openDir struct {
	f       fsys
	name    string
	info    fs.FileInfo
	entries []fs.DirEntry
	listed  bool
	closed  bool
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: ErrIsDir}
}

func (d *openDir) Close() error {
	if d.closed {
		return &fs.PathError{Op: "close", Path: d.name, Err: fs.ErrClosed}
	}
	d.closed = true
	return nil
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if d.closed {
		return nil, &fs.PathError{Op: "readdir", Path: d.name, Err: fs.ErrClosed}
	}
	if !d.listed {
		var err error
		if d.entries, err = d.f.ReadDir(d.name); err != nil {
			return nil, err
		}
		d.listed = true
	}
	if n <= 0 || n > len(d.entries) {
		if n > 0 && len(d.entries) == 0 {
			return nil, io.EOF
		}
		n = len(d.entries)
	}
	out := d.entries[:n]
	d.entries = d.entries[n:]
	return out, nil
}

var _ interface {
	fs.FileInfo
	fs.DirEntry
} = (*FileInfo)(nil)
