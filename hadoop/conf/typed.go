package conf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// bad is the error of a value that does not parse.
func (c *Config) bad(key, want string) error {
	return fmt.Errorf("%s = %q (%s): want %s", key, c.Redacted(key), c.Source(key), want)
}

// Int is a decimal or 0x number; def when the key has no value.
func (c *Config) Int(key string, def int64) (int64, error) {
	s := c.Get(key)
	if s == "" {
		return def, nil
	}
	n, err := parseInt(s)
	if err != nil {
		return def, c.bad(key, "a whole number")
	}
	return n, nil
}

func parseInt(s string) (int64, error) {
	digits := strings.TrimPrefix(s, "-")
	if len(digits) > 2 && (digits[:2] == "0x" || digits[:2] == "0X") {
		return strconv.ParseInt(s[:len(s)-len(digits)]+digits[2:], 16, 64)
	}
	return strconv.ParseInt(s, 10, 64)
}

// Size is a number of bytes with an optional binary suffix k m g t p e, in
// either case; def when the key has no value.
func (c *Config) Size(key string, def int64) (int64, error) {
	s := c.Get(key)
	if s == "" {
		return def, nil
	}
	n, err := ParseSize(s)
	if err != nil {
		return def, c.bad(key, "a number of bytes, with k, m, g, t, p or e behind it for multiples of 1024")
	}
	return n, nil
}

// ParseSize parses what Size does.
func ParseSize(s string) (int64, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, fmt.Errorf("an empty size")
	}
	shift := 0
	if i := strings.IndexByte("kmgtpe", s[len(s)-1]|0x20); i >= 0 && !strings.HasPrefix(strings.TrimPrefix(s, "-"), "0x") {
		shift = 10 * (i + 1)
		s = strings.TrimSpace(s[:len(s)-1])
	}
	n, err := parseInt(s)
	if err != nil {
		return 0, err
	}
	if big := n << shift; big>>shift == n {
		return big, nil
	}
	return 0, fmt.Errorf("%s does not fit in 64 bits", s)
}

// Bool is true or false in any case; def when the key has no value.
func (c *Config) Bool(key string, def bool) (bool, error) {
	s := c.Get(key)
	switch strings.ToLower(s) {
	case "":
		return def, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return def, c.bad(key, "true or false")
}

// Float is a decimal number, with or without Java's suffix f; def when the key
// has no value.
func (c *Config) Float(key string, def float64) (float64, error) {
	s := c.Get(key)
	if s == "" {
		return def, nil
	}
	f, err := strconv.ParseFloat(strings.TrimRight(s, "fFdD"), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return def, c.bad(key, "a number")
	}
	return f, nil
}

var durationUnits = []struct {
	suffix string
	unit   time.Duration
}{ // longer suffixes first
	{"ns", time.Nanosecond}, {"us", time.Microsecond}, {"ms", time.Millisecond},
	{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour},
}

// Duration is a number with a suffix ns us ms s m h d, or a bare number of
// unit; def when the key has no value. What is too long for a time.Duration, as
// Java's largest long in ms, is the longest Duration.
func (c *Config) Duration(key string, def time.Duration, unit time.Duration) (time.Duration, error) {
	s := strings.ToLower(c.Get(key))
	if s == "" {
		return def, nil
	}
	for _, u := range durationUnits {
		if number, ok := strings.CutSuffix(s, u.suffix); ok {
			s, unit = strings.TrimSpace(number), u.unit
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return def, c.bad(key, "a whole number, with ns, us, ms, s, m, h or d behind it")
	}
	if n > math.MaxInt64/int64(unit) {
		return math.MaxInt64, nil
	}
	if n < math.MinInt64/int64(unit) {
		return math.MinInt64, nil
	}
	return time.Duration(n) * unit, nil
}

// Strings is the value split at commas and line ends and trimmed, without
// empty entries.
func (c *Config) Strings(key string) []string {
	var all []string
	for s := range strings.FieldsFuncSeq(c.Get(key), func(r rune) bool { return r == ',' || r == '\n' }) {
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	return all
}
