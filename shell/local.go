package shell

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/hopsql/hopsql/client"
)

// Local is the disk of this machine as a FileSystem, scheme file. dir is where
// relative paths start. Files of checksums (.name.crc) that Hadoop puts beside
// local files are not listed, and go with their files.
func Local(dir string) FileSystem { return &local{dir: dir} }

type local struct{ dir string }

// Block size that Hadoop shows for local files, bytes.
const localBlock = 32 << 20

func (l *local) URI() string  { return "file://" }
func (l *local) Home() string { return filepath.ToSlash(l.dir) }

func (l *local) User() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}

func (l *local) Stat(name string) (*client.FileInfo, error) {
	st, err := os.Stat(name)
	if err != nil {
		if errors.Is(err, syscall.ENOTDIR) {
			err = &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
		}
		return nil, err
	}
	return localInfo(name, st), nil
}

func localInfo(name string, st fs.FileInfo) *client.FileInfo {
	f := &client.FileInfo{
		Path: name, Dir: st.IsDir(), Length: st.Size(), Perm: uint32(st.Mode().Perm()),
		Modified: st.ModTime(), Accessed: st.ModTime(), Replication: 1, BlockSize: localBlock, Children: -1,
	}
	if st.Mode()&fs.ModeSticky != 0 {
		f.Perm |= 0o1000
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		f.Owner, f.Group = userName(sys.Uid), groupName(sys.Gid)
		f.Accessed = time.Unix(sys.Atim.Unix())
	}
	return f
}

func userName(id uint32) string {
	s := strconv.FormatUint(uint64(id), 10)
	if u, err := user.LookupId(s); err == nil {
		return u.Username
	}
	return s
}

func groupName(id uint32) string {
	s := strconv.FormatUint(uint64(id), 10)
	if g, err := user.LookupGroupId(s); err == nil {
		return g.Name
	}
	return s
}

func (l *local) List(name string) iter.Seq2[*client.FileInfo, error] {
	return func(yield func(*client.FileInfo, error) bool) {
		st, err := l.Stat(name)
		if err == nil && !st.Dir {
			yield(st, nil)
			return
		}
		var entries []fs.DirEntry
		if err == nil {
			entries, err = os.ReadDir(name)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		for _, e := range entries {
			if isCrc(e.Name()) {
				continue
			}
			info, err := l.Stat(path.Join(name, e.Name()))
			if errors.Is(err, fs.ErrNotExist) { // gone meanwhile, or a link to nothing
				continue
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

func (l *local) MkdirAll(name string, perm fs.FileMode) error { return os.MkdirAll(name, perm) }

func (l *local) Delete(name string, recursive bool) (bool, error) {
	if _, err := os.Lstat(name); err != nil {
		return false, nil
	}
	if recursive {
		return true, os.RemoveAll(name)
	}
	return true, errors.Join(os.Remove(name), removeCrc(name))
}

// removeCrc takes the checksums that belong to a file away with it.
func removeCrc(name string) error {
	if err := os.Remove(crcName(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (l *local) Move(from, to string) (bool, error) {
	err := os.Rename(from, to)
	if err == nil {
		err = os.Rename(crcName(from), crcName(to))
		if errors.Is(err, fs.ErrNotExist) {
			err = removeCrc(to)
		}
	}
	return err == nil, err
}

func (l *local) Rename(from, to string, mode client.RenameMode) error {
	if mode != client.Replace {
		if _, err := os.Lstat(to); err == nil {
			return &os.LinkError{Op: "rename", Old: from, New: to, Err: fs.ErrExist}
		}
	}
	return os.Rename(from, to)
}

func (l *local) Chmod(name string, mode fs.FileMode) error { return os.Chmod(name, mode) }

func (l *local) Chown(name, owner, group string) error {
	uid, gid := -1, -1
	if owner != "" {
		u, err := user.Lookup(owner)
		if err != nil {
			return err
		}
		if uid, err = strconv.Atoi(u.Uid); err != nil {
			return err
		}
	}
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			return err
		}
		if gid, err = strconv.Atoi(g.Gid); err != nil {
			return err
		}
	}
	return os.Chown(name, uid, gid)
}

func (l *local) Chtimes(name string, atime, mtime time.Time) error {
	return os.Chtimes(name, atime, mtime)
}

func (l *local) SetReplication(string, int) (bool, error) { return true, nil }

func (l *local) Access(name string, bits uint32) error { return syscall.Access(name, bits) }

func (l *local) Replicas(string) ([]int, error) { return []int{1}, nil }

func (l *local) Open(name string, _ bool) (io.ReadSeekCloser, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (l *local) Create(name string, o client.CreateOptions) (io.WriteCloser, error) {
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if !o.Overwrite {
		flags |= os.O_EXCL
	}
	if !o.NoParents {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(name, flags, 0o666)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (l *local) Append(name string, _ bool) (io.WriteCloser, error) {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (l *local) Truncate(name string, size int64) (bool, error) {
	return true, os.Truncate(name, size)
}

func (l *local) Concat(string, ...string) error {
	return fmt.Errorf("concat on the local file system: %w", errors.ErrUnsupported)
}

func (l *local) Checksum(string) (*client.FileChecksum, error) { return nil, nil }

func (l *local) ContentSummary(name string) (*client.Summary, error) {
	s := &client.Summary{NameQuota: client.NoQuota, SpaceQuota: client.NoQuota}
	err := filepath.WalkDir(name, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			s.Dirs++
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		s.Files++
		s.Length += info.Size()
		return nil
	})
	s.Space = s.Length
	return s, err
}

func (l *local) QuotaUsage(name string) (*client.Usage, error) {
	s, err := l.ContentSummary(name)
	if err != nil {
		return nil, err
	}
	return &client.Usage{Names: s.Files + s.Dirs, Space: s.Space, NameQuota: client.NoQuota, SpaceQuota: client.NoQuota}, nil
}

func (l *local) StatFS(name string) (*client.FSStat, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(name, &st); err != nil {
		return nil, &fs.PathError{Op: "statfs", Path: name, Err: err}
	}
	unit := st.Bsize
	return &client.FSStat{Capacity: int64(st.Blocks) * unit, Remaining: int64(st.Bavail) * unit, Used: int64(st.Blocks-st.Bfree) * unit}, nil
}

func (l *local) TrashInterval() (time.Duration, error) { return 0, nil }
