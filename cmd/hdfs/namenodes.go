package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/shell"
)

const namenodesUsage = `hdfs namenodes [-help]

Lists the NameNodes that serve the file system, the oldest first. Any of them is
asked: it tells whose heartbeats it has seen in the database.

ID       of this start of the NameNode; it never comes again
RPC      where clients call
HTTP     its web pages
STATE    leader: it does the work in the background; active: any other
LOAD     calls in progress at its last heartbeat
VERSION  of its program
STARTED  by its own clock

On a terminal it is a table with a head; elsewhere there is none, columns are
separated by tabs, and STARTED is in UTC (RFC 3339).

Exit codes: 0 listed, 1 no NameNode could tell, 255 wrong use.
`

// namenodes lists who serves and who leads.
func (t *tool) namenodes(args []string) int {
	cfg, rest, err := load(args)
	if err != nil {
		return t.complain("hdfs namenodes", err)
	}
	if len(rest) == 1 && slices.Contains([]string{"-help", "--help", "-h"}, rest[0]) {
		fmt.Fprintf(t.out, "Usage: %s%s", namenodesUsage, shell.GenericUsage)
		return 0
	}
	if len(rest) > 0 {
		return t.usage("hdfs namenodes [-help]")
	}
	c, err := dial(cfg)
	if err != nil {
		return t.complain("hdfs namenodes", err)
	}
	defer c.Close()
	list, err := c.WithContext(t.ctx).NameNodes()
	if err != nil {
		t.complain("hdfs namenodes", err)
		return 1
	}
	if !isTerminal(t.out) {
		for _, n := range list {
			fmt.Fprintln(t.out, strings.Join(nameNodeColumns(n, n.Started.UTC().Format(time.RFC3339)), "\t"))
		}
		return 0
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tRPC\tHTTP\tSTATE\tLOAD\tVERSION\tSTARTED")
	for _, n := range list {
		fmt.Fprintln(w, strings.Join(nameNodeColumns(n, n.Started.In(t.zone).Format(time.DateTime)), "\t"))
	}
	if err := w.Flush(); err != nil {
		t.complain("hdfs namenodes", err)
		return 1
	}
	return 0
}

func nameNodeColumns(n client.NameNode, started string) []string {
	columns := []string{strconv.FormatInt(n.ID, 10), n.RPCAddr, n.HTTPAddr, nameNodeState(n), strconv.FormatInt(n.Load, 10), n.Version, started}
	for i, c := range columns {
		if c == "" || i == len(columns)-1 && n.Started.IsZero() {
			columns[i] = "-"
		}
	}
	return columns
}

func nameNodeState(n client.NameNode) string {
	if n.Leader {
		return "leader"
	}
	return "active"
}

// reportNameNodes is a last section of dfsadmin -report, if there are several
// NameNodes: what stands before it is what scripts know from Apache's.
func (a *admin) reportNameNodes() {
	list, err := a.nn.NameNodes()
	if err != nil || len(list) < 2 {
		return // with one, or Apache's, there is nothing to tell
	}
	fmt.Fprintf(a.out, "NameNodes (%d):\n\n", len(list))
	for _, n := range list {
		fmt.Fprintf(a.out, "%s %s\n", n.RPCAddr, nameNodeState(n))
	}
	fmt.Fprintln(a.out)
}
