package shelltest

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/hopsql/hopsql/client"
)

type fakeReader struct{ *bytes.Reader }

func (fakeReader) Close() error { return nil }

// Open reads a file.
func (f *Fake) Open(p string, _ bool) (io.ReadSeekCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.nodes[p]
	if n == nil {
		return nil, notFound(p)
	}
	return fakeReader{bytes.NewReader(slices.Clone(n.data))}, nil
}

type fakeWriter struct {
	f *Fake
	n *node
}

func (w *fakeWriter) Write(b []byte) (int, error) {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.n.data = append(w.n.data, b...)
	w.n.info.Length = int64(len(w.n.data))
	return len(b), nil
}

func (w *fakeWriter) Close() error { return nil }

// Create makes a file.
func (f *Fake) Create(p string, o client.CreateOptions) (io.WriteCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.nodes[p]; n != nil && (n.info.Dir || !o.Overwrite) {
		return nil, remote("org.apache.hadoop.fs.FileAlreadyExistsException", p+" already exists", fs.ErrExist)
	}
	if err := f.parents(p); err != nil {
		return nil, err
	}
	if err := f.mkdirAll(path.Dir(p), 0o777); err != nil {
		return nil, err
	}
	if o.Replication == 0 {
		o.Replication = 1
	}
	n := &node{info: client.FileInfo{Perm: 0o644, Replication: o.Replication, BlockSize: 128 << 20}}
	f.put(p, n)
	return &fakeWriter{f, n}, nil
}

// Append opens a file at its end.
func (f *Fake) Append(p string, _ bool) (io.WriteCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch n := f.nodes[p]; {
	case n == nil:
		return nil, notFound(p)
	case n.info.Dir:
		return nil, remote("java.io.IOException", "Cannot append to directory "+p+"; already exists as a directory.", client.ErrIsDir)
	default:
		return &fakeWriter{f, n}, nil
	}
}

// Truncate cuts at once, and says so only where no block is cut in two.
func (f *Fake) Truncate(p string, size int64) (whole bool, err error) {
	err = f.change(p, func(n *node) {
		whole = size == 0 || size == n.info.Length
		n.data = n.data[:size]
		n.info.Length = size
	})
	return whole, err
}

// Concat joins files.
func (f *Fake) Concat(target string, sources ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range append([]string{target}, sources...) {
		if f.nodes[s] == nil {
			return notFound(s)
		}
	}
	t := f.nodes[target]
	for _, s := range sources {
		t.data = append(t.data, f.nodes[s].data...)
		delete(f.nodes, s)
	}
	t.info.Length = int64(len(t.data))
	return nil
}

// Checksum is HDFS's for a file of one block: the MD5 of a buffer with the MD5
// of the CRCs.
func (f *Fake) Checksum(p string) (*client.FileChecksum, error) {
	sum := &client.FileChecksum{Algorithm: "MD5-of-0MD5-of-0CRC32", Bytes: make([]byte, 12)}
	buffer := make([]byte, 2*md5.Size)
	err := f.change(p, func(n *node) {
		if len(n.data) == 0 {
			return
		}
		var crcs []byte
		for chunk := range slices.Chunk(n.data, 512) {
			crcs = binary.BigEndian.AppendUint32(crcs, crc32.Checksum(chunk, crc32.MakeTable(crc32.Castagnoli)))
		}
		block := md5.Sum(crcs)
		copy(buffer, block[:])
		sum.Algorithm = "MD5-of-0MD5-of-512CRC32C"
		sum.Bytes[2] = 512 >> 8
	})
	all := md5.Sum(buffer)
	sum.Bytes = append(sum.Bytes, all[:]...)
	return sum, err
}

// ContentSummary counts.
func (f *Fake) ContentSummary(p string) (*client.Summary, error) {
	if _, err := f.Stat(p); err != nil {
		return nil, notFound(p)
	}
	s := &client.Summary{NameQuota: client.NoQuota, SpaceQuota: client.NoQuota}
	if p == "/" {
		s.NameQuota = rootQuota
	}
	for _, c := range append(f.below(p, true), p) {
		info, err := f.Stat(c)
		switch {
		case err != nil:
			return nil, err
		case info.Dir:
			s.Dirs++
		default:
			s.Files++
			s.Length += info.Length
			s.Space += info.Length * int64(info.Replication)
		}
	}
	return s, nil
}

// QuotaUsage counts.
func (f *Fake) QuotaUsage(p string) (*client.Usage, error) {
	s, err := f.ContentSummary(p)
	if err != nil {
		return nil, err
	}
	return &client.Usage{Names: s.Dirs + s.Files, Space: s.Space, NameQuota: s.NameQuota, SpaceQuota: s.SpaceQuota}, nil
}
