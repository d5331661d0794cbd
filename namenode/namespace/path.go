package namespace

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hopsql/hopsql/namenode/fault"
)

// Bounds of a path, as in HDFS.
const (
	MaxPathLength = 8000 // characters
	MaxPathDepth  = 1000
)

// names is a path taken apart. inode is 0 but for /.reserved/.inodes/ID/…, where
// the names count from that inode.
type names struct {
	src   string
	parts []string
	inode int64
	raw   bool // given below /.reserved/raw
}

const (
	reserved       = ".reserved"
	reservedInodes = ".inodes"
	reservedRaw    = "raw"
	snapshotDir    = ".snapshot"
)

// CheckPathLength returns HDFS's error for a path that is too long. op begins the
// message.
func CheckPathLength(op, src string) error {
	if src == "" {
		return fault.New(fault.IllegalArgument, "Can not create a Path from an empty string")
	}
	if utf8.RuneCountInString(src) > MaxPathLength || strings.Count(src, "/") > MaxPathDepth {
		return fault.New(fault.IO, "%s: Pathname too long.  Limit %d characters, %d levels.", op, MaxPathLength, MaxPathDepth)
	}
	return nil
}

// maxPathSent is how many bytes of a path are looked at. One that is longer than what
// may be created is not there.
const maxPathSent = 1 << 16

// parse takes an absolute path apart. Empty components are dropped, as HDFS does; "." and
// ".." are names that nothing has.
func parse(src string) (names, error) {
	if len(src) > maxPathSent {
		return names{}, fault.New(fault.InvalidPath, "Path of %d bytes is too long. Limit %d characters, %d levels.",
			len(src), MaxPathLength, MaxPathDepth)
	}
	if !strings.HasPrefix(src, "/") {
		return names{}, notAbsolute(src)
	}
	n := names{src: src, parts: make([]string, 0, strings.Count(src, "/"))}
	for rest := src[1:]; rest != ""; {
		var p string
		if p, rest, _ = strings.Cut(rest, "/"); p != "" {
			n.parts = append(n.parts, p)
		}
	}
	return n.special()
}

func notAbsolute(src string) error {
	return fault.New(fault.Assertion, "Absolute path required, but got '%s'", src)
}

// special takes the reserved first components off.
func (n names) special() (names, error) {
	if len(n.parts) == 0 || n.parts[0] != reserved {
		return n, nil
	}
	switch {
	case len(n.parts) >= 3 && n.parts[1] == reservedInodes:
		id, err := strconv.ParseInt(n.parts[2], 10, 64)
		if err != nil {
			return n, fault.New(fault.NotFound, "Invalid inode path: %s", n.src)
		}
		if id <= 0 {
			return n, n.noInode()
		}
		n.inode, n.parts = id, n.parts[3:]
	case len(n.parts) >= 2 && n.parts[1] == reservedRaw:
		n.raw, n.parts = true, n.parts[2:]
	}
	return n, nil
}

// noInode is the error for an id that no inode has.
func (n names) noInode() error {
	return fault.New(fault.NotFound, "File for given inode path does not exist: %s", n.src)
}

// isReserved reports whether the names lead to /.reserved itself or an unknown
// part of it.
func (n names) isReserved() bool {
	return n.inode == 0 && !n.raw && len(n.parts) > 0 && n.parts[0] == reserved
}

// validName reports whether something may be created at src, by its letters alone: as in
// HDFS, an absolute path without ".", "..", ":" and empty names, except at its end. Here
// it has to be UTF-8 without zeros as well.
func validName(src string) bool {
	if !strings.HasPrefix(src, "/") || !utf8.ValidString(src) || strings.ContainsAny(src, ":\x00") {
		return false
	}
	src = strings.TrimRight(src, "/")
	if src == "" {
		return true
	}
	parts := strings.Split(src[1:], "/")
	for i, p := range parts {
		switch {
		case p == ".", p == "":
			return false
		case p == ".." && (i < 3 || parts[0] != reserved || parts[1] != reservedInodes):
			return false
		}
	}
	return true
}

// invalidName is the error of calls that create names for one that cannot be.
func invalidName(src string) error {
	return fault.New(fault.InvalidPath, "Invalid path name Invalid file name: %.200s", src)
}

// join is the path of the first i names.
func (n names) join(i int) string {
	if i == 0 && n.inode == 0 {
		return "/"
	}
	return "/" + strings.Join(n.parts[:i], "/")
}
