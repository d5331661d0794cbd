package client

import (
	"errors"
	"io"
	"io/fs"
	"sync"
	"time"
)

// How far a seek forward is read over instead of asking the DataNode anew, bytes.
const skipAhead = 128 << 10

// Pause before a block whose replicas all failed is looked up again.
const readPause = time.Second

// Reader reads one file as it was when it was opened. Read, Seek and Close are
// for one goroutine, ReadAt is for many.
type Reader struct {
	c      *Client
	name   string
	verify bool
	blocks *blockMap

	pos    int64
	cur    *watchedReader
	curPos int64 // of the file, where cur goes on
	curEnd int64
	closed bool

	mu   sync.Mutex
	dead map[string]bool // addresses of DataNodes that failed this reader
}

// Open opens a file for reading; damaged replicas are reported to the NameNode
// and passed over, as are DataNodes that do not answer.
func (c *Client) Open(name string) (*Reader, error) { return c.open(name, true) }

// OpenUnverified is Open without the verification of checksums.
func (c *Client) OpenUnverified(name string) (*Reader, error) { return c.open(name, false) }

func (c *Client) open(name string, verify bool) (*Reader, error) {
	p, err := c.Resolve(name)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	m, err := c.newBlockMap(p)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return &Reader{c: c, name: name, verify: verify, blocks: m, dead: map[string]bool{}}, nil
}

// Name is the name given to Open.
func (r *Reader) Name() string { return r.name }

// Size is the length of the file when it was opened, in bytes.
func (r *Reader) Size() int64 { return r.blocks.length }

// Stat asks the NameNode about the file.
func (r *Reader) Stat() (fs.FileInfo, error) { return r.c.Stat(r.blocks.path) }

// Close ends the reader.
func (r *Reader) Close() error {
	if r.closed {
		return pathError("close", r.name, fs.ErrClosed)
	}
	r.closed = true
	r.drop()
	return nil
}

func (r *Reader) drop() {
	if r.cur != nil {
		r.cur.Close()
		r.cur = nil
	}
}

// Seek sets where the next Read begins; it asks nobody.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.Size()
	default:
		return 0, pathError("seek", r.name, fs.ErrInvalid)
	}
	if offset < 0 {
		return 0, pathError("seek", r.name, fs.ErrInvalid)
	}
	r.pos = offset
	return offset, nil
}

// Read fills b with the bytes at the current place.
func (r *Reader) Read(b []byte) (int, error) {
	if r.closed {
		return 0, pathError("read", r.name, fs.ErrClosed)
	}
	if r.pos >= r.Size() {
		return 0, io.EOF
	}
	if len(b) == 0 {
		return 0, nil
	}
	for try := r.try(); ; {
		if err := r.position(); err != nil {
			return 0, pathError("read", r.name, err)
		}
		n, err := r.cur.Read(b)
		r.advance(int64(n))
		if n > 0 || err == nil {
			return n, nil
		}
		if err := r.lost(&try, err); err != nil {
			return 0, pathError("read", r.name, err)
		}
	}
}

// WriteTo writes the rest of the file to w without a copy in between.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	if r.closed {
		return 0, pathError("read", r.name, fs.ErrClosed)
	}
	var total int64
	out := &errWriter{w: w}
	for try := r.try(); r.pos < r.Size(); {
		if err := r.position(); err != nil {
			return total, pathError("read", r.name, err)
		}
		n, err := r.cur.WriteTo(out)
		r.advance(n)
		total += n
		if out.err != nil {
			return total, out.err
		}
		if n > 0 {
			try = r.try()
		}
		if err != nil || n == 0 {
			if err := r.lost(&try, err); err != nil {
				return total, pathError("read", r.name, err)
			}
		}
	}
	return total, nil
}

type errWriter struct {
	w   io.Writer
	err error
}

func (w *errWriter) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	w.err = err
	return n, err
}

// advance notes n bytes read and lets go of a block that is read.
func (r *Reader) advance(n int64) {
	r.pos += n
	r.curPos += n
	if r.cur != nil && r.curPos >= r.curEnd {
		r.drop()
	}
}

// lost gives up the DataNode that r.cur reads from.
func (r *Reader) lost(try *attempt, cause error) error {
	if cause == nil || errors.Is(cause, io.EOF) {
		cause = io.ErrUnexpectedEOF
	}
	r.drop()
	return try.failed(cause)
}

// position makes r.cur a reader whose next byte is the one at r.pos.
func (r *Reader) position() error {
	if r.cur != nil {
		if gap := r.pos - r.curPos; gap >= 0 && gap <= skipAhead && r.pos < r.curEnd {
			if _, err := io.CopyN(io.Discard, r.cur, gap); err == nil {
				r.curPos = r.pos
				return nil
			}
		}
		r.drop()
	}
	br, end, err := r.openAt(r.pos, r.Size())
	if err != nil {
		return err
	}
	r.cur, r.curPos, r.curEnd = br, r.pos, end
	return nil
}

// ReadAt fills b with the bytes from off on; it does not move the place of Read.
func (r *Reader) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, pathError("read", r.name, fs.ErrInvalid)
	}
	n := 0
	for try := r.try(); n < len(b) && off+int64(n) < r.Size(); {
		at := off + int64(n)
		br, end, err := r.openAt(at, min(at+int64(len(b)-n), r.Size()))
		if err != nil {
			return n, pathError("read", r.name, err)
		}
		m, err := io.ReadFull(br, b[n:n+int(end-at)])
		br.Close()
		n += m
		if err != nil {
			if err := try.failed(err); err != nil {
				return n, pathError("read", r.name, err)
			}
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// attempt bounds how often readers of one call fail in the middle of a block.
type attempt struct{ left int }

func (r *Reader) try() attempt { return attempt{left: 2*r.c.s.data.readRounds + 8} }

func (a *attempt) failed(err error) error {
	a.left--
	if a.left < 0 {
		return err
	}
	return nil
}
