package main

import (
	"fmt"
	"strings"

	"github.com/hopsql/hopsql/hadoop/conf"
)

const getconfUsage = `hdfs getconf is utility for getting configuration information from the config file.

hadoop getconf 
	[-namenodes]			gets list of namenodes in the cluster.
	[-secondaryNameNodes]			gets list of secondary namenodes in the cluster.
	[-backupNodes]			gets list of backup nodes in the cluster.
	[-journalNodes]			gets list of journal nodes in the cluster.
	[-includeFile]			gets the include file path that defines the datanodes that can join the cluster.
	[-excludeFile]			gets the exclude file path that defines the datanodes that need to decommissioned.
	[-nnRpcAddresses]			gets the namenode rpc addresses
	[-confKey [key]]			gets a specific key from the configuration

`

// getconf reads the configuration and asks nobody.
func (t *tool) getconf(args []string) int {
	cfg, rest, err := load(args)
	if err != nil {
		return t.complain("hdfs getconf", err)
	}
	if len(rest) == 0 {
		fmt.Fprint(t.err, getconfUsage)
		return exitBad
	}
	what := strings.ToLower(rest[0])
	if what != "-confkey" && len(rest) > 1 {
		return t.complain("hdfs getconf", fmt.Errorf("did not expect argument: %s", rest[1]))
	}
	switch what {
	case "-namenodes":
		return t.printHosts(cfg)
	case "-nnrpcaddresses":
		addrs, err := t.nodeAddresses(cfg)
		if err != nil {
			return t.complain("hdfs getconf", err)
		}
		for _, a := range addrs {
			fmt.Fprintf(t.out, "%s:%s\n", a[0], a[1])
		}
		return 0
	case "-secondarynamenodes", "-backupnodes", "-journalnodes":
		fmt.Fprintln(t.out) // there are none, and scripts start none for an empty line
		return 0
	case "-includefile":
		return t.printKey(cfg, "dfs.hosts")
	case "-excludefile":
		return t.printKey(cfg, "dfs.hosts.exclude")
	case "-confkey":
		if len(rest) != 2 {
			fmt.Fprintln(t.err, "usage: -confKey [key]")
			return exitBad
		}
		return t.printKey(cfg, rest[1])
	}
	fmt.Fprint(t.err, getconfUsage)
	return exitBad
}

func (t *tool) printHosts(cfg *conf.Config) int {
	addrs, err := t.nodeAddresses(cfg)
	if err != nil {
		return t.complain("hdfs getconf", err)
	}
	var hosts []string
	for _, a := range addrs {
		hosts = append(hosts, a[0])
	}
	fmt.Fprintln(t.out, strings.Join(hosts, " "))
	return 0
}

// printKey hides passwords as the log does.
func (t *tool) printKey(cfg *conf.Config, key string) int {
	if v, found := cfg.Lookup(key); !found || v == "" {
		fmt.Fprintf(t.err, "Configuration %s is missing.\n", key)
		return exitBad
	}
	fmt.Fprintln(t.out, cfg.Redacted(key))
	return 0
}
