package conf

import (
	"fmt"
	"io"
	"strings"
)

// charset reads the single-byte encodings that a file may declare besides UTF-8.
func charset(name string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "us-ascii", "ascii":
		return r, nil
	case "iso-8859-1", "latin1":
		return &latin1{r: r}, nil
	}
	return nil, fmt.Errorf("encoding %q is not known, use UTF-8", name)
}

// latin1 turns each byte into the character of that number.
type latin1 struct {
	r    io.Reader
	rest []byte
}

func (c *latin1) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		var b [512]byte
		n, err := c.r.Read(b[:])
		for _, x := range b[:n] {
			c.rest = append(c.rest, string(rune(x))...)
		}
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}
