package shell

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/hopsql/hopsql/client"
)

func doGetfattr(r *run, args []string) error {
	name, named := r.value("n")
	if !named && !r.has("d") {
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
			if !r.has("d") {
				if err := checkXAttr(name); err != nil {
					return err
				}
				names = []string{name}
			}
			all, err := x.XAttrs(it.path, names...)
			if err != nil {
				return err
			}
			for _, a := range hashOrder(all) {
				shown := a.Name
				if names != nil {
					shown = name
				}
				if len(a.Value) > 0 {
					shown += "=" + encode(a.Value)
				}
				r.printf("%s\n", shown)
			}
			return nil
		},
	})
}

// checkXAttr ends the verb if name is none of an attribute.
func checkXAttr(name string) error {
	if err := client.CheckXAttrName(name); err != nil {
		return badUsage(strings.TrimSuffix(err.Error(), ": invalid argument"))
	}
	return nil
}

// hashOrder is the order in which Apache's shell shows attributes: that of the buckets of
// a java.util.HashMap with the names as keys.
func hashOrder(all []client.XAttr) []client.XAttr {
	size := uint32(16)
	for len(all) > int(size)*3/4 {
		size *= 2
	}
	bucket := func(name string) uint32 {
		var h uint32
		for _, u := range utf16.Encode([]rune(name)) {
			h = 31*h + uint32(u)
		}
		return (h ^ h>>16) & (size - 1)
	}
	slices.SortStableFunc(all, func(a, b client.XAttr) int { return cmp.Compare(bucket(a.Name), bucket(b.Name)) })
	return all
}

func encodeText(v []byte) string { return `"` + string(v) + `"` }

// decodeValue reads a value as text, in quotes or not, in hexadecimal or in base 64.
func decodeValue(s string) ([]byte, error) {
	switch {
	case len(s) >= 2 && strings.HasPrefix(s, `"`) && strings.HasSuffix(s, `"`):
		return []byte(s[1 : len(s)-1]), nil
	case strings.HasPrefix(strings.ToLower(s), "0x"):
		return decodeHex(s[2:])
	case strings.HasPrefix(strings.ToLower(s), "0s"):
		return decodeBase64(s[2:]), nil
	}
	return []byte(s), nil
}

// decodeHex says what is wrong in the words of Apache's shell.
func decodeHex(s string) ([]byte, error) {
	const say = "org.apache.commons.codec.DecoderException: "
	if len(s)%2 != 0 {
		return nil, plain(say + "Odd number of characters.")
	}
	v, err := hex.DecodeString(s)
	var bad hex.InvalidByteError
	if errors.As(err, &bad) {
		return nil, plain(fmt.Sprintf(say+"Illegal hexadecimal character %c at index %d", bad, strings.IndexByte(s, byte(bad))))
	}
	return v, err
}

// decodeBase64 leaves out what is none, as Apache's shell does.
func decodeBase64(s string) []byte {
	s, _, _ = strings.Cut(s, "=")
	s = strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '+', c == '/':
			return c
		case c == '-':
			return '+'
		case c == '_':
			return '/'
		}
		return -1
	}, s)
	if len(s)%4 == 1 {
		s = s[:len(s)-1]
	}
	v, _ := base64.RawStdEncoding.DecodeString(s) // what is left is base 64
	return v
}

func doSetfattr(r *run, args []string) error {
	set, setting := r.value("n")
	drop, dropping := r.value("x")
	text, given := r.value("v")
	switch {
	case !setting && !dropping:
		return badUsage("Must specify '-n name' or '-x name' option.")
	case setting && dropping:
		return badUsage("Can not specify both '-n name' and '-x name' option.")
	case len(args) == 0:
		return badUsage("<path> is missing.")
	case len(args) > 1:
		return badUsage("Too many arguments.")
	}
	var value []byte // none is not an empty one
	if given {
		var err error
		if value, err = decodeValue(text); err != nil {
			return err
		}
	}
	return r.each(args, &traversal{visit: func(it *item) error {
		x, err := xattrsOf(it)
		if err != nil {
			return err
		}
		if err := checkXAttr(set + drop); err != nil {
			return err
		}
		if dropping {
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
