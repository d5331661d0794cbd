// Package conf reads Hadoop's configuration: core-site.xml and hdfs-site.xml,
// -conf files and -D options over a built-in table of Hadoop 3.4's defaults.
//
// It promises Hadoop's rules of precedence, <final>, ${} expansion, deprecated
// names, sizes and durations, and errors that name the file and line or the key.
// Unknown keys are kept silently. It knows the names and defaults of keys and
// nothing of what they mean.
//
// Unlike Hadoop it trims values, and it refuses what is neither true nor false
// where a boolean is wanted.
package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// siteFiles are read from the configuration directory in this order.
var siteFiles = []string{"core-site.xml", "hdfs-site.xml", "hadoop-policy.xml"}

// Config is one loaded configuration. It is safe for concurrent use.
type Config struct {
	mu       sync.RWMutex
	values   map[string]value // by current name; defaults are not in it
	warnings []string
}

// value is what a file or an option said.
type value struct {
	raw    string // before expansion
	source string // file:line, or where else it is from
	final  bool
}

// Options says what Load reads.
type Options struct {
	Dir   string   // "" = $HADOOP_CONF_DIR, else $HADOOP_HOME/etc/hadoop; none = built-in defaults only
	Files []string // -conf, in order, after the files of Dir
	Set   []string // "key=value" of -D; wins over everything, final or not
}

// Load reads core-site.xml, hdfs-site.xml and hadoop-policy.xml of the directory, then
// Files, then Set. Missing site files are allowed; a missing directory that was asked for
// and missing Files are not. Errors name file and line.
func Load(opt Options) (*Config, error) {
	files, err := opt.files()
	if err != nil {
		return nil, err
	}
	c := &Config{values: make(map[string]value)}
	for _, file := range files {
		l := loader{add: c.add}
		if err := l.file(file, 0); err != nil {
			return nil, err
		}
	}
	for _, kv := range opt.Set {
		key, v, found := strings.Cut(kv, "=")
		if key = strings.TrimSpace(key); !found || key == "" {
			return nil, fmt.Errorf("-D %s: want property=value", RedactText(kv))
		}
		c.put(key, value{raw: v, source: "-D"})
	}
	c.check()
	return c, nil
}

// files are the paths that exist or must exist.
func (opt Options) files() ([]string, error) {
	dir, required := opt.Dir, true
	if dir == "" {
		dir = os.Getenv("HADOOP_CONF_DIR")
	}
	if dir == "" {
		if home := os.Getenv("HADOOP_HOME"); home != "" {
			dir, required = filepath.Join(home, "etc", "hadoop"), false
		}
	}
	var files []string
	if dir != "" {
		if info, err := os.Stat(dir); required && (err != nil || !info.IsDir()) {
			return nil, fmt.Errorf("the configuration directory %s (HADOOP_CONF_DIR) does not exist or is no directory", dir)
		}
		for _, name := range siteFiles {
			path := filepath.Join(dir, name)
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				files = append(files, path)
			}
		}
	}
	return append(files, opt.Files...), nil
}

// New is a configuration of the defaults and kv, for tests.
func New(kv map[string]string) *Config {
	c := &Config{values: make(map[string]value)}
	for k, v := range kv {
		c.Set(k, v)
	}
	return c
}

// add takes a property of a file, unless an earlier file made it final.
func (c *Config) add(key string, v value) {
	if old := c.values[Current(key)]; old.final {
		if old.raw != v.raw {
			c.warnings = append(c.warnings, fmt.Sprintf("%s: an attempt to override the final parameter %s is ignored", v.source, key))
		}
		return
	}
	c.put(key, v)
}

func (c *Config) put(key string, v value) {
	v.raw = strings.TrimRight(v.raw, " \t\r\n")
	if !strings.HasPrefix(key, "security.") { // an access list of groups alone begins with a blank
		v.raw = strings.TrimLeft(v.raw, " \t\r\n")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[Current(key)] = v
}

// check warns of values that do not expand.
func (c *Config) check() {
	for _, key := range slices.Sorted(maps.Keys(c.values)) {
		if _, err := c.expand(c.values[key].raw); err != nil {
			c.warnings = append(c.warnings, fmt.Sprintf("%s: %s: %v; its ${} are left as they are", c.values[key].source, key, err))
		}
	}
}

// Warnings are remarks of Load that somebody should log.
func (c *Config) Warnings() []string { return c.warnings }

// raw is the value before expansion and where it is from.
func (c *Config) raw(key string) (v value, ok bool) {
	key = Current(key)
	c.mu.RLock()
	v, ok = c.values[key]
	c.mu.RUnlock()
	if !ok {
		v.source = "default"
		v.raw, ok = defaults()[key]
	}
	return v, ok
}

// Get is the expanded value of key, "" when it has none.
func (c *Config) Get(key string) string {
	s, _ := c.Lookup(key)
	return s
}

// Lookup is Get that tells an empty value from none. A value that cannot be
// expanded, because it refers to itself, comes unexpanded.
func (c *Config) Lookup(key string) (string, bool) {
	v, ok := c.raw(key)
	if s, err := c.expand(v.raw); err == nil {
		return s, ok
	}
	return v.raw, ok
}

// IsSet reports whether a file, an option or Set gave key a value.
func (c *Config) IsSet(key string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, ok := c.values[Current(key)]
	return ok
}

// Source is where the value of key is from: file:line, "-D", "default", ….
func (c *Config) Source(key string) string {
	v, ok := c.raw(key)
	if !ok {
		return ""
	}
	return v.source
}

// Set gives key a value, even if it was final.
func (c *Config) Set(key, v string) { c.put(key, value{raw: v, source: "set by the program"}) }

// Keys are the keys that have a value, sorted, under their current names.
func (c *Config) Keys() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	keys := make(map[string]struct{}, len(c.values)+len(defaults()))
	for k := range c.values {
		keys[k] = struct{}{}
	}
	for k := range defaults() {
		keys[k] = struct{}{}
	}
	return slices.Sorted(maps.Keys(keys))
}

// defaults are the built-in values by key.
var defaults = sync.OnceValue(func() map[string]string {
	all := make(map[string]string)
	for _, m := range []map[string]string{coreDefaults, hdfsDefaults, namenodeDefaults, datanodeDefaults, clientDefaults} {
		maps.Copy(all, m)
	}
	return all
})
