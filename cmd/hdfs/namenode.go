package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/namenode"
	"github.com/hopsql/hopsql/schema"
)

const namenodeUsage = `Usage: hdfs namenode [generic options]
	[-regular] |
	[-format [-clusterid cid ] [-force] [-nonInteractive] ] |
	[-dropAndCreateDB [-force] [-nonInteractive] ] |
	[-upgrade [-force] ] |
	[-genclusterid] |
	[-metadataVersion] |
	[-bootstrapStandby] |
	[-initializeSharedEdits]
`

// notHere are options of Hadoop's NameNode that mean nothing with a database, and
// what to do instead.
var notHere = map[string]string{
	"-backup":           "there are no backup nodes: the metadata is in the database",
	"-checkpoint":       "there are no checkpoints: the metadata is in the database",
	"-importcheckpoint": "there are no checkpoints: restore a backup of the database",
	"-rollback":         "restore the backup of the database that was made before the upgrade",
	"-rollingupgrade":   "NameNodes may be replaced one by one at any time; -upgrade brings the tables up to date",
	"-upgradeonly":      "use -upgrade, which does not start the NameNode",
	"-recover":          "there is no edit log to repair: the database recovers by itself",
	"-observer":         "every NameNode serves reads and writes",
}

// namenodeArgs are the parsed arguments of hdfs namenode.
type namenodeArgs struct {
	do             string // the start-up option, in lower case
	clusterID      string
	force          bool
	nonInteractive bool
}

// runNamenode is "hdfs namenode": it serves in the foreground, or prepares the store.
func runNamenode(args []string) int {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: namenodeLogLevel()})))
	opt, rest, err := conf.ParseGeneric(args)
	if err != nil {
		return namenodeFailed(err)
	}
	a, err := parseNamenodeArgs(rest)
	if err != nil {
		fmt.Fprintf(os.Stderr, "namenode: %v\n%s", err, namenodeUsage)
		return 1
	}
	switch a.do {
	case "-h", "-help":
		fmt.Print(namenodeUsage)
		return 0
	case "-genclusterid":
		fmt.Println("Generating new cluster id:")
		fmt.Println(namenode.NewClusterID())
		return 0
	case "-bootstrapstandby", "-initializesharededits":
		fmt.Println("Nothing to copy: all NameNodes share the metadata in the database.")
		return 0
	}
	if help, ok := notHere[a.do]; ok {
		fmt.Fprintf(os.Stderr, "namenode: %s is not supported: %s\n", a.do, help)
		return 1
	}
	c, err := conf.Load(opt)
	if err != nil {
		return namenodeFailed(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return namenodeDo(ctx, c, opt, a)
}

// namenodeDo does what the arguments ask for, with a configuration.
func namenodeDo(ctx context.Context, c *conf.Config, opt conf.Options, a *namenodeArgs) int {
	format := namenode.FormatOptions{ClusterID: a.clusterID, Force: a.force, NonInteractive: a.nonInteractive,
		In: os.Stdin, Out: os.Stderr, Logger: slog.Default()}
	var err error
	switch a.do {
	case "-format":
		err = namenode.Format(ctx, c, format)
	case "-dropandcreatedb":
		if err = namenode.Drop(ctx, c, format); err == nil {
			fmt.Println("All tables were dropped and created. Now format the file system: hdfs namenode -format")
		}
	case "-upgrade":
		var from, to uint
		if from, to, err = namenode.Upgrade(ctx, c, a.force); err == nil {
			fmt.Printf("The metadata store went from schema version %d to %d. Start the NameNode with: hdfs namenode\n", from, to)
		}
	case "-metadataversion":
		var version uint
		if version, err = namenode.StoreVersion(ctx, c); err == nil {
			fmt.Printf("HDFS Image Version: %d\nSoftware format version: %d\n", version, schema.Version)
		}
	default:
		return namenodeServe(ctx, c, opt)
	}
	if errors.Is(err, namenode.ErrAborted) {
		return 1 // it was said why
	}
	if err != nil {
		return namenodeFailed(err)
	}
	return 0
}

func namenodeServe(ctx context.Context, c *conf.Config, opt conf.Options) int {
	host, addr := thisHost()
	slog.Info("STARTUP_MSG: Starting NameNode", "host", host+"/"+addr, "version", namenode.Version)
	err := namenode.RunWith(ctx, c, namenode.Options{Salvage: salvager(c),
		Reload: func() (*conf.Config, error) { return conf.Load(opt) }})
	slog.Info("SHUTDOWN_MSG: Shutting down NameNode at " + host + "/" + addr)
	if err != nil && !errors.Is(err, context.Canceled) {
		return namenodeFailed(err)
	}
	return 0
}

// namenodeFailed prints the one line that says what went wrong.
func namenodeFailed(err error) int {
	fmt.Fprintf(os.Stderr, "namenode: %s\n", conf.RedactText(err.Error()))
	return 1
}

func thisHost() (name, addr string) {
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	addrs, err := net.LookupHost(name)
	if err != nil || len(addrs) == 0 {
		return name, "127.0.0.1"
	}
	return name, addrs[0]
}

// namenodeLogLevel is that of --loglevel, which is in force by now, or else of
// HADOOP_ROOT_LOGGER ("DEBUG,console"), or else INFO.
func namenodeLogLevel() slog.Level {
	switch log := slog.Default(); {
	case log.Enabled(context.Background(), slog.LevelDebug):
		return slog.LevelDebug
	case !log.Enabled(context.Background(), slog.LevelWarn):
		return slog.LevelError
	}
	word, _, _ := strings.Cut(os.Getenv("HADOOP_ROOT_LOGGER"), ",")
	switch strings.ToUpper(word) {
	case "DEBUG", "TRACE", "ALL":
		return slog.LevelDebug
	case "WARN":
		return slog.LevelWarn
	case "ERROR", "FATAL":
		return slog.LevelError
	}
	return slog.LevelInfo
}

// parseNamenodeArgs reads Hadoop's start-up options, which ignore case.
func parseNamenodeArgs(args []string) (*namenodeArgs, error) {
	a := &namenodeArgs{do: "-regular"}
	if len(args) == 0 {
		return a, nil
	}
	a.do = strings.ToLower(args[0])
	if _, ok := notHere[a.do]; ok {
		return a, nil
	}
	flags, known := map[string][]string{
		"-regular": nil, "-genclusterid": nil, "-metadataversion": nil, "-initializesharededits": {"-force", "-noninteractive"},
		"-h": nil, "-help": nil, "-format": {"-clusterid", "-force", "-noninteractive"},
		"-dropandcreatedb": {"-force", "-noninteractive"}, "-upgrade": {"-clusterid", "-force"},
		"-bootstrapstandby": {"-force", "-noninteractive", "-skipsharededitscheck"},
	}[a.do]
	if !known {
		return nil, fmt.Errorf("unknown option %s", args[0])
	}
	for i := 1; i < len(args); i++ {
		flag := strings.ToLower(args[i])
		if !slices.Contains(flags, flag) {
			return nil, fmt.Errorf("%s does not take %s", args[0], args[i])
		}
		switch flag {
		case "-force":
			a.force = true
		case "-noninteractive":
			a.nonInteractive = true
		case "-clusterid":
			i++
			if i == len(args) || args[i] == "" || strings.HasPrefix(args[i], "-") {
				return nil, errors.New("-clusterid needs a cluster id")
			}
			if len(args[i]) > 255 {
				return nil, errors.New("a cluster id has at most 255 characters")
			}
			a.clusterID = args[i]
		}
	}
	return a, nil
}
