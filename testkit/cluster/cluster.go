// Package cluster starts NameNodes and DataNodes of this project as processes, on
// free loopback ports, with a configuration folder that stock Hadoop clients can
// use as well.
//
// It promises that every process is ready when it says so and gone when the test
// is, and that what the processes logged is shown when something fails. It knows
// the commands and keys that an operator knows, and nothing else of the project.
package cluster

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/testkit/hadoop"
	"github.com/hopsql/hopsql/testkit/process"
)

const (
	// ClientProtocol is the protocol that file system clients speak.
	ClientProtocol = "org.apache.hadoop.hdfs.protocol.ClientProtocol"

	startPatience = 60 * time.Second
	stopPatience  = 20 * time.Second
)

// Options say what to start. The zero value is a NameNode on SQLite without
// DataNodes.
type Options struct {
	StoreURL  string            // dfs.storage.driver.url, "" for SQLite in the cluster's folder
	NameNodes int               // how many, 0 for one; more make the nameservice Nameservice
	StoreURLs []string          // StoreURL of each NameNode that goes another way, "" for StoreURL
	DataNodes int               // how many Go DataNodes
	Hosts     []string          // the name of the machine of each DataNode, "" for 127.0.0.1
	Conf      map[string]string // further keys of all processes and clients
	Race      bool              // run the binary with the race detector
	NoFormat  bool              // the store is formatted already
}

// Cluster is a running file system.
type Cluster struct {
	Dir      string // holds everything
	Conf     string // configuration folder, for HADOOP_CONF_DIR
	StoreURL string
	Address  string // host:port of the NameNode's RPC, the first one's if there are many
	Web      string // host:port of the NameNode's HTTP

	// Wrap, if not nil, changes the command line of a server before it is started.
	Wrap func(name string, args []string) []string

	binary string
	props  map[string]string // of the configuration folder
	nns    []*namenode
	dns    []*process.Process
	dnArgs [][]string
	client *rpc.Client
}

// Start formats the store, starts the processes and waits until every DataNode
// is known to the NameNode.
func Start(tb testing.TB, opt Options) *Cluster {
	tb.Helper()
	c := New(tb, opt)
	if !opt.NoFormat {
		c.Format(tb)
	}
	for i := range c.nns {
		c.Start(tb, i)
	}
	for i := range opt.DataNodes {
		c.StartDataNode(tb, i)
	}
	c.WaitDataNodes(tb, opt.DataNodes)
	return c
}

// New prepares a cluster and starts nothing.
func New(tb testing.TB, opt Options) *Cluster {
	tb.Helper()
	dir := tb.TempDir()
	c := &Cluster{
		Dir: dir, Conf: filepath.Join(dir, "conf"), StoreURL: opt.StoreURL,
		dns: make([]*process.Process, opt.DataNodes),
	}
	if c.binary = Binary(tb); opt.Race {
		c.binary = RaceBinary(tb)
	}
	if c.StoreURL == "" {
		c.StoreURL = "sqlite://" + filepath.Join(dir, "namespace.db")
	}
	c.addNameNodes(tb, opt)
	for i := range opt.DataNodes {
		c.dnArgs = append(c.dnArgs, []string{
			"-D", "dfs.datanode.data.dir=" + filepath.Join(dir, fmt.Sprintf("data%d", i+1)),
			"-D", "dfs.datanode.address=" + address(tb),
			"-D", "dfs.datanode.http.address=" + address(tb),
			"-D", "dfs.datanode.ipc.address=" + address(tb),
		})
		if i < len(opt.Hosts) && opt.Hosts[i] != "" {
			c.dnArgs[i] = append(c.dnArgs[i], "-D", "dfs.datanode.hostname="+opt.Hosts[i])
		}
	}
	props := map[string]string{
		"fs.defaultFS":                                         c.FS(),
		"hadoop.tmp.dir":                                       filepath.Join(dir, "tmp"),
		"dfs.storage.driver.url":                               c.StoreURL,
		"hadoop.log.dir":                                       dir,
		"dfs.datanode.hostname":                                "127.0.0.1",
		"dfs.replication":                                      fmt.Sprint(min(max(opt.DataNodes, 1), 3)),
		"dfs.namenode.fs-limits.min-block-size":                "16",
		"dfs.namenode.safemode.extension":                      "0",
		"dfs.heartbeat.interval":                               "1",
		"dfs.namenode.datanode.registration.ip-hostname-check": "false",
		// A test wants the error, not minutes of retries.
		"ipc.client.connect.max.retries":             "3",
		"ipc.client.connect.max.retries.on.timeouts": "3",
	}
	maps.Copy(props, c.Names())
	maps.Copy(props, opt.Conf)
	c.props = props
	hadoop.WriteConf(tb, c.Conf, props)
	c.client = rpc.NewClient(rpc.ClientConfig{CallTimeout: 10 * time.Second})
	tb.Cleanup(func() { c.close(tb) })
	return c
}

// Format makes the store an empty file system.
func (c *Cluster) Format(tb testing.TB) {
	tb.Helper()
	args := append([]string{"namenode"}, c.nns[0].args...)
	c.HDFS(tb, append(args, "-format", "-force", "-nonInteractive")...).OK(tb)
}

func address(tb testing.TB) string { return fmt.Sprintf("127.0.0.1:%d", process.FreePort(tb)) }

// close ends what still runs and looks through the logs for data races.
func (c *Cluster) close(tb testing.TB) {
	c.client.Close()
	for _, dn := range c.dns {
		if dn != nil {
			dn.Kill()
		}
	}
	for i := range c.nns {
		c.Kill(i)
	}
	logs, _ := filepath.Glob(filepath.Join(c.Dir, "*.log"))
	for _, log := range logs {
		data, err := os.ReadFile(log)
		if err != nil {
			tb.Error(err)
		}
		if _, race, ok := strings.Cut(string(data), "WARNING: DATA RACE"); ok {
			tb.Errorf("%s: WARNING: DATA RACE%.6000s", filepath.Base(log), race)
		}
		if tb.Failed() {
			tail := string(data[max(0, len(data)-3000):])
			tb.Logf("the end of %s:\n%s", filepath.Base(log), tail)
		}
	}
}

// FS is the URI of the file system.
func (c *Cluster) FS() string {
	if len(c.nns) > 1 {
		return "hdfs://" + Nameservice
	}
	return "hdfs://" + c.Address
}

// SQLite says whether the store is a SQLite file.
func (c *Cluster) SQLite() bool { return strings.HasPrefix(c.StoreURL, "sqlite:") }

func (c *Cluster) environment() []string {
	return []string{"HADOOP_CONF_DIR=" + c.Conf, "HADOOP_HOME=", "GORACE=halt_on_error=0"}
}

// HDFS runs a command of this project to its end: c.HDFS(t, "dfs", "-ls", "/").
func (c *Cluster) HDFS(tb testing.TB, args ...string) process.Result {
	tb.Helper()
	return c.HDFSWithInput(tb, "", args...)
}

// HDFSWithInput is HDFS with something on standard input.
func (c *Cluster) HDFSWithInput(tb testing.TB, stdin string, args ...string) process.Result {
	tb.Helper()
	return process.Run(tb, process.Spec{
		Name: "hdfs " + strings.Join(args, " "), Args: append([]string{c.binary}, args...), Env: c.environment(),
	}, stdin)
}

// DataNode is the process of the i-th DataNode, from 0.
func (c *Cluster) DataNode(i int) *process.Process { return c.dns[i] }

// DataDir is where the i-th DataNode keeps its blocks.
func (c *Cluster) DataDir(i int) string { return filepath.Join(c.Dir, fmt.Sprintf("data%d", i+1)) }

// StartDataNode starts the i-th DataNode, from 0, and waits until it says that it
// is up.
func (c *Cluster) StartDataNode(tb testing.TB, i int) {
	tb.Helper()
	c.waitUp(tb, c.LaunchDataNode(tb, i), "DataNode up:")
}

// LaunchDataNode starts the i-th DataNode and does not wait.
func (c *Cluster) LaunchDataNode(tb testing.TB, i int) *process.Process {
	tb.Helper()
	c.dns[i] = c.launch(tb, fmt.Sprintf("datanode%d", i+1), append([]string{"datanode"}, c.dnArgs[i]...))
	return c.dns[i]
}

func (c *Cluster) launch(tb testing.TB, name string, args []string) *process.Process {
	tb.Helper()
	args = append([]string{c.binary}, args...)
	if c.Wrap != nil {
		args = c.Wrap(name, args)
	}
	p, err := process.Start(process.Spec{
		Name: name, Args: args, Env: c.environment(), Log: filepath.Join(c.Dir, name+".log"),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func (c *Cluster) waitUp(tb testing.TB, p *process.Process, line string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), startPatience)
	defer cancel()
	if _, err := p.WaitFor(ctx, line); err != nil {
		tb.Fatal(err)
	}
}

// Binary is the hdfs program that the servers run, called hdfs in a folder called
// bin.
func (c *Cluster) Binary() string { return c.binary }

// Stock is a stock Hadoop client of this file system.
func (c *Cluster) Stock(tb testing.TB, props map[string]string) *hadoop.Client {
	tb.Helper()
	all := map[string]string{"dfs.replication": fmt.Sprint(min(max(len(c.dns), 1), 3))}
	if len(c.nns) > 1 {
		maps.Copy(all, c.Names())
	}
	maps.Copy(all, props)
	return hadoop.NewClient(tb, c.FS(), all)
}
