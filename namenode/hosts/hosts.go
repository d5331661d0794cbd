// Package hosts reads the operator's lists of DataNodes: who may serve, who is to be
// emptied, who is under maintenance. It knows no DataNode.
package hosts

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/hadoop/conf"
)

// Keys of the configuration.
const (
	keyHosts    = "dfs.hosts"
	keyExclude  = "dfs.hosts.exclude"
	keyProvider = "dfs.namenode.hosts.provider.classname"
)

// A Wish is what the operator wants with a DataNode.
type Wish int

// The wishes.
const (
	Serve    Wish = iota // it is in service
	Empty                // it is decommissioned: its blocks go elsewhere
	Maintain             // it is under maintenance: it will be back
	Refuse               // it does not belong to the file system
)

// Lists are the lists as last read. Safe for many goroutines.
type Lists struct {
	read func(context.Context) (*reading, error)
	log  *slog.Logger
	last atomic.Pointer[reading]
}

// FromConf reads the lists that dfs.hosts and dfs.hosts.exclude name, in the form that
// dfs.namenode.hosts.provider.classname says.
func FromConf(ctx context.Context, c *conf.Config, log *slog.Logger) (*Lists, error) {
	if log == nil {
		log = slog.Default()
	}
	l := &Lists{log: log}
	include, exclude := c.Get(keyHosts), c.Get(keyExclude)
	provider := c.Get(keyProvider)
	switch provider[strings.LastIndexByte(provider, '.')+1:] {
	case "", "HostFileManager":
		l.read = func(ctx context.Context) (*reading, error) { return l.readPlain(ctx, include, exclude) }
	case "CombinedHostFileManager":
		l.read = func(ctx context.Context) (*reading, error) { return l.readCombined(ctx, include) }
	default:
		return nil, fmt.Errorf("%s is %s: expected HostFileManager or CombinedHostFileManager", keyProvider, provider)
	}
	return l, l.Reload(ctx)
}

// Reload reads the files again. After an error the lists stay as they were.
func (l *Lists) Reload(ctx context.Context) error {
	fresh, err := l.read(ctx)
	if err != nil {
		return err
	}
	l.last.Store(fresh)
	return nil
}

// Wish returns what is wanted with the DataNode that has an address, a name and a
// port, and for Maintain until when, in ms since the epoch, 0 for no end. A
// maintenance that is over before now is not wanted any more.
func (l *Lists) Wish(ip, name string, port int64, now time.Time) (w Wish, until int64) {
	r := l.last.Load()
	e := r.find(ip, name, port)
	switch {
	case r.closed && !e.in:
		return Refuse, 0
	case e.wish == Maintain && e.until != 0 && e.until <= now.UnixMilli():
		return Serve, 0
	}
	return e.wish, e.until
}

// A reading is the lists as they were at one time.
type reading struct {
	closed  bool // only hosts that are listed may serve
	entries map[string][]entry
}

// An entry is one host of a list. port is 0 for any.
type entry struct {
	port  int64
	in    bool // it lets the host in
	wish  Wish
	until int64 // ms
}

// find gathers what the entries for a DataNode say: out of service goes first.
func (r *reading) find(ip, name string, port int64) (e entry) {
	for _, key := range []string{address(ip), strings.ToLower(name)} {
		for _, o := range r.entries[key] {
			if o.port != 0 && o.port != port {
				continue
			}
			e.in = e.in || o.in
			if e.wish != Empty && o.wish != Serve {
				e.wish, e.until = o.wish, o.until
			}
		}
	}
	return e
}

// add puts a host into the lists, under its name and its addresses. A name without an
// address is left out, with a warning, as it is in HDFS.
func (r *reading) add(ctx context.Context, log *slog.Logger, host string, e entry) {
	host = strings.ToLower(host)
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		key := address(ip.String())
		r.entries[key] = append(r.entries[key], e)
		return
	}
	r.entries[host] = append(r.entries[host], e)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		log.Warn("a host of the lists of DataNodes has no address", "host", host, "err", err)
		return
	}
	for _, ip := range ips {
		key := address(ip.String())
		r.entries[key] = append(r.entries[key], e)
	}
}

// readPlain reads two lists of host or host:port.
func (l *Lists) readPlain(ctx context.Context, include, exclude string) (*reading, error) {
	r := &reading{entries: map[string][]entry{}}
	for _, list := range []struct {
		key, file string
		wish      Wish
	}{{keyHosts, include, Serve}, {keyExclude, exclude, Empty}} {
		if list.file == "" {
			continue
		}
		data, err := os.ReadFile(list.file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", list.key, err)
		}
		for line := range strings.Lines(string(data)) {
			line, _, _ = strings.Cut(line, "#")
			for _, word := range strings.Fields(line) {
				host, port, err := split(word)
				if err != nil {
					return nil, fmt.Errorf("%s: %s: %w", list.key, list.file, err)
				}
				r.closed = r.closed || list.wish == Serve
				r.add(ctx, l.log, host, entry{port: port, in: list.wish == Serve, wish: list.wish})
			}
		}
	}
	return r, nil
}

// split takes host:port apart. The port may be missing.
func split(word string) (host string, port int64, err error) {
	if strings.Count(word, ":") > 1 && !strings.HasPrefix(word, "[") {
		return word, 0, nil // an IPv6 address
	}
	host, digits, err := net.SplitHostPort(word)
	if err != nil {
		return strings.Trim(word, "[]"), 0, nil //nolint:nilerr // no port
	}
	port, err = strconv.ParseInt(digits, 10, 32)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("%q is no host:port", word)
	}
	return host, port, nil
}

// address is an address in its shortest form.
func address(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return strings.ToLower(ip)
	}
	return a.Unmap().WithZone("").String()
}
