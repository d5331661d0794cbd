package rpc

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

const (
	ipcVersion      = 9
	authNone   byte = 0x00
	authSasl   byte = 0xDF // -33

	// preambleSize is "hrpc", version, service class and auth protocol.
	preambleSize = 7
	readSize     = 8 << 10  // read buffer of a connection that is not idle
	keepSize     = 64 << 10 // larger buffers are left to the garbage collector
	growStep     = 64 << 10 // first allocation for a frame, whatever its length says
)

var magic = []byte("hrpc")

// buffer is a reusable byte slice.
type buffer struct{ b []byte }

var (
	buffers     = sync.Pool{New: func() any { return &buffer{make([]byte, 0, 512)} }}
	readBuffers = sync.Pool{New: func() any { return new([readSize]byte) }}
)

func newBuffer() *buffer { return buffers.Get().(*buffer) }

func (b *buffer) free() {
	if cap(b.b) <= keepSize {
		b.b = b.b[:0]
		buffers.Put(b)
	}
}

// beginFrame appends the place of a frame length; endFrame fills it in.
func beginFrame(b []byte) []byte { return append(b, 0, 0, 0, 0) }

func endFrame(b []byte, from int) []byte {
	binary.BigEndian.PutUint32(b[from:], uint32(len(b)-from-4))
	return b
}

// lengthError is a frame length that is negative or above the cap.
type lengthError struct{ length, max int }

func (e *lengthError) Error() string { return "bad frame length" }

// frameReader cuts length-prefixed frames from a stream. It allocates for
// bytes that came and not for bytes that were announced, and it holds no read
// buffer while idle, so that ten thousand waiting connections are cheap.
type frameReader struct {
	r io.Reader
	// timeout is called when a read hit its deadline: an error ends the reader,
	// nil makes it go on. If nothing is buffered the buffer is given back.
	timeout func() error
	// arrived is called after each read that brought bytes.
	arrived func(n int)

	buf    *[readSize]byte // nil while idle
	lo, hi int             // unread bytes are buf[lo:hi]
	first  [16]byte        // where the first bytes after an idle time land
	holds  atomic.Bool     // buf != nil, for the other goroutines
}

// read reads once into p and deals with deadlines; n > 0 without error.
func (f *frameReader) read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if n > 0 {
		f.arrived(n)
		return n, nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, f.timeout()
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return 0, err
}

// fill reads once into the buffer.
func (f *frameReader) fill() error {
	if f.buf == nil {
		n, err := f.read(f.first[:])
		if n > 0 {
			f.buf = readBuffers.Get().(*[readSize]byte)
			f.holds.Store(true)
			f.lo, f.hi = 0, copy(f.buf[:], f.first[:n])
		}
		return err
	}
	if f.lo > 0 {
		f.hi = copy(f.buf[:], f.buf[f.lo:f.hi])
		f.lo = 0
	}
	n, err := f.read(f.buf[f.hi:])
	f.hi += n
	if n == 0 && f.hi == 0 {
		f.release()
	}
	return err
}

// release gives the buffer back and forgets what is in it.
func (f *frameReader) release() {
	if f.buf != nil {
		readBuffers.Put(f.buf)
		f.buf, f.lo, f.hi = nil, 0, 0
		f.holds.Store(false)
	}
}

// need returns the next n bytes, a small constant, and consumes them. They are
// good until the next call. io.EOF means that the peer closed between frames.
func (f *frameReader) need(n int) ([]byte, error) {
	for f.hi-f.lo < n {
		had := f.hi > f.lo
		if err := f.fill(); err != nil {
			if errors.Is(err, io.EOF) && had {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	b := f.buf[f.lo : f.lo+n]
	f.lo += n
	return b, nil
}

// next reads one frame into dst[:0] and returns it.
func (f *frameReader) next(dst []byte, max int) ([]byte, error) {
	b, err := f.need(4)
	if err != nil {
		return dst, err
	}
	n := int(int32(binary.BigEndian.Uint32(b)))
	if n < 0 || n > max {
		return dst, &lengthError{n, max}
	}
	k := min(n, f.hi-f.lo)
	dst = append(dst[:0], f.buf[f.lo:f.lo+k]...)
	f.lo += k
	for len(dst) < n {
		if len(dst) == cap(dst) {
			dst = grow(dst, n)
		}
		k, err := f.read(dst[len(dst):min(n, cap(dst))])
		dst = dst[:len(dst)+k]
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return dst, err
		}
	}
	return dst, nil
}

// grow doubles b, or makes it growStep, but never larger than n bytes.
func grow(b []byte, n int) []byte {
	grown := make([]byte, len(b), min(n, max(growStep, 2*cap(b))))
	copy(grown, b)
	return grown
}
