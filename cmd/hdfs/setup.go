package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/shell"
)

// exitBad is Java's -1.
const exitBad = 255

// load takes the generic options off args and reads the configuration.
func load(args []string) (*conf.Config, []string, error) {
	opt, rest, err := conf.ParseGeneric(args)
	if err != nil {
		return nil, nil, err
	}
	cfg, err := conf.Load(opt)
	return cfg, rest, err
}

// dial makes a client of fs.defaultFS.
func dial(cfg *conf.Config) (*client.Client, error) {
	return client.New(cfg, client.WithLogger(slog.Default()))
}

// complain prints one line about a failure of a tool.
func (t *tool) complain(who string, err error) int {
	fmt.Fprintf(t.err, "%s: %s\n", who, shell.Message(err))
	return exitBad
}

// usage prints how a verb is written, on the stream for errors.
func (t *tool) usage(text string) int {
	fmt.Fprintln(t.err, "Usage: "+text)
	return exitBad
}

// socketName is an address as Java prints it: host/ip:port.
func socketName(ctx context.Context, addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if net.ParseIP(host) != nil {
		return "/" + addr
	}
	ips, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil || len(ips) == 0 {
		return host + "/<unresolved>:" + port
	}
	return host + "/" + net.JoinHostPort(ips[0], port)
}

// hostOf is the name of an address's host; the name servers are asked about a
// bare IP, for a second at most.
func hostOf(ctx context.Context, host string) string {
	if net.ParseIP(host) == nil {
		return host
	}
	if name, found := reverse(ctx, host); found {
		return name
	}
	return host
}

func reverse(ctx context.Context, ip string) (string, bool) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	names, err := net.DefaultResolver.LookupAddr(ctx, ip)
	if err != nil || len(names) == 0 {
		return "", false
	}
	return strings.TrimSuffix(names[0], "."), true
}

// confDir is where the configuration is read from, "" for built-in defaults.
func confDir() string {
	if d := os.Getenv("HADOOP_CONF_DIR"); d != "" {
		return d
	}
	if h := os.Getenv("HADOOP_HOME"); h != "" {
		return h + "/etc/hadoop"
	}
	return ""
}
