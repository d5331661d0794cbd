package shell

import (
	"fmt"
	"math"
	"strings"
)

// many is no upper limit of arguments.
const many = math.MaxInt

// format says which options a verb knows and how many arguments it wants.
type format struct {
	flags    []string // without dash
	values   []string // take the next word
	min, max int
	lenient  bool // unknown options are arguments (chmod -x)
}

// options is what was found.
type options struct {
	flags  map[string]bool
	values map[string]string
}

func (o options) has(flag string) bool { return o.flags[flag] }

// value is the word after an option; given tells an empty one from none.
func (o options) value(name string) (v string, given bool) {
	v, given = o.values[name]
	return v, given
}

// parse takes the options off args. They end at the first word without a dash,
// at a lone "-" (which stands for standard input) and at "--", which goes away.
func (f format) parse(args []string) (options, []string, error) {
	o := options{flags: map[string]bool{}, values: map[string]string{}}
	known, valued := setOf(f.flags), setOf(f.values)
	rest := append([]string(nil), args...)
	for pos := 0; pos < len(rest); {
		arg := rest[pos]
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			break
		}
		if arg == "--" {
			rest = append(rest[:pos], rest[pos+1:]...)
			break
		}
		opt := arg[1:]
		switch {
		case known[opt]:
			rest = append(rest[:pos], rest[pos+1:]...)
			o.flags[opt] = true
		case valued[opt]:
			rest = append(rest[:pos], rest[pos+1:]...)
			o.values[opt] = ""
			if pos < len(rest) && len(rest) > f.min && !strings.HasPrefix(rest[pos], "-") {
				o.values[opt] = rest[pos]
				rest = append(rest[:pos], rest[pos+1:]...)
			}
		case f.lenient:
			pos++
		default:
			return o, nil, badUsage("Illegal option " + arg)
		}
	}
	switch n := len(rest); {
	case n < f.min:
		return o, nil, badUsage(fmt.Sprintf("Not enough arguments: expected %d but got %d", f.min, n))
	case n > f.max:
		return o, nil, badUsage(fmt.Sprintf("Too many arguments: expected %d but got %d", f.max, n))
	}
	return o, rest, nil
}

func setOf(words []string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}
