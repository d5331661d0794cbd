package client

import (
	"errors"
	"io/fs"
	"iter"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"google.golang.org/protobuf/proto"
)

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// Entries walks through a directory in the byte order of names, a page of the
// server's size at a time, and yields one error at most, as its last step. A
// file yields itself.
func (c *Client) Entries(name string) iter.Seq2[*FileInfo, error] {
	return func(yield func(*FileInfo, error) bool) {
		p, err := c.Resolve(name)
		if err != nil {
			yield(nil, pathError("readdir", name, err))
			return
		}
		for after := []byte{}; ; {
			req := &hdfspb.GetListingRequestProto{Src: &p, StartAfter: after, NeedLocation: proto.Bool(false)}
			resp := &hdfspb.GetListingResponseProto{}
			if err := c.nn("getListing", req, resp); err != nil {
				yield(nil, pathError("readdir", name, err))
				return
			}
			if resp.DirList == nil {
				yield(nil, pathError("readdir", name, fs.ErrNotExist))
				return
			}
			page := resp.DirList.GetPartialListing()
			for _, st := range page {
				if !yield(fileInfo(p, st), nil) {
					return
				}
			}
			if resp.DirList.GetRemainingEntries() == 0 || len(page) == 0 {
				return
			}
			after = page[len(page)-1].GetPath()
		}
	}
}

// ReadDir is Entries as a slice.
func (c *Client) ReadDir(name string) ([]*FileInfo, error) {
	var all []*FileInfo
	for f, err := range c.Entries(name) {
		if err != nil {
			return all, err
		}
		all = append(all, f)
	}
	return all, nil
}

// Walk calls f for root and all below it, parents before children, names in
// byte order. f decides as in fs.WalkDirFunc: fs.SkipDir and fs.SkipAll are
// understood, and a directory that cannot be listed is offered with its error.
func (c *Client) Walk(root string, f func(info *FileInfo, err error) error) error {
	info, err := c.Stat(root)
	if err != nil {
		err = f(nil, err)
	} else {
		err = c.walk(info, f)
	}
	if errors.Is(err, fs.SkipDir) || errors.Is(err, fs.SkipAll) {
		return nil
	}
	return err
}

func (c *Client) walk(dir *FileInfo, f func(*FileInfo, error) error) error {
	if err := f(dir, nil); err != nil || !dir.Dir {
		if errors.Is(err, fs.SkipDir) && dir.Dir {
			return nil
		}
		return err
	}
	for e, err := range c.Entries(dir.Path) {
		if err != nil {
			if err = f(dir, err); errors.Is(err, fs.SkipDir) {
				return nil
			}
			return err
		}
		if err := c.walk(e, f); err != nil {
			if errors.Is(err, fs.SkipDir) {
				return nil // a file asked to leave its directory
			}
			return err
		}
	}
	return nil
}
