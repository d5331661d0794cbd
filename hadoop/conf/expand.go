package conf

import (
	"errors"
	"os"
	"os/user"
	"regexp"
	"strings"
)

const (
	maxLevels   = 20        // of values that refer to values, as in Hadoop
	maxExpanded = 128 << 10 // bytes
)

// variable is ${name} with no further ${ in it, so that the innermost goes first.
var variable = regexp.MustCompile(`\$\{[^}$ ]+\}`)

// expand replaces ${} until none is left that has a value. Unknown ones stay.
func (c *Config) expand(s string) (string, error) {
	for range maxLevels {
		if !strings.Contains(s, "${") {
			return s, nil
		}
		changed := false
		s = variable.ReplaceAllStringFunc(s, func(v string) string {
			if r, ok := c.variable(v[2 : len(v)-1]); ok {
				changed = true
				return r
			}
			return v
		})
		if !changed {
			return s, nil
		}
		if len(s) > maxExpanded {
			return "", errors.New("${} makes the value longer than 128 KiB")
		}
	}
	return "", errors.New("${} refers to itself or goes deeper than 20 levels")
}

// variable is the value of a name inside ${}: the environment, a property of
// the Java virtual machine that Hadoop's files use, or a key.
func (c *Config) variable(name string) (string, bool) {
	if env, ok := strings.CutPrefix(name, "env."); ok {
		return environment(env)
	}
	switch name {
	case "user.name":
		return UserName(), true
	case "user.home":
		home, err := os.UserHomeDir()
		return home, err == nil
	case "user.dir":
		dir, err := os.Getwd()
		return dir, err == nil
	case "java.io.tmpdir":
		return "/tmp", true
	}
	v, ok := c.raw(name)
	return v.raw, ok
}

// environment is NAME, NAME-default (unset) or NAME:-default (unset or empty).
func environment(name string) (string, bool) {
	if i := strings.IndexByte(name, '-'); i >= 0 {
		def := name[i+1:]
		name, orEmpty := strings.CutSuffix(name[:i], ":")
		v, ok := os.LookupEnv(name)
		if !ok || orEmpty && v == "" {
			return def, true
		}
		return v, true
	}
	return os.LookupEnv(name)
}

// UserName is the name of the user that runs this process, ${user.name}.
func UserName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}
