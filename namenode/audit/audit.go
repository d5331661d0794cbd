// Package audit writes HDFS's audit log: a line for every operation on the
// namespace, tab separated, as parsers of hdfs-audit.log expect it. A call never
// waits for it: lines wait in a bounded queue, and those that find it full are
// dropped and counted. It knows no operation.
package audit

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf16"
)

// An Event is one operation and its outcome.
type Event struct {
	Time     time.Time
	Allowed  bool
	User     string
	RealUser string // who impersonates User, or ""
	IP       string // of the client
	Cmd      string
	Src, Dst string // "" is written as null
	Perm     string // owner:group:mode of the inode made or changed, "" is null
	Context  string // caller context, left out if empty
}

// Queue is how many lines may wait for the writer.
const Queue = 16 << 10

// A Log writes events to one file. A nil Log writes nothing. Safe for many
// goroutines.
type Log struct {
	queue   chan Event
	quit    chan struct{}
	done    chan struct{}
	once    sync.Once
	out     *bufio.Writer
	file    io.Closer
	dropped atomic.Int64
	logger  *slog.Logger
}

// Open starts a log. The target is a file, which is appended to, "stderr", or ""
// for no log at all, which is a nil Log.
func Open(target string, logger *slog.Logger) (*Log, error) {
	switch target {
	case "":
		return nil, nil
	case "stderr":
		return newLog(os.Stderr, nil, logger), nil
	}
	f, err := os.OpenFile(target, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return newLog(f, f, logger), nil
}

func newLog(w io.Writer, c io.Closer, logger *slog.Logger) *Log {
	if logger == nil {
		logger = slog.Default()
	}
	l := &Log{queue: make(chan Event, Queue), quit: make(chan struct{}), done: make(chan struct{}),
		out: bufio.NewWriterSize(w, 64<<10), file: c, logger: logger}
	go l.loop()
	return l
}

// Write queues an event. It does not wait.
func (l *Log) Write(e Event) {
	if l == nil {
		return
	}
	select {
	case l.queue <- e:
	default:
		l.dropped.Add(1)
	}
}

// Dropped returns how many events were lost so far: the queue was full, or the file
// could not be written.
func (l *Log) Dropped() int64 {
	if l == nil {
		return 0
	}
	return l.dropped.Load()
}

// Close writes what waits and closes the file. Events after it are lost.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.once.Do(func() { close(l.quit) })
	<-l.done
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

func (l *Log) loop() {
	defer close(l.done)
	var complained time.Time
	var line []byte
	pending := int64(0) // lines in the buffer
	write := func(e *Event) {
		line = append(appendLine(line[:0], e), '\n')
		_, _ = l.out.Write(line) // its error stays until the Flush
		pending++
	}
	flush := func() {
		if err := l.out.Flush(); err != nil {
			l.dropped.Add(pending)
			l.out.Reset(l.target())
			if time.Since(complained) > time.Minute {
				l.logger.Error("the audit log cannot be written; its lines are lost", "err", err)
				complained = time.Now()
			}
		}
		pending = 0
	}
	for {
		select {
		case e := <-l.queue:
			write(&e)
			// What is there goes out together.
			for n := len(l.queue); n > 0; n-- {
				e := <-l.queue
				write(&e)
			}
			flush()
		case <-l.quit:
			for n := len(l.queue); n > 0; n-- {
				e := <-l.queue
				write(&e)
			}
			flush()
			return
		}
	}
}

// target is where the buffer goes.
func (l *Log) target() io.Writer {
	if w, ok := l.file.(io.Writer); ok {
		return w
	}
	return os.Stderr
}

// appendLine adds the line of an event, without a newline, in log4j's layout for
// hdfs-audit.log.
func appendLine(b []byte, e *Event) []byte {
	b = e.Time.AppendFormat(b, "2006-01-02 15:04:05,000")
	b = append(b, " INFO FSNamesystem.audit: allowed="...)
	if e.Allowed {
		b = append(b, "true"...)
	} else {
		b = append(b, "false"...)
	}
	b = append(b, "\tugi="...)
	b = appendEscaped(b, e.User)
	if e.RealUser != "" {
		b = append(b, " (auth:PROXY) via "...)
		b = appendEscaped(b, e.RealUser)
	}
	b = append(b, " (auth:SIMPLE)"...)
	b = append(b, "\tip=/"...)
	b = append(b, e.IP...)
	b = append(b, "\tcmd="...)
	b = append(b, e.Cmd...)
	b = appendOrNull(append(b, "\tsrc="...), e.Src)
	b = appendOrNull(append(b, "\tdst="...), e.Dst)
	b = appendOrNull(append(b, "\tperm="...), e.Perm)
	b = append(b, "\tproto=rpc"...)
	if e.Context != "" {
		b = appendEscaped(append(b, "\tcallerContext="...), e.Context)
	}
	return b
}

func appendOrNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendEscaped(b, s)
}

// appendEscaped adds s with Java's escapes, so that no name can break a line or
// forge a field.
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	escape := func(u uint16) {
		b = append(b, '\\', 'u', hex[u>>12], hex[u>>8&15], hex[u>>4&15], hex[u&15])
	}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\t':
			b = append(b, '\\', 't')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\f':
			b = append(b, '\\', 'f')
		case r == '\b':
			b = append(b, '\\', 'b')
		case r >= ' ' && r < 0x7f:
			b = append(b, byte(r))
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			escape(uint16(hi))
			escape(uint16(lo))
		default:
			escape(uint16(r))
		}
	}
	return b
}
