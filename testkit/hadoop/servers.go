package hadoop

import (
	"context"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/process"
)

// serverPatience is how long a server of Hadoop may take to be ready.
const serverPatience = 90 * time.Second

// NameNode is Apache's own NameNode, the yardstick for what a client sees.
type NameNode struct {
	*process.Process
	Address string // host:port of its RPC
}

// FS is the URI of its file system.
func (n *NameNode) FS() string { return "hdfs://" + n.Address }

// StartNameNode is OpenNameNode for a test, at whose end the NameNode ends.
func StartNameNode(tb testing.TB, dir string, props map[string]string) *NameNode {
	tb.Helper()
	n, err := OpenNameNode(tb.Context(), dir, props)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(n.Kill)
	return n
}

// OpenNameNode formats and starts Apache's NameNode under dir and returns when it
// accepts connections. Stop or Kill ends it.
func OpenNameNode(ctx context.Context, dir string, props map[string]string) (*NameNode, error) {
	in, err := installed()
	if err != nil {
		return nil, err
	}
	rpcPort, err := process.OpenPort()
	if err != nil {
		return nil, err
	}
	webPort, err := process.OpenPort()
	if err != nil {
		return nil, err
	}
	n := &NameNode{Address: fmt.Sprintf("127.0.0.1:%d", rpcPort)}
	all := map[string]string{
		"fs.defaultFS":                                         n.FS(),
		"hadoop.tmp.dir":                                       dir,
		"dfs.namenode.rpc-address":                             n.Address,
		"dfs.namenode.http-address":                            fmt.Sprintf("127.0.0.1:%d", webPort),
		"dfs.namenode.name.dir":                                "file://" + filepath.Join(dir, "name"),
		"dfs.namenode.handler.count":                           "32",
		"dfs.replication":                                      "1",
		"dfs.namenode.safemode.extension":                      "0",
		"dfs.namenode.fs-limits.min-block-size":                "0",
		"dfs.namenode.datanode.registration.ip-hostname-check": "false",
	}
	maps.Copy(all, props)
	conf := filepath.Join(dir, "conf")
	if err := SaveConf(conf, all); err != nil {
		return nil, err
	}
	const class = "org.apache.hadoop.hdfs.server.namenode.NameNode"
	log := filepath.Join(dir, "namenode.log")
	format, err := process.Start(process.Spec{Name: "NameNode -format", Args: in.command(conf, "1g", class, "-format", "-force", "-nonInteractive"), Log: log})
	if err != nil {
		return nil, err
	}
	if code := format.ExitCode(); code != 0 {
		return nil, fmt.Errorf("NameNode -format: exit %d\n%s", code, format.Tail())
	}
	n.Process, err = process.Start(process.Spec{Name: "Apache NameNode", Args: in.command(conf, "2g", class), Log: log})
	if err != nil {
		return nil, err
	}
	if err := waitListening(ctx, n.Process, n.Address); err != nil {
		n.Kill()
		return nil, err
	}
	return n, nil
}

// StartDataNode starts Apache's DataNode under dir, to serve the NameNode at fs.
// The test has to wait until it has registered.
func StartDataNode(tb testing.TB, dir, fs string, props map[string]string) *process.Process {
	tb.Helper()
	address := func() string { return fmt.Sprintf("127.0.0.1:%d", process.FreePort(tb)) }
	all := map[string]string{
		"fs.defaultFS":              fs,
		"hadoop.tmp.dir":            dir,
		"dfs.datanode.data.dir":     "file://" + filepath.Join(dir, "data"),
		"dfs.datanode.address":      address(),
		"dfs.datanode.http.address": address(),
		"dfs.datanode.ipc.address":  address(),
		"dfs.datanode.hostname":     "127.0.0.1",
	}
	maps.Copy(all, props)
	conf := filepath.Join(dir, "conf")
	WriteConf(tb, conf, all)
	p, err := process.Start(process.Spec{
		Name: "Apache DataNode", Log: filepath.Join(dir, "datanode.log"),
		Args: need(tb).command(conf, "512m", "org.apache.hadoop.hdfs.server.datanode.DataNode"),
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Kill)
	if err := waitListening(tb.Context(), p, all["dfs.datanode.ipc.address"]); err != nil {
		tb.Fatal(err)
	}
	return p
}

// waitListening waits until the process accepts connections.
func waitListening(ctx context.Context, p *process.Process, address string) error {
	ctx, cancel := context.WithTimeout(ctx, serverPatience)
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			c.Close()
			return nil
		}
		if p.Ended() || ctx.Err() != nil {
			return fmt.Errorf("nobody listens at %s; output:\n%s", address, p.Tail())
		}
		time.Sleep(50 * time.Millisecond)
	}
}
