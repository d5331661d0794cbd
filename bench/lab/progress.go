package lab

import (
	"fmt"
	"io"
	"os"
	"time"
)

// Progress tells on standard error how far a benchmark is: on a terminal what runs
// now, in a line that is written over, and everywhere a line for each thing done.
type Progress struct {
	out      io.Writer
	terminal bool
	began    time.Time
}

// NewProgress starts the clock.
func NewProgress() *Progress {
	p := &Progress{out: os.Stderr, began: time.Now()}
	if info, err := os.Stderr.Stat(); err == nil {
		p.terminal = info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// Now says what runs.
func (p *Progress) Now(format string, args ...any) {
	if p.terminal {
		fmt.Fprintf(p.out, "\r\x1b[K%s  %s", p.clock(), fmt.Sprintf(format, args...))
	}
}

// Done says what is finished.
func (p *Progress) Done(format string, args ...any) {
	line := p.clock() + "  " + fmt.Sprintf(format, args...) + "\n"
	if p.terminal {
		line = "\r\x1b[K" + line
	}
	io.WriteString(p.out, line)
}

func (p *Progress) clock() string {
	s := int(time.Since(p.began).Seconds())
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}
