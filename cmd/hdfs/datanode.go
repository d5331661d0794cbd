package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/hopsql/hopsql/datanode"
	"github.com/hopsql/hopsql/hadoop/conf"
)

const datanodeUsage = `Usage: hdfs datanode [generic options] [-regular]
    -regular                 : Normal DataNode startup (default).
Replicas are kept in dfs.datanode.data.dir. The NameNode is found by
dfs.namenode.servicerpc-address, dfs.namenode.rpc-address or fs.defaultFS.
`

// runDatanode is "hdfs datanode": it serves in the foreground until SIGTERM or SIGINT.
func runDatanode(args []string) int {
	opt, rest, err := conf.ParseGeneric(args)
	if err != nil {
		return datanodeFailed(err)
	}
	for _, arg := range rest {
		switch strings.ToLower(arg) {
		case "-regular":
		case "-h", "-help", "--help":
			fmt.Print(datanodeUsage)
			return 0
		case "-rollback", "-rollingupgrade":
			fmt.Fprintf(os.Stderr, "datanode: %s is not supported: the folders never change their layout, there is nothing to roll back\n", arg)
			return 1
		default:
			fmt.Fprintf(os.Stderr, "datanode: unknown option %s\n%s", arg, datanodeUsage)
			return 1
		}
	}
	cfg, err := conf.Load(opt)
	if err != nil {
		return datanodeFailed(err)
	}
	log := slog.New(newHadoopLog(os.Stderr, "datanode", namenodeLogLevel()))
	slog.SetDefault(log)
	d, err := datanode.New(cfg, datanode.WithLogger(log))
	if err != nil {
		return datanodeFailed(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	host, addr := thisHost()
	log.Info("STARTUP_MSG: Starting DataNode", "host", host+"/"+addr, "version", datanode.Version)
	err = d.Run(ctx)
	log.Info("SHUTDOWN_MSG: Shutting down DataNode at " + host + "/" + addr)
	if err != nil {
		return datanodeFailed(err)
	}
	return 0
}

// datanodeFailed prints the one line that says what went wrong.
func datanodeFailed(err error) int {
	fmt.Fprintf(os.Stderr, "datanode: %s\n", oneLine(conf.RedactText(err.Error())))
	return 1
}
