package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
	"github.com/hopsql/hopsql/shell"
)

const haadminUsage = `Usage: haadmin [-ns <nameserviceId>]
    [-checkHealth <serviceId>]
    [-failover [--forcefence] [--forceactive] <serviceId> <serviceId>]
    [-getAllServiceState]
    [-getServiceState <serviceId>]
    [-help <command>]
    [-transitionToActive [--forceactive] <serviceId>]
    [-transitionToObserver <serviceId>]
    [-transitionToStandby <serviceId>]
`

// keyCheckTimeout bounds how long a NameNode is waited for, in ms.
const keyCheckTimeout = "ha.failover-controller.cli-check.rpc-timeout.ms"

// haadmin reads the states of NameNodes. There is nothing to change: all of
// them are active.
func (t *tool) haadmin(args []string) int {
	cfg, rest, err := load(args)
	if err != nil {
		return t.complain("hdfs haadmin", err)
	}
	ns := ""
	if len(rest) >= 2 && rest[0] == "-ns" {
		ns, rest = rest[1], rest[2:]
	}
	if len(rest) == 0 {
		printHaadminUsage(t.err)
		return exitBad
	}
	limit, err := cfg.Duration(keyCheckTimeout, 20*time.Second, time.Millisecond)
	if err != nil {
		return t.complain("hdfs haadmin", err)
	}
	cfg.Set("ipc.client.rpc-timeout.ms", strconv.FormatInt(limit.Milliseconds(), 10))
	h := &haTool{tool: t, cfg: cfg, ns: ns}
	verb, rest := rest[0], rest[1:]
	switch verb {
	case "-help":
		printHaadminUsage(t.out)
		return 0
	case "-getAllServiceState":
		return h.allStates()
	case "-getServiceState", "-checkHealth":
		if len(rest) != 1 {
			fmt.Fprintf(t.err, "%s: incorrect number of arguments\n", verb[1:])
			return t.usage("haadmin [-ns <nameserviceId>] [" + verb + " <serviceId>]")
		}
		return h.one(verb, rest[0])
	case "-transitionToActive", "-transitionToStandby", "-transitionToObserver", "-failover":
		if _, err := h.service(); err != nil {
			return h.illegal(err)
		}
		fmt.Fprintf(t.err, "%s: every NameNode is active, and stays so as long as it runs\n", verb[1:])
		return exitBad
	}
	fmt.Fprintf(t.err, "%s: Unknown command\n", strings.TrimPrefix(verb, "-"))
	printHaadminUsage(t.err)
	return exitBad
}

func printHaadminUsage(w io.Writer) {
	io.WriteString(w, haadminUsage)
	io.WriteString(w, shell.GenericUsage)
}

type haTool struct {
	*tool
	cfg *conf.Config
	ns  string
}

// service finds the nameservice meant: the one named, or the only one.
func (h *haTool) service() (*client.NameService, error) {
	name := h.ns
	if all := h.cfg.Strings("dfs.nameservices"); name == "" && len(all) == 1 {
		name = all[0]
	}
	if name == "" || len(h.cfg.Strings("dfs.ha.namenodes."+name)) == 0 {
		return nil, fmt.Errorf("Unable to determine the name service ID.") //nolint:staticcheck // the words of Apache's tool
	}
	return client.LookupNameService(h.cfg, "hdfs://"+name)
}

func (h *haTool) illegal(err error) int {
	fmt.Fprintf(h.err, "Illegal argument: %v\n", err)
	return exitBad
}

func (h *haTool) one(verb, id string) int {
	ns, err := h.service()
	if err != nil {
		return h.illegal(err)
	}
	i := slices.Index(ns.NameNodes, id)
	if i < 0 {
		return h.illegal(fmt.Errorf("Unable to determine service address for namenode '%s'", id)) //nolint:staticcheck // the words of Apache's tool
	}
	c, err := client.New(h.cfg, client.WithURI(ns.URI))
	if err != nil {
		return h.complain(verb[1:], err)
	}
	defer c.Close()
	if verb == "-checkHealth" {
		err = c.WithContext(h.ctx).InvokeAt(ns.Addrs[i], client.ProtocolHAService, "monitorHealth",
			&ipcpb.MonitorHealthRequestProto{}, &ipcpb.MonitorHealthResponseProto{})
	} else {
		var state string
		if state, err = h.state(c, ns.Addrs[i]); err == nil {
			fmt.Fprintln(h.out, state)
		}
	}
	if err != nil {
		fmt.Fprintf(h.err, "Operation failed: %s\n", shell.Message(err))
		return exitBad
	}
	return 0
}

func (h *haTool) state(c *client.Client, addr string) (string, error) {
	resp := &ipcpb.GetServiceStatusResponseProto{}
	err := c.WithContext(h.ctx).InvokeAt(addr, client.ProtocolHAService, "getServiceStatus", &ipcpb.GetServiceStatusRequestProto{}, resp)
	return strings.ToLower(resp.GetState().String()), err
}

func (h *haTool) allStates() int {
	ns, err := h.service()
	if err != nil {
		fmt.Fprintln(h.err, "Failed to get service IDs")
		return exitBad
	}
	c, err := client.New(h.cfg, client.WithURI(ns.URI))
	if err != nil {
		return h.complain("getAllServiceState", err)
	}
	defer c.Close()
	for _, addr := range ns.Addrs {
		state, err := h.state(c, addr)
		if err != nil {
			state = "Failed to connect: " + shell.Message(err)
		}
		fmt.Fprintf(h.out, "%-50s %-10s\n", addr, state)
	}
	return 0
}
