package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/shell"
)

// adminVerb is one verb of dfsadmin; do is nil for those that are known and not
// there, and then absent says why.
type adminVerb struct {
	name   string
	usage  string
	help   string
	do     func(a *admin, args []string) int
	absent string
}

const (
	noImage = "there is no image and no edit log: the database keeps the metadata, back that up"
	notYet  = "is not there yet"
)

var adminVerbs []adminVerb

func init() {
	adminVerbs = []adminVerb{
		{name: "report", usage: "[-live] [-dead] [-decommissioning] [-enteringmaintenance] [-inmaintenance] [-slownodes]", do: (*admin).report,
			help: "Room and health of the file system and of its DataNodes, all of them or those in one state."},
		{name: "safemode", usage: "<enter | leave | get | wait | forceExit>", do: (*admin).safemode,
			help: "Safe mode: the NameNode changes no names and no blocks. wait returns when it is off."},
		{name: "saveNamespace", usage: "[-beforeShutdown]", do: (*admin).saveNamespace,
			help: "In safe mode: nothing is left to save, for the database has it all."},
		{name: "rollEdits", absent: noImage},
		{name: "restoreFailedStorage", usage: "true|false|check", absent: noImage},
		{name: "refreshNodes", do: (*admin).refreshNodes,
			help: "Make the NameNode read its lists of DataNodes (dfs.hosts, dfs.hosts.exclude) again."},
		{name: "setQuota", usage: "<quota> <dirname>...<dirname>", do: (*admin).setQuota,
			help: "How many names a directory tree may hold, itself included."},
		{name: "clrQuota", usage: "<dirname>...<dirname>", do: (*admin).clrQuota, help: "Take that limit away."},
		{name: "setSpaceQuota", usage: "<quota> [-storageType <storagetype>] <dirname>...<dirname>", do: (*admin).setSpaceQuota,
			help: "How many bytes a directory tree may hold, with all replicas, or on one type of storage. 5m is 5 MiB."},
		{name: "clrSpaceQuota", usage: "[-storageType <storagetype>] <dirname>...<dirname>", do: (*admin).clrSpaceQuota, help: "Take that limit away."},
		{name: "finalizeUpgrade", do: (*admin).finalizeUpgrade,
			help: "The NameNode has nothing to finalize: see hdfs namenode -upgrade."},
		{name: "rollingUpgrade", usage: "[<query|prepare|finalize>]", do: (*admin).rollingUpgrade,
			help: "There never is one: NameNodes may be replaced one by one at any time."},
		{name: "upgrade", usage: "<query | finalize>", do: (*admin).upgrade,
			help: "The state of an upgrade: it is always finalized. See hdfs namenode -upgrade."},
		{name: "refreshServiceAcl", do: (*admin).refreshPolicy,
			help: "Make the NameNode read who may use which protocol again."},
		{name: "refreshUserToGroupsMappings", do: (*admin).refreshMappings,
			help: "Make the NameNode forget which groups users are in and look again."},
		{name: "refreshSuperUserGroupsConfiguration", do: (*admin).refreshProxies,
			help: "Make the NameNode read who may act for whom (hadoop.proxyuser) again."},
		{name: "refreshCallQueue", do: (*admin).refreshQueue,
			help: "Make the NameNode read how calls queue again."},
		{name: "refresh", usage: "<host:ipc_port> <key> [arg1..argn]", absent: notYet},
		{name: "reconfig", usage: "<namenode|datanode> <host:ipc_port|livenodes> <start|status|properties>", absent: "change the configuration and start the process again"},
		{name: "printTopology", do: (*admin).topology, help: "The racks and the DataNodes in them."},
		{name: "refreshNamenodes", usage: "datanode-host:ipc_port", do: (*admin).refreshNameNodes,
			help: "Make a DataNode read its list of NameNodes again."},
		{name: "getVolumeReport", usage: "datanode-host:ipc_port", do: (*admin).volumes,
			help: "The volumes of a DataNode."},
		{name: "deleteBlockPool", usage: "datanode-host:ipc_port blockpoolId [force]", do: (*admin).deletePool,
			help: "Make a DataNode remove the replicas of a file system that it does not serve."},
		{name: "setBalancerBandwidth", usage: "<bandwidth in bytes per second>", do: (*admin).setBandwidth,
			help: "How much of its network each DataNode may give the balancer, until it is started again; k, m, g as for quotas."},
		{name: "getBalancerBandwidth", usage: "<datanode_host:ipc_port>", do: (*admin).bandwidthOf,
			help: "How much of its network a DataNode gives the balancer."},
		{name: "fetchImage", usage: "<local directory>", absent: noImage},
		{name: "allowSnapshot", usage: "<snapshotDir>", absent: notYet},
		{name: "disallowSnapshot", usage: "<snapshotDir>", absent: notYet},
		{name: "provisionSnapshotTrash", usage: "<snapshotDir> [-all]", absent: notYet},
		{name: "shutdownDatanode", usage: "<datanode_host:ipc_port> [upgrade]", do: (*admin).shutdownDatanode,
			help: "Stop a DataNode. With upgrade its clients are told to wait for it."},
		{name: "evictWriters", usage: "<datanode_host:ipc_port>", do: (*admin).evictWriters,
			help: "Make a DataNode end all writes to it, which go on at others."},
		{name: "getDatanodeInfo", usage: "<datanode_host:ipc_port>", do: (*admin).datanodeInfo,
			help: "Version and uptime of a DataNode: whether it answers."},
		{name: "metasave", usage: "filename", do: (*admin).metasave,
			help: "Make the NameNode write its queues of blocks to a file in the folder of its logs."},
		{name: "triggerBlockReport", usage: "[-incremental] <datanode_host:ipc_port> [-namenode <namenode_host:ipc_port>]", do: (*admin).triggerReport,
			help: "Make a DataNode report its replicas now."},
		{name: "listOpenFiles", usage: "[-blockingDecommission] [-path <path>]", do: (*admin).openFiles,
			help: "The files that are being written, with their writers."},
		{name: "help", usage: "[cmd]", do: (*admin).help, help: "This text, or that of one verb."},
	}
}

// admin is one run of dfsadmin.
type admin struct {
	*tool
	cfg  *conf.Config
	nn   *client.Client
	verb adminVerb
}

func (t *tool) dfsadmin(args []string) int {
	cfg, rest, err := load(args)
	if err != nil {
		return t.complain("hdfs dfsadmin", err)
	}
	if len(rest) == 0 {
		printAdminUsage(t.err)
		return exitBad
	}
	v, found := adminVerbOf(rest[0])
	if !found {
		fmt.Fprintf(t.err, "%s: Unknown command\n", rest[0][1:])
		printAdminUsage(t.err)
		return exitBad
	}
	if v.do == nil {
		fmt.Fprintf(t.err, "%s: %s\n", v.name, v.absent)
		return exitBad
	}
	a := &admin{tool: t, cfg: cfg, verb: v}
	if v.name != "help" {
		c, err := dial(cfg)
		if err != nil {
			return t.complain(v.name, err)
		}
		defer c.Close()
		ctx, stop := signal.NotifyContext(t.ctx, os.Interrupt)
		defer stop()
		context.AfterFunc(ctx, stop)
		a.nn = c.WithContext(ctx)
	}
	return v.do(a, rest[1:])
}

func adminVerbOf(word string) (adminVerb, bool) {
	for _, v := range adminVerbs {
		if word == "-"+v.name {
			return v, true
		}
	}
	return adminVerb{}, false
}

func (v adminVerb) synopsis() string {
	if v.usage == "" {
		return "[-" + v.name + "]"
	}
	return "[-" + v.name + " " + v.usage + "]"
}

func printAdminUsage(w io.Writer) {
	fmt.Fprintln(w, "Usage: hdfs dfsadmin")
	fmt.Fprintln(w, "Note: Administrative commands can only be run as the HDFS superuser.")
	for _, v := range adminVerbs {
		fmt.Fprintln(w, "\t"+v.synopsis())
	}
	io.WriteString(w, shell.GenericUsage)
}

// wrong prints how the verb is written.
func (a *admin) wrong() int { return a.tool.usage("hdfs dfsadmin " + a.verb.synopsis()) }

func (a *admin) failed(err error) int { return a.complain(a.verb.name, err) }

func (a *admin) help(args []string) int {
	verbs := adminVerbs
	if len(args) > 0 {
		word := args[0]
		if word[:1] != "-" {
			word = "-" + word
		}
		v, found := adminVerbOf(word)
		if !found {
			printAdminUsage(a.out)
			return 0
		}
		verbs = []adminVerb{v}
	}
	for _, v := range verbs {
		text := v.help
		if v.do == nil {
			text = v.absent
		}
		fmt.Fprintf(a.out, "%s:\n\t%s\n\n", v.synopsis(), text)
	}
	return 0
}

// everyNameNode runs do at each NameNode in turn. Behind a logical name the
// answers are marked with the address; one that fails does not keep the others
// from being asked.
func (a *admin) everyNameNode(do func(addr, suffix string) error) int {
	ns := a.nn.NameService()
	code := 0
	for _, addr := range ns.Addrs {
		suffix := ""
		if ns.ID != "" {
			suffix = socketName(a.ctx, addr)
		}
		if err := do(addr, suffix); err != nil {
			code = a.failed(err)
		}
	}
	return code
}
