package shell

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// pattern matches one path component: * ? [a-b] [^a] [!a] {a,b} and \ before
// what is meant as it is.
type pattern struct {
	re       *regexp.Regexp
	wildcard bool
}

func (p *pattern) matches(base string) bool { return p.re.MatchString(base) }

func patternError(what, glob string, at int) error {
	return plain(fmt.Sprintf("Illegal file pattern: error parsing regexp: %s at pos %d: `%s`", what, at, glob))
}

// compilePattern turns a component of a glob into a regular expression, as
// Hadoop does, so that the same patterns are refused.
func compilePattern(glob string) (*pattern, error) {
	var re strings.Builder
	set, curly := 0, 0
	wild := false
	re.WriteString("(?s)^(?:")
	for i := 0; i < len(glob); i++ {
		c := glob[i]
		switch c {
		case '\\':
			if i++; i >= len(glob) {
				return nil, patternError("Missing escaped character", glob, i)
			}
			re.WriteString(regexp.QuoteMeta(glob[i : i+1]))
			continue
		case '.', '$', '(', ')', '|', '+':
			re.WriteByte('\\')
		case '*':
			if set == 0 {
				re.WriteByte('.')
			} else {
				re.WriteByte('\\')
			}
			wild = true
		case '?':
			if set == 0 {
				re.WriteByte('.')
				wild = true
				continue
			}
		case '{':
			if set == 0 {
				re.WriteString("(?:")
				curly++
				wild = true
				continue
			}
		case ',':
			if set == 0 && curly > 0 {
				re.WriteByte('|')
				continue
			}
		case '}':
			if set == 0 {
				if curly > 0 {
					curly--
					re.WriteByte(')')
					continue
				}
				re.WriteByte('\\')
			}
		case '[':
			if set > 0 {
				return nil, patternError("Unclosed character class", glob, i)
			}
			set++
			wild = true
		case '^':
			if set == 0 {
				re.WriteByte('\\')
			}
		case '!':
			if set > 0 && glob[i-1] == '[' {
				re.WriteByte('^')
				continue
			}
		case ']':
			if set == 0 {
				re.WriteByte('\\')
			}
			set = 0
		}
		re.WriteByte(c)
	}
	switch {
	case set > 0:
		return nil, patternError("Unclosed character class", glob, len(glob))
	case curly > 0:
		return nil, patternError("Unclosed group", glob, len(glob))
	}
	re.WriteString(")$")
	compiled, err := regexp.Compile(re.String())
	if err != nil {
		return nil, plain("Illegal file pattern: " + err.Error())
	}
	return &pattern{compiled, wild}, nil
}

// expandBraces writes out the braces that hold a slash, since components are
// matched one by one: /{a/b,c}/d is /a/b/d and /c/d.
//
// Every brace multiplies, so what would be more than maxAlternatives is refused.
func expandBraces(glob string) ([]string, error) {
	done, todo := []string(nil), []string{glob}
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		alts := splitOne(next)
		if alts == nil {
			done = append(done, next)
			continue
		}
		slices.Reverse(alts)
		if todo = append(todo, alts...); len(todo)+len(done) > maxAlternatives {
			return nil, plain(fmt.Sprintf("Illegal file pattern: it stands for more than %d paths", maxAlternatives))
		}
	}
	return done, nil
}

// Most paths that the braces of one pattern are written out to.
const maxAlternatives = 10000

// splitOne writes out the first brace that holds a slash, nil if there is none.
func splitOne(glob string) []string {
	start, depth, slash := -1, 0, false
	for i := 0; i < len(glob); i++ {
		switch glob[i] {
		case '\\':
			i++
		case '{':
			if depth == 0 {
				start, slash = i, false
			}
			depth++
		case '/':
			slash = slash || depth > 0
		case '}':
			if depth == 0 {
				continue
			}
			if depth--; depth == 0 && slash {
				var out []string
				for _, alt := range splitAlternatives(glob[start+1 : i]) {
					out = append(out, glob[:start]+alt+glob[i+1:])
				}
				return out
			}
		}
	}
	return nil
}

func splitAlternatives(s string) []string {
	var out []string
	depth, from := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, s[from:i])
				from = i + 1
			}
		}
	}
	return append(out, s[from:])
}

// unescape takes the backslashes away.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
