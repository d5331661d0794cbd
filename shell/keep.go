package shell

import (
	"encoding/binary"
	"hash/crc32"
	"io/fs"
	"path"
	"strings"

	"github.com/hopsql/hopsql/client"
)

// attributes are what a copy keeps of its source.
type attributes struct{ times, owner, perm, acl, xattr bool }

func (a *attributes) set(letter rune) bool {
	switch letter {
	case 't':
		a.times = true
	case 'o':
		a.owner = true
	case 'p':
		a.perm = true
	case 'a':
		a.acl = true
	case 'x':
		a.xattr = true
	default:
		return false
	}
	return true
}

func (a attributes) any() bool { return a != attributes{} }

// preserveAll is -p without letters.
func (c *copier) preserveAll(on bool) {
	if on {
		c.keep.times, c.keep.owner, c.keep.perm = true, true, true
	}
}

func (c *copier) preserve(src, target *item) error {
	f := src.info
	if c.keep.times {
		if err := target.fs.Chtimes(target.path, f.Accessed, f.Modified); err != nil {
			return err
		}
	}
	if c.keep.owner {
		if err := target.fs.Chown(target.path, f.Owner, f.Group); err != nil {
			return err
		}
	}
	if c.keep.perm || c.keep.acl {
		if err := target.fs.Chmod(target.path, fileMode(f.Perm)); err != nil {
			return err
		}
	}
	if c.keep.acl && f.ACL {
		if err := copyACL(src, target); err != nil {
			return err
		}
	}
	if c.keep.xattr {
		return copyXAttrs(src, target)
	}
	return nil
}

// fileMode is the reverse of client.FileInfo.Mode for permission bits.
func fileMode(perm uint32) fs.FileMode {
	m := fs.FileMode(perm & 0o777)
	if perm&0o1000 != 0 {
		m |= fs.ModeSticky
	}
	return m
}

// crcFile gathers the checksums that Hadoop keeps beside local files: "crc\0",
// the bytes per checksum, and the CRC-32 of each 512 bytes.
type crcFile struct {
	out   []byte
	chunk uint32
	n     int
}

const crcChunk = 512

// crcName is where the checksums of a local file are.
func crcName(name string) string { return path.Join(path.Dir(name), "."+path.Base(name)+".crc") }

func isCrc(base string) bool { return strings.HasPrefix(base, ".") && strings.HasSuffix(base, ".crc") }

func newCrcFile() *crcFile {
	return &crcFile{out: binary.BigEndian.AppendUint32([]byte("crc\x00"), crcChunk)}
}

func (c *crcFile) Write(b []byte) (int, error) {
	total := len(b)
	for len(b) > 0 {
		part := b[:min(len(b), crcChunk-c.n)]
		c.chunk = crc32.Update(c.chunk, crc32.IEEETable, part)
		c.n += len(part)
		b = b[len(part):]
		if c.n == crcChunk {
			c.flush()
		}
	}
	return total, nil
}

func (c *crcFile) flush() {
	c.out = binary.BigEndian.AppendUint32(c.out, c.chunk)
	c.chunk, c.n = 0, 0
}

func (c *crcFile) save(f FileSystem, name string) error {
	if c.n > 0 {
		c.flush()
	}
	w, err := f.Create(name, client.CreateOptions{Overwrite: true})
	if err != nil {
		return err
	}
	if _, err := w.Write(c.out); err != nil {
		w.Close()
		return err
	}
	return w.Close()
}
