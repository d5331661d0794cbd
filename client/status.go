package client

import (
	"io/fs"
	"path"
	"time"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// FileInfo is what HDFS knows of one name. It is an fs.FileInfo and an
// fs.DirEntry, and its fields hold what those two cannot say.
type FileInfo struct {
	Path        string // absolute
	Dir         bool
	Link        string // target, when the name is a symbolic link
	Length      int64  // bytes; 0 for a directory
	Perm        uint32 // twelve bits: rwxrwxrwx and 01000 for sticky
	Owner       string
	Group       string
	Modified    time.Time
	Accessed    time.Time
	Replication int   // 0 for a directory
	BlockSize   int64 // bytes; 0 for a directory
	ID          uint64
	Children    int // entries of a directory as far as the server says, else -1
	Policy      uint32
	ACL         bool // has entries beyond owner, group and other
	Encrypted   bool
	ECPolicy    string // "" when replicated
}

// Name is the last element of the path.
func (f *FileInfo) Name() string { return path.Base(f.Path) }

// Size is the length in bytes.
func (f *FileInfo) Size() int64 { return f.Length }

// ModTime has a resolution of one millisecond.
func (f *FileInfo) ModTime() time.Time { return f.Modified }

// IsDir says whether the name is a directory.
func (f *FileInfo) IsDir() bool { return f.Dir }

// Sys returns f itself.
func (f *FileInfo) Sys() any { return f }

// Type is the type part of Mode.
func (f *FileInfo) Type() fs.FileMode { return f.Mode().Type() }

// Info returns f; it makes a listing entry an fs.DirEntry.
func (f *FileInfo) Info() (fs.FileInfo, error) { return f, nil }

// Mode translates the permission bits and the type.
func (f *FileInfo) Mode() fs.FileMode {
	m := fs.FileMode(f.Perm & 0o777)
	if f.Perm&0o1000 != 0 {
		m |= fs.ModeSticky
	}
	switch {
	case f.Dir:
		m |= fs.ModeDir
	case f.Link != "":
		m |= fs.ModeSymlink
	}
	return m
}

func (f *FileInfo) String() string { return fs.FormatFileInfo(f) }

// permBits is the reverse of Mode for the bits that HDFS keeps.
func permBits(m fs.FileMode) uint32 {
	p := uint32(m.Perm())
	if m&fs.ModeSticky != 0 {
		p |= 0o1000
	}
	return p
}

// fileInfo reads a status; name is the path asked for, or the directory listed.
func fileInfo(name string, st *hdfspb.HdfsFileStatusProto) *FileInfo {
	if local := st.GetPath(); len(local) > 0 {
		name = path.Join(name, string(local))
	}
	flags := st.GetFlags()
	f := &FileInfo{
		Path:        name,
		Dir:         st.GetFileType() == hdfspb.HdfsFileStatusProto_IS_DIR,
		Length:      int64(st.GetLength()),
		Perm:        st.GetPermission().GetPerm() & 0o1777,
		Owner:       st.GetOwner(),
		Group:       st.GetGroup(),
		Modified:    time.UnixMilli(int64(st.GetModificationTime())),
		Accessed:    time.UnixMilli(int64(st.GetAccessTime())),
		Replication: int(st.GetBlockReplication()),
		BlockSize:   int64(st.GetBlocksize()),
		ID:          st.GetFileId(),
		Children:    int(st.GetChildrenNum()),
		Policy:      st.GetStoragePolicy(),
		ACL:         flags&uint32(hdfspb.HdfsFileStatusProto_HAS_ACL) != 0,
		Encrypted:   flags&uint32(hdfspb.HdfsFileStatusProto_HAS_CRYPT) != 0,
		ECPolicy:    st.GetEcPolicy().GetName(),
	}
	if st.GetFileType() == hdfspb.HdfsFileStatusProto_IS_SYMLINK {
		f.Link = string(st.GetSymlink())
	}
	return f
}
