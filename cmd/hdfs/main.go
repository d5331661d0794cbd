// Command hdfs is the whole of hopsql in one binary: the NameNode, the DataNode,
// and the tools that users and administrators of Hadoop know. The words of a
// subcommand are parsed by Hadoop's rules (options of one dash, generic options
// first); this file only says which subcommands there are.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"
)

func main() {
	os.Exit(run(context.Background(), &tool{in: os.Stdin, out: os.Stdout, err: os.Stderr, zone: time.Local}, os.Args[1:]))
}

// Groups of subcommands in the help.
const (
	clientCommands = "Client commands"
	adminCommands  = "Admin commands"
	daemonCommands = "Daemons"
)

// commands is the table: one line a subcommand.
func commands(t *tool) []*cli.Command {
	c := func(group, name, args, usage string, do func([]string) int) *cli.Command {
		return command(t, group, name, args, usage, do)
	}
	return []*cli.Command{
		c(clientCommands, "dfs", "-VERB ...", "the file system shell; `hdfs dfs -help` lists its verbs", t.dfs),
		c(clientCommands, "bench", "OP...", "put load on a NameNode and measure how it bears it", t.bench),
		c(clientCommands, "getconf", "-confKey KEY ...", "values of the configuration", t.getconf),
		c(clientCommands, "groups", "[USER...]", "groups of users as the NameNode sees them", t.groups),
		c(clientCommands, "version", "", "the version of this program", t.version),
		c(clientCommands, "classpath", "", "a path for scripts that ask for one", t.classpath),
		c(clientCommands, "envvars", "", "the environment of this installation", t.envvars),
		c(adminCommands, "dfsadmin", "-VERB ...", "the administrator's tool; `hdfs dfsadmin -help` lists its verbs", t.dfsadmin),
		c(adminCommands, "fsck", "PATH ...", "the health of files and blocks; -metadata: of the database", t.fsck),
		c(adminCommands, "storagepolicies", "-VERB ...", "on which types of storage files go", t.storagePolicies),
		c(adminCommands, "namenodes", "", "the NameNodes that live, and which one leads", t.namenodes),
		c(adminCommands, "haadmin", "-VERB ...", "states of several NameNodes", t.haadmin),
		c(daemonCommands, "namenode", "[-format ...]", "run the NameNode, or format its database", runNamenode),
		c(daemonCommands, "datanode", "", "run a DataNode", runDatanode),
	}
}

// command is one row as the cli package wants it; flags are the command's own
// business, and so is --help.
func command(t *tool, group, name, args, usage string, do func([]string) int) *cli.Command {
	return &cli.Command{
		Name: name, Category: group, ArgsUsage: args, Usage: usage, SkipFlagParsing: true, HideHelp: true,
		Action: func(c *cli.Context) error {
			t.code = do(c.Args().Slice())
			return nil
		},
	}
}

// run does what the words after the program's name say and answers the exit code.
func run(ctx context.Context, t *tool, args []string) int {
	t.ctx = ctx
	rest, code, stop := t.shellOptions(args)
	if stop {
		return code
	}
	if len(rest) == 0 {
		fmt.Fprint(t.err, help())
		return 1
	}
	name := rest[0]
	table := commands(t)
	if text, known := elsewhere[name]; known {
		fmt.Fprintf(t.err, "hdfs %s: %s\n", name, text)
		return 1
	}
	if !slices.ContainsFunc(table, func(c *cli.Command) bool { return c.Name == name }) {
		fmt.Fprintf(t.err, "ERROR: %s is not COMMAND nor fully qualified CLASSNAME.\n", name)
		fmt.Fprint(t.err, help())
		return 1
	}
	app := &cli.App{
		Name: "hdfs", Commands: table, HideHelp: true, HideVersion: true,
		Writer: t.out, ErrWriter: t.err, ExitErrHandler: func(*cli.Context, error) {},
	}
	if err := app.RunContext(ctx, append([]string{"hdfs"}, rest...)); err != nil {
		fmt.Fprintf(t.err, "hdfs %s: %v\n", name, err)
		return 1
	}
	return t.code
}

// tool is what the commands of this binary share.
type tool struct {
	ctx  context.Context
	in   io.Reader
	out  io.Writer
	err  io.Writer
	zone *time.Location // of the dates in reports
	code int
}

// help is the text of `hdfs --help` and of `hdfs` alone.
func help() string {
	var b bytes.Buffer
	b.WriteString(helpHead)
	group := ""
	for _, c := range commands(&tool{}) {
		if c.Category != group {
			group = c.Category
			fmt.Fprintf(&b, "\n    %s:\n\n", group)
		}
		fmt.Fprintf(&b, "%-10s %-18s %s\n", c.Name, c.ArgsUsage, c.Usage)
	}
	b.WriteString(helpTail)
	return b.String()
}

const helpHead = `Usage: hdfs [OPTIONS] SUBCOMMAND [SUBCOMMAND OPTIONS]

  OPTIONS come first:

--config DIR     the folder of core-site.xml and hdfs-site.xml [$HADOOP_CONF_DIR]
--loglevel L     what is logged to standard error: DEBUG, INFO, WARN (usual) or ERROR
--help           this text
--daemon start|stop|status namenode|datanode
                 is done by scripts/hadoop-daemon.sh

  SUBCOMMAND is one of:
`

const helpTail = `
  Each tool takes Hadoop's generic options before its own: -D key=value,
  -conf FILE, -fs hdfs://HOST:PORT.

  A file system on this machine, from nothing:

hdfs namenode -format && hdfs namenode &
hdfs datanode &
hdfs dfs -mkdir -p /user/$USER && hdfs dfs -put FILE && hdfs dfs -ls
`
