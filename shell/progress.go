package shell

import (
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	progressAfter = time.Second // short copies show nothing
	progressEvery = 200 * time.Millisecond
	progressWidth = 24 // of the bar, in characters
)

// progress draws one line about a copy on the terminal and wipes it at the end.
// A nil one does nothing.
type progress struct {
	run   *run
	name  string
	size  int64 // -1 = unknown
	n     int64
	start time.Time
	last  time.Time
	drawn int
}

// progressOf is nil unless a terminal looks on and copies come one by one.
func (c *copier) progressOf(name string, size int64) *progress {
	if !c.Progress || c.slots != nil {
		return nil
	}
	now := time.Now()
	return &progress{run: c.run, name: name, size: size, start: now, last: now}
}

// reader counts what is read from in.
func (p *progress) reader(in io.Reader) io.Reader {
	if p == nil {
		return in
	}
	return readerFunc(func(b []byte) (int, error) {
		n, err := in.Read(b)
		p.n += int64(n)
		if now := time.Now(); now.Sub(p.start) >= progressAfter && now.Sub(p.last) >= progressEvery {
			p.last = now
			p.draw(now)
		}
		return n, err
	})
}

func (p *progress) draw(now time.Time) {
	rate := Human(int64(float64(p.n)/now.Sub(p.start).Seconds()), "B/s", 1)
	text := fmt.Sprintf("%s  %s  %s", p.name, Human(p.n, "B", 1), rate)
	if p.size > 0 {
		part := min(float64(p.n)/float64(p.size), 1)
		full := int(part * progressWidth)
		bar := strings.Repeat("#", full) + strings.Repeat("-", progressWidth-full)
		text = fmt.Sprintf("%s  [%s] %3.0f%%  %s / %s  %s", p.name, bar, 100*part, Human(p.n, "B", 1), Human(p.size, "B", 1), rate)
	}
	pad := max(0, p.drawn-len(text))
	p.drawn = len(text)
	fmt.Fprintf(p.run.Err, "\r%s%s", text, strings.Repeat(" ", pad))
}

// done wipes the line.
func (p *progress) done() {
	if p != nil && p.drawn > 0 {
		fmt.Fprintf(p.run.Err, "\r%s\r", strings.Repeat(" ", p.drawn))
	}
}
