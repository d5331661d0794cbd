package client

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"
)

// Resolve makes name absolute and clean: doubled slashes, "." and ".." go away,
// and a relative name is taken below Home. Names that no HDFS server can hold
// (empty, not UTF-8, with a NUL) are fs.ErrInvalid.
func (c *Client) Resolve(name string) (string, error) {
	switch {
	case name == "":
		return "", fmt.Errorf("the name is empty: %w", fs.ErrInvalid)
	case !utf8.ValidString(name):
		return "", fmt.Errorf("the name is not UTF-8: %w", fs.ErrInvalid)
	case strings.ContainsRune(name, 0):
		return "", fmt.Errorf("the name holds a NUL: %w", fs.ErrInvalid)
	}
	if !strings.HasPrefix(name, "/") {
		name = c.Home() + "/" + name
	}
	return path.Clean(name), nil
}

// Home is the directory that relative names start from: /user/<user>, where
// dfs.user.home.dir.prefix can replace /user.
func (c *Client) Home() string { return path.Join(c.s.homePrefix, c.s.user) }
