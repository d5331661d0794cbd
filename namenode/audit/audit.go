// Package audit writes HDFS's audit log: a line for every operation on the
// namespace, tab separated, as parsers of hdfs-audit.log expect it. A call never
// waits for the file: lines wait in a bounded queue, and those that find it full are
// dropped and counted. It knows no operation.
package audit

import (
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

// gather is how long the writer lets lines gather before it writes them: it is woken
// and writes once for all of them.
const gather = 50 * time.Millisecond

// A Log writes events to one file, within about gather. A nil Log writes nothing.
// Safe for many goroutines.
type Log struct {
	mu      sync.Mutex
	lines   []byte // that wait
	waiting int    // how many they are
	stamp   stamp

	wake    chan struct{}
	quit    chan struct{}
	done    chan struct{}
	once    sync.Once
	out     io.Writer
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
	l := &Log{wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		out: w, file: c, logger: logger}
	go l.loop()
	return l
}

// Write queues the line of an event. It does not wait for the file.
func (l *Log) Write(e *Event) {
	if l == nil {
		return
	}
	l.mu.Lock()
	if l.waiting == Queue {
		l.mu.Unlock()
		l.dropped.Add(1)
		return
	}
	l.lines = append(appendLine(l.lines, e, &l.stamp), '\n')
	l.waiting++
	first := l.waiting == 1
	l.mu.Unlock()
	if first {
		select {
		case l.wake <- struct{}{}:
		default: // it is about to look
		}
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
	var spare []byte
	for open := true; open; {
		select {
		case <-l.wake:
			select {
			case <-time.After(gather):
			case <-l.quit:
			}
		case <-l.quit:
			open = false
		}
		l.mu.Lock()
		lines, n := l.lines, l.waiting
		l.lines, l.waiting = spare[:0], 0
		l.mu.Unlock()
		spare = lines
		if n == 0 {
			continue
		}
		if _, err := l.out.Write(lines); err != nil {
			l.dropped.Add(int64(n))
			if time.Since(complained) > time.Minute {
				l.logger.Error("the audit log cannot be written; its lines are lost", "err", err)
				complained = time.Now()
			}
		}
	}
}

// stamp holds the text of the newest second.
type stamp struct {
	second int64
	zone   *time.Location
	text   []byte
}

// append adds a time in log4j's layout.
func (s *stamp) append(b []byte, t time.Time) []byte {
	if sec, zone := t.Unix(), t.Location(); s.text == nil || s.second != sec || s.zone != zone {
		s.second, s.zone = sec, zone
		s.text = t.AppendFormat(s.text[:0], "2006-01-02 15:04:05,")
	}
	ms := t.Nanosecond() / 1e6
	return append(append(b, s.text...), byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}

// appendLine adds the line of an event, without a newline, in log4j's layout for
// hdfs-audit.log.
func appendLine(b []byte, e *Event, s *stamp) []byte {
	b = s.append(b, e.Time)
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
	if plain(s) {
		return append(b, s...)
	}
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

// plain reports whether s needs no escapes.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
