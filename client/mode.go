package client

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// The grammar of chmod in Hadoop: repeated operators and blanks are let through,
// setuid and setgid do not exist.
var (
	symbolicMode = regexp.MustCompile(`^\s*([ugoa]*)([+=-]+)([rwxXt]+)([,\s]*)\s*`)
	octalMode    = regexp.MustCompile(`^\s*[+]?([01]?)([0-7])([0-7])([0-7])\s*$`)
)

// Mode is a parsed argument of chmod: "755", "1777", "u+rw,go-w", "a=rX", "+t".
type Mode struct {
	sticky, user, group, other segment
}

// segment is one operator with the bits rwx it applies; bit 8 stands for X.
type segment struct {
	op   byte
	bits uint32
}

// ParseMode reads octal (three digits, or four with 0 or 1 in front) or symbolic
// modes. What is neither is fs.ErrInvalid.
func ParseMode(s string) (Mode, error) {
	if symbolicMode.MatchString(s) {
		return parseSymbolic(s)
	}
	if m := octalMode.FindStringSubmatch(s); m != nil {
		bits := func(d string) uint32 {
			if d == "" {
				return 0
			}
			return uint32(d[0] - '0')
		}
		return Mode{segment{'=', bits(m[1])}, segment{'=', bits(m[2])}, segment{'=', bits(m[3])}, segment{'=', bits(m[4])}}, nil
	}
	return Mode{}, badMode(s)
}

func badMode(s string) error {
	return fmt.Errorf("mode '%s' does not match the expected pattern.: %w", s, fs.ErrInvalid)
}

func parseSymbolic(s string) (Mode, error) {
	none := segment{op: '+'}
	m := Mode{none, none, none, none}
	for rest, comma := s, true; rest != ""; {
		g := symbolicMode.FindStringSubmatch(rest)
		if g == nil || !comma {
			return Mode{}, badMode(s)
		}
		seg := segment{op: g[2][len(g[2])-1]}
		sticky := uint32(0)
		for _, c := range g[3] {
			switch c {
			case 'r':
				seg.bits |= 4
			case 'w':
				seg.bits |= 2
			case 'x':
				seg.bits |= 1
			case 'X':
				seg.bits |= 8
			case 't':
				sticky = 1
			}
		}
		who := strings.ReplaceAll(g[1], "a", "")
		if who == "" {
			who = "ugo"
		}
		if strings.Contains(who, "u") {
			m.user = seg
		}
		if strings.Contains(who, "g") {
			m.group = seg
		}
		if strings.Contains(who, "o") {
			m.other = seg
			m.sticky = segment{seg.op, sticky}
		}
		comma = strings.Contains(g[4], ",")
		rest = rest[len(g[0]):]
	}
	return m, nil
}

// Apply gives the permission bits that old becomes; X counts for directories and
// for files that somebody can execute already.
func (m Mode) Apply(old uint32, dir bool) uint32 {
	exec := dir || old&0o111 != 0
	return m.sticky.apply(old>>9&1, false)<<9 |
		m.user.apply(old>>6&7, exec)<<6 |
		m.group.apply(old>>3&7, exec)<<3 |
		m.other.apply(old&7, exec)
}

func (s segment) apply(old uint32, exec bool) uint32 {
	bits := s.bits
	capX := bits&8 != 0
	if capX {
		bits = bits&^8 | 1
	}
	switch s.op {
	case '+':
		bits |= old
	case '-':
		bits = old &^ bits
	}
	if capX && !exec && old&1 == 0 {
		bits &^= 1
	}
	return bits
}
