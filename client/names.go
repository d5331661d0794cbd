package client

import (
	"fmt"
	"io/fs"
	"math"
	"time"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"google.golang.org/protobuf/proto"
)

// RenameMode says what Rename does with a file that has the new name already.
type RenameMode int

const (
	// NoReplace fails with fs.ErrExist.
	NoReplace RenameMode = iota
	// Replace puts the old file or empty directory aside in the same step.
	Replace
	// ToTrash is NoReplace, marked in the server's audit log as a move to trash.
	ToTrash
)

// Stat describes name, following symbolic links where the server has them.
func (c *Client) Stat(name string) (*FileInfo, error) {
	p, err := c.Resolve(name)
	if err != nil {
		return nil, pathError("stat", name, err)
	}
	resp := &hdfspb.GetFileInfoResponseProto{}
	if err := c.nn("getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: &p}, resp); err != nil {
		return nil, pathError("stat", name, err)
	}
	if resp.Fs == nil {
		return nil, pathError("stat", name, fs.ErrNotExist)
	}
	return fileInfo(p, resp.Fs), nil
}

// Lstat describes name itself, if it is a symbolic link.
func (c *Client) Lstat(name string) (*FileInfo, error) {
	p, err := c.Resolve(name)
	if err != nil {
		return nil, pathError("lstat", name, err)
	}
	resp := &hdfspb.GetFileLinkInfoResponseProto{}
	if err := c.nn("getFileLinkInfo", &hdfspb.GetFileLinkInfoRequestProto{Src: &p}, resp); err != nil {
		return nil, pathError("lstat", name, err)
	}
	if resp.Fs == nil {
		return nil, pathError("lstat", name, fs.ErrNotExist)
	}
	return fileInfo(p, resp.Fs), nil
}

// Mkdir makes one directory, perm before umask; its parent must be there and
// the name must not.
func (c *Client) Mkdir(name string, perm fs.FileMode) error {
	switch _, err := c.Stat(name); {
	case err == nil:
		return pathError("mkdir", name, fs.ErrExist)
	case !isNotExist(err):
		return err
	}
	return c.mkdirs(name, perm, false)
}

// MkdirAll makes name and the parents it lacks; a directory that is there is fine.
func (c *Client) MkdirAll(name string, perm fs.FileMode) error { return c.mkdirs(name, perm, true) }

func (c *Client) mkdirs(name string, perm fs.FileMode, parents bool) error {
	p, err := c.Resolve(name)
	if err != nil {
		return pathError("mkdir", name, err)
	}
	bits := permBits(perm)
	req := &hdfspb.MkdirsRequestProto{
		Src:          &p,
		Masked:       &hdfspb.FsPermissionProto{Perm: proto.Uint32(bits &^ c.s.umask)},
		Unmasked:     &hdfspb.FsPermissionProto{Perm: proto.Uint32(bits)},
		CreateParent: &parents,
	}
	resp := &hdfspb.MkdirsResponseProto{}
	if err := c.nn("mkdirs", req, resp); err != nil {
		return pathError("mkdir", name, err)
	}
	if !resp.GetResult() {
		return pathError("mkdir", name, fmt.Errorf("the server made no directory: %w", fs.ErrInvalid))
	}
	return nil
}

// Remove deletes a file or an empty directory.
func (c *Client) Remove(name string) error {
	removed, err := c.Delete(name, false)
	if err == nil && !removed {
		err = pathError("remove", name, fs.ErrNotExist)
	}
	return err
}

// RemoveAll deletes name with all that is in it; a missing name is no error.
func (c *Client) RemoveAll(name string) error {
	_, err := c.Delete(name, true)
	return err
}

// Delete is Remove or RemoveAll in the server's words: false when there was
// nothing to delete, or when it is the root.
func (c *Client) Delete(name string, recursive bool) (bool, error) {
	resp := &hdfspb.DeleteResponseProto{}
	err := c.onPath("remove", name, func(p string) error {
		return c.nn("delete", &hdfspb.DeleteRequestProto{Src: &p, Recursive: &recursive}, resp)
	})
	return resp.GetResult(), err
}

// Rename gives oldname the name newname, in one step.
func (c *Client) Rename(oldname, newname string, mode RenameMode) error {
	src, dst, err := c.resolveBoth(oldname, newname)
	if err != nil {
		return linkError("rename", oldname, newname, err)
	}
	req := &hdfspb.Rename2RequestProto{Src: &src, Dst: &dst, OverwriteDest: proto.Bool(mode == Replace)}
	if mode == ToTrash {
		req.MoveToTrash = proto.Bool(true)
	}
	return linkError("rename", oldname, newname, c.nn("rename2", req, &hdfspb.Rename2ResponseProto{}))
}

// Move is the older rename: into newname if that is a directory, and false
// without a reason where Rename has an error.
func (c *Client) Move(oldname, newname string) (bool, error) {
	src, dst, err := c.resolveBoth(oldname, newname)
	if err != nil {
		return false, linkError("rename", oldname, newname, err)
	}
	resp := &hdfspb.RenameResponseProto{}
	err = c.nn("rename", &hdfspb.RenameRequestProto{Src: &src, Dst: &dst}, resp)
	return resp.GetResult(), linkError("rename", oldname, newname, err)
}

func (c *Client) resolveBoth(a, b string) (string, string, error) {
	ra, err := c.Resolve(a)
	if err != nil {
		return "", "", err
	}
	rb, err := c.Resolve(b)
	return ra, rb, err
}

// Chmod sets the nine permission bits and the sticky bit.
func (c *Client) Chmod(name string, mode fs.FileMode) error {
	return c.onPath("chmod", name, func(p string) error {
		req := &hdfspb.SetPermissionRequestProto{Src: &p, Permission: &hdfspb.FsPermissionProto{Perm: proto.Uint32(permBits(mode))}}
		return c.nn("setPermission", req, &hdfspb.SetPermissionResponseProto{})
	})
}

// Chown sets owner and group; an empty one stays as it is.
func (c *Client) Chown(name, owner, group string) error {
	return c.onPath("chown", name, func(p string) error {
		req := &hdfspb.SetOwnerRequestProto{Src: &p}
		if owner != "" {
			req.Username = &owner
		}
		if group != "" {
			req.Groupname = &group
		}
		return c.nn("setOwner", req, &hdfspb.SetOwnerResponseProto{})
	})
}

// Chtimes sets access and modification time; a zero time stays as it is.
func (c *Client) Chtimes(name string, atime, mtime time.Time) error {
	return c.onPath("chtimes", name, func(p string) error {
		req := &hdfspb.SetTimesRequestProto{Src: &p, Atime: proto.Uint64(millis(atime)), Mtime: proto.Uint64(millis(mtime))}
		return c.nn("setTimes", req, &hdfspb.SetTimesResponseProto{})
	})
}

// millis is -1 on the wire for "leave alone".
func millis(t time.Time) uint64 {
	if t.IsZero() {
		return math.MaxUint64
	}
	return uint64(t.UnixMilli())
}

// SetReplication asks for n replicas of each block of a file. It answers false
// for a directory, which has none.
func (c *Client) SetReplication(name string, n int) (bool, error) {
	resp := &hdfspb.SetReplicationResponseProto{}
	err := c.onPath("setreplication", name, func(p string) error {
		return c.nn("setReplication", &hdfspb.SetReplicationRequestProto{Src: &p, Replication: proto.Uint32(uint32(n))}, resp)
	})
	return resp.GetResult(), err
}

// Truncate cuts a file to size bytes. It answers false when the last block has
// to be cut on DataNodes first; IsClosed tells when that is done.
func (c *Client) Truncate(name string, size int64) (bool, error) {
	resp := &hdfspb.TruncateResponseProto{}
	err := c.onPath("truncate", name, func(p string) error {
		return c.nn("truncate", &hdfspb.TruncateRequestProto{Src: &p, NewLength: proto.Uint64(uint64(size)), ClientName: &c.s.holder}, resp)
	})
	return resp.GetResult(), err
}

// Concat moves the blocks of sources to the end of target, in one step; the
// sources are gone after it.
func (c *Client) Concat(target string, sources ...string) error {
	return c.onPath("concat", target, func(p string) error {
		req := &hdfspb.ConcatRequestProto{Trg: &p}
		for _, s := range sources {
			r, err := c.Resolve(s)
			if err != nil {
				return err
			}
			req.Srcs = append(req.Srcs, r)
		}
		return c.nn("concat", req, &hdfspb.ConcatResponseProto{})
	})
}

// IsClosed says whether no writer holds the file and its last block is whole.
func (c *Client) IsClosed(name string) (bool, error) {
	resp := &hdfspb.IsFileClosedResponseProto{}
	err := c.onPath("isclosed", name, func(p string) error {
		return c.nn("isFileClosed", &hdfspb.IsFileClosedRequestProto{Src: &p}, resp)
	})
	return resp.GetResult(), err
}

// Access asks whether the user may read (4), write (2), execute (1) or any sum of them.
func (c *Client) Access(name string, bits uint32) error {
	return c.onPath("access", name, func(p string) error {
		mode := hdfspb.AclEntryProto_FsActionProto(bits & 7)
		return c.nn("checkAccess", &hdfspb.CheckAccessRequestProto{Path: &p, Mode: &mode}, &hdfspb.CheckAccessResponseProto{})
	})
}

// RecoverLease makes the NameNode take a file from a writer that has gone; true
// when the file is closed.
func (c *Client) RecoverLease(name string) (bool, error) {
	resp := &hdfspb.RecoverLeaseResponseProto{}
	err := c.onPath("recoverlease", name, func(p string) error {
		return c.nn("recoverLease", &hdfspb.RecoverLeaseRequestProto{Src: &p, ClientName: &c.s.holder}, resp)
	})
	return resp.GetResult(), err
}

func (c *Client) onPath(op, name string, f func(p string) error) error {
	p, err := c.Resolve(name)
	if err == nil {
		err = f(p)
	}
	return pathError(op, name, err)
}
