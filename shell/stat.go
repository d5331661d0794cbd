package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

const statTime = "2006-01-02 15:04:05"

func doStat(r *run, args []string) error {
	layout := "%y"
	if strings.Contains(args[0], "%") {
		layout, args = args[0], args[1:]
		var err error
		if _, args, err = r.format.parse(args); err != nil {
			return err
		}
	}
	return r.each(args, &traversal{
		recursive: r.has("R"),
		visit: func(it *item) error {
			r.printf("%s\n", statLine(layout, it))
			return nil
		},
	})
}

func statLine(layout string, it *item) string {
	f := it.info
	var b strings.Builder
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' || i == len(layout)-1 {
			b.WriteByte(layout[i])
			continue
		}
		i++
		switch layout[i] {
		case 'a':
			b.WriteString(strconv.FormatUint(uint64(f.Perm), 8))
		case 'A':
			b.WriteString(Permissions(f.Perm))
		case 'b':
			b.WriteString(strconv.FormatInt(f.Length, 10))
		case 'F':
			b.WriteString(typeName(it))
		case 'g':
			b.WriteString(f.Group)
		case 'n':
			b.WriteString(it.base())
		case 'o':
			b.WriteString(strconv.FormatInt(f.BlockSize, 10))
		case 'r':
			b.WriteString(strconv.Itoa(f.Replication))
		case 'u':
			b.WriteString(f.Owner)
		case 'x':
			b.WriteString(f.Accessed.UTC().Format(statTime))
		case 'X':
			b.WriteString(millis(f.Accessed))
		case 'y':
			b.WriteString(f.Modified.UTC().Format(statTime))
		case 'Y':
			b.WriteString(millis(f.Modified))
		default:
			b.WriteByte(layout[i])
		}
	}
	return b.String()
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func typeName(it *item) string {
	switch {
	case it.isDir():
		return "directory"
	case it.isFile():
		return "regular file"
	}
	return "symlink"
}

func doTest(r *run, args []string) error {
	if len(r.flags) == 0 {
		return badUsage("No test flag given")
	}
	if len(r.flags) > 1 {
		return badUsage("Only one test flag is allowed")
	}
	no := func(*item) error { r.exit = exitFailed; return nil }
	return r.each(args, &traversal{
		missing: no,
		visit: func(it *item) error {
			yes, err := r.holds(it)
			if err != nil {
				return err
			}
			if !yes {
				return no(it)
			}
			return nil
		},
	})
}

func (r *run) holds(it *item) (bool, error) {
	switch {
	case r.has("e"):
		return true, nil
	case r.has("d"):
		return it.isDir(), nil
	case r.has("f"):
		return it.isFile(), nil
	case r.has("s"):
		return it.info.Length > 0, nil
	case r.has("z"):
		return it.info.Length == 0, nil
	}
	bits := uint32(4)
	if r.has("w") {
		bits = 2
	}
	err := it.fs.Access(it.path, bits)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func doChecksum(r *run, args []string) error {
	return r.each(args, &traversal{visit: func(it *item) error {
		if it.isDir() {
			return isDir(it.text)
		}
		sum, err := it.fs.Checksum(it.path)
		if err != nil {
			return err
		}
		line := it.text + "\tNONE\t"
		if sum != nil {
			line = fmt.Sprintf("%s\t%s\t%x", it.text, sum.Algorithm, sum.Bytes)
			if r.has("v") {
				line += fmt.Sprintf("\tBlockSize=%d", it.info.BlockSize)
			}
		}
		r.printf("%s\n", line)
		return nil
	}})
}
