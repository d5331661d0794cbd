package shell

import (
	"io"
	"io/fs"
	"iter"
	"time"

	"github.com/hopsql/hopsql/client"
)

// FileSystem is what the verbs work on. Paths are absolute, slash-separated and
// clean. Errors satisfy errors.Is with the kinds of package fs and of package
// client; the text of one that a server sent is shown to the user as it is.
type FileSystem interface {
	Names
	Attributes
	Content
	Totals
	Place
}

// Place says where a FileSystem is.
type Place interface {
	URI() string  // scheme://authority, no slash at its end
	Home() string // relative paths start here
	User() string
}

// Names finds, makes and removes names.
type Names interface {
	// Stat is fs.ErrNotExist for a missing name, also below a file.
	Stat(path string) (*client.FileInfo, error)
	// List yields the entries of a directory in the order of names; a file yields itself.
	List(path string) iter.Seq2[*client.FileInfo, error]
	// MkdirAll makes a directory and the parents it lacks, perm before umask.
	MkdirAll(path string, perm fs.FileMode) error
	// Delete answers false for a name that is missing or cannot go.
	Delete(path string, recursive bool) (bool, error)
	// Move renames; false without a reason when that is impossible.
	Move(from, to string) (bool, error)
	// Rename renames, or says why not.
	Rename(from, to string, mode client.RenameMode) error
}

// Attributes changes what is kept beside the data.
type Attributes interface {
	Chmod(path string, mode fs.FileMode) error
	Chown(path, owner, group string) error             // "" stays
	Chtimes(path string, atime, mtime time.Time) error // zero stays
	SetReplication(path string, n int) (bool, error)   // false: has none
	Access(path string, bits uint32) error             // fs.ErrPermission when refused
	Replicas(path string) ([]int, error)               // live replicas of each block
}

// Content reads and writes files.
type Content interface {
	Open(path string, verify bool) (io.ReadSeekCloser, error)
	Create(path string, o client.CreateOptions) (io.WriteCloser, error)
	Append(path string, newBlock bool) (io.WriteCloser, error)
	Truncate(path string, size int64) (bool, error)
	Concat(target string, sources ...string) error
	// Checksum is nil where a file system keeps none.
	Checksum(path string) (*client.FileChecksum, error)
}

// Totals counts.
type Totals interface {
	ContentSummary(path string) (*client.Summary, error)
	QuotaUsage(path string) (*client.Usage, error)
	StatFS(path string) (*client.FSStat, error)
	// TrashInterval is how long the server keeps deleted files; 0 = it has no opinion.
	TrashInterval() (time.Duration, error)
}

// Aborter is what a writer of Create can do more: give up without closing the
// file as if it were whole.
type Aborter interface{ Abort() }
