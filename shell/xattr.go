package shell

import (
	"encoding/base64"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

func doGetfattr(r *run, args []string) error {
	name, named := r.value("n")
	if named == r.has("d") {
		return badUsage("Must specify '-n name' or '-d' option.")
	}
	encode := encodeText
	if e, given := r.value("e"); given {
		switch strings.ToLower(e) {
		case "text":
		case "hex":
			encode = func(v []byte) string { return "0x" + hex.EncodeToString(v) }
		case "base64":
			encode = func(v []byte) string { return "0s" + base64.StdEncoding.EncodeToString(v) }
		default:
			return badUsage("Invalid/unsupported encoding option specified: " + e)
		}
	}
	switch {
	case len(args) == 0:
		return badUsage("<path> is missing.")
	case len(args) > 1:
		return badUsage("Too many arguments.")
	}
	return r.each(args, &traversal{
		recursive: r.has("R"),
		visit: func(it *item) error {
			x, err := xattrsOf(it)
			if err != nil {
				return err
			}
			r.printf("# file: %s\n", it.text)
			var names []string
			if named {
				names = []string{name}
			}
			all, err := x.XAttrs(it.path, names...)
			if err != nil {
				return err
			}
			for _, n := range slices.Sorted(maps.Keys(all)) {
				if len(all[n]) == 0 {
					r.printf("%s\n", n)
				} else {
					r.printf("%s=%s\n", n, encode(all[n]))
				}
			}
			return nil
		},
	})
}

func encodeText(v []byte) string { return `"` + string(v) + `"` }

func decodeValue(s string) ([]byte, error) {
	switch {
	case strings.HasPrefix(s, `"`) && strings.HasSuffix(s, `"`) && len(s) >= 2:
		return []byte(s[1 : len(s)-1]), nil
	case strings.HasPrefix(strings.ToLower(s), "0x"):
		return hex.DecodeString(s[2:])
	case strings.HasPrefix(strings.ToLower(s), "0s"):
		return base64.StdEncoding.DecodeString(s[2:])
	}
	return []byte(s), nil
}

func doSetfattr(r *run, args []string) error {
	set, setting := r.value("n")
	drop, dropping := r.value("x")
	text, _ := r.value("v")
	switch {
	case !setting && !dropping:
		return badUsage("Must specify '-n name' or '-x name' option.")
	case setting && dropping:
		return badUsage("Can't specify both '-n name' and '-x name' option.")
	case len(args) == 0:
		return badUsage("<path> is missing.")
	case len(args) > 1:
		return badUsage("Too many arguments.")
	}
	value, err := decodeValue(text)
	if err != nil {
		return badUsage("value " + text + ": " + err.Error())
	}
	return r.each(args, &traversal{visit: func(it *item) error {
		x, err := xattrsOf(it)
		switch {
		case err != nil:
			return err
		case dropping:
			return x.RemoveXAttr(it.path, drop)
		}
		return x.SetXAttr(it.path, set, value)
	}})
}

// Snapshots is what a FileSystem with snapshots offers besides.
type Snapshots interface {
	CreateSnapshot(dir, snapshot string) (string, error)
	DeleteSnapshot(dir, snapshot string) error
	RenameSnapshot(dir, from, to string) error
}

// onSnapshots checks the number of words and finds the directory.
func (r *run) onSnapshots(args []string, words []string, optional int, f func(s Snapshots, dir *item) error) error {
	if len(args) < len(words)-optional {
		return badUsage(words[len(args)] + " is missing.")
	}
	if len(args) > len(words) {
		return badUsage("Too many arguments.")
	}
	return r.each(args[:1], &traversal{visit: func(it *item) error {
		if !it.isDir() {
			return notDir(it.text)
		}
		s, ok := it.fs.(Snapshots)
		if !ok {
			return &pathIssue{path: it.text, text: textUnsupported}
		}
		return f(s, it)
	}})
}

func doCreateSnapshot(r *run, args []string) error {
	return r.onSnapshots(args, []string{"<snapshotDir>", "<snapshotName>"}, 1, func(s Snapshots, dir *item) error {
		name := ""
		if len(args) > 1 {
			name = args[1]
		}
		made, err := s.CreateSnapshot(dir.path, name)
		if err == nil {
			r.printf("Created snapshot %s\n", made)
		}
		return err
	})
}

func doDeleteSnapshot(r *run, args []string) error {
	return r.onSnapshots(args, []string{"<snapshotDir>", "<snapshotName>"}, 0, func(s Snapshots, dir *item) error {
		err := s.DeleteSnapshot(dir.path, args[1])
		if err == nil {
			r.printf("Deleted snapshot %s under %s\n", args[1], dir.full())
		}
		return err
	})
}

func doRenameSnapshot(r *run, args []string) error {
	return r.onSnapshots(args, []string{"<snapshotDir>", "<oldName>", "<newName>"}, 0, func(s Snapshots, dir *item) error {
		err := s.RenameSnapshot(dir.path, args[1], args[2])
		if err == nil {
			r.printf("Renamed snapshot %s to %s under %s\n", args[1], args[2], dir.full())
		}
		return err
	})
}
