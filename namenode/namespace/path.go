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
	if utf8.RuneCountInString(src) > MaxPathLength || strings.Count(src, "/") > MaxPathDepth {
		return fault.New(fault.IO, "%s: Pathname too long.  Limit %d characters, %d levels.", op, MaxPathLength, MaxPathDepth)
	}
	return nil
}

// parse takes an absolute path apart. Empty components are dropped, as HDFS does;
// "." and ".." are refused.
func parse(src string) (names, error) {
	if len(src) > 4*MaxPathLength || utf8.RuneCountInString(src) > MaxPathLength {
		return names{}, fault.New(fault.InvalidPath, "Path of %d bytes is too long. Limit %d characters, %d levels.",
			len(src), MaxPathLength, MaxPathDepth)
	}
	if !strings.HasPrefix(src, "/") {
		return names{}, fault.New(fault.InvalidPath, "Invalid path name %s: it must be absolute", src)
	}
	n := names{src: src, parts: make([]string, 0, strings.Count(src, "/"))}
	for rest := src[1:]; rest != ""; {
		var p string
		p, rest, _ = strings.Cut(rest, "/")
		switch p {
		case "":
			continue
		case ".", "..":
			return names{}, fault.New(fault.InvalidPath, "Invalid path name %s", src)
		}
		n.parts = append(n.parts, p)
	}
	if len(n.parts) > MaxPathDepth {
		return names{}, fault.New(fault.InvalidPath, "Path %.100s… has %d levels. Limit %d characters, %d levels.",
			src, len(n.parts), MaxPathLength, MaxPathDepth)
	}
	return n.special()
}

// special takes the reserved first components off.
func (n names) special() (names, error) {
	if len(n.parts) == 0 || n.parts[0] != reserved {
		return n, nil
	}
	switch {
	case len(n.parts) >= 3 && n.parts[1] == reservedInodes:
		id, err := strconv.ParseInt(n.parts[2], 10, 64)
		if err != nil || id <= 0 {
			return n, fault.New(fault.NotFound, "File does not exist: %s", n.src)
		}
		n.inode, n.parts = id, n.parts[3:]
	case len(n.parts) >= 2 && n.parts[1] == reservedRaw:
		n.raw, n.parts = true, n.parts[2:]
	}
	return n, nil
}

// isReserved reports whether the names lead to /.reserved itself or an unknown
// part of it.
func (n names) isReserved() bool {
	return n.inode == 0 && !n.raw && len(n.parts) > 0 && n.parts[0] == reserved
}

// creatable returns an error if nothing may be created under the last name.
func (n names) creatable() error {
	if !utf8.ValidString(n.src) {
		return fault.New(fault.InvalidPath, "Invalid path name %q: not UTF-8", n.src)
	}
	for _, p := range n.parts {
		if strings.ContainsAny(p, ":\x00") {
			return fault.New(fault.InvalidPath, "Invalid path name %s", n.src)
		}
	}
	if n.isReserved() {
		return fault.New(fault.InvalidArgument, "File name %q is reserved and cannot be created.", reserved)
	}
	if len(n.parts) > 0 && n.parts[len(n.parts)-1] == snapshotDir {
		return fault.New(fault.IllegalArgument, "%q is a reserved name.", snapshotDir)
	}
	return nil
}

// join is the path of the first i names.
func (n names) join(i int) string {
	if i == 0 && n.inode == 0 {
		return "/"
	}
	return "/" + strings.Join(n.parts[:i], "/")
}
