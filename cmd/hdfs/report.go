package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/shell"
)

const defaultRack = "/default-rack"

// nodeState is one section of the report.
type nodeState struct {
	flag  string
	title string
	kind  hdfspb.DatanodeReportTypeProto
}

var nodeStates = []nodeState{
	{"-live", "Live", hdfspb.DatanodeReportTypeProto_LIVE},
	{"-dead", "Dead", hdfspb.DatanodeReportTypeProto_DEAD},
	{"-decommissioning", "Decommissioning", hdfspb.DatanodeReportTypeProto_DECOMMISSIONING},
	{"-enteringmaintenance", "Entering maintenance", hdfspb.DatanodeReportTypeProto_ENTERING_MAINTENANCE},
	{"-inmaintenance", "In maintenance", hdfspb.DatanodeReportTypeProto_IN_MAINTENANCE},
}

const slowFlag = "-slownodes"

func (a *admin) report(args []string) int {
	if err := a.reportTotals(); err != nil {
		return a.failed(err)
	}
	all := !slices.ContainsFunc(nodeStates, func(s nodeState) bool { return slices.Contains(args, s.flag) }) && !slices.Contains(args, slowFlag)
	for _, s := range nodeStates {
		if !all && !slices.Contains(args, s.flag) {
			continue
		}
		nodes, err := a.datanodes(s.kind)
		if err != nil {
			return a.failed(err)
		}
		a.section(s.title, nodes, !all)
	}
	if all || slices.Contains(args, slowFlag) {
		resp := &hdfspb.GetSlowDatanodeReportResponseProto{}
		err := a.nn.Invoke(client.ProtocolClient, "getSlowDatanodeReport", &hdfspb.GetSlowDatanodeReportRequestProto{}, resp)
		if err != nil && (!all || !errors.Is(err, errors.ErrUnsupported)) {
			return a.failed(err)
		}
		a.section("Slow", resp.GetDatanodeInfoProto(), !all)
	}
	if all {
		a.reportNameNodes()
	}
	return 0
}

func (a *admin) section(title string, nodes []*hdfspb.DatanodeInfoProto, always bool) {
	if len(nodes) == 0 && !always {
		return
	}
	fmt.Fprintf(a.out, "%s datanodes (%d):\n\n", title, len(nodes))
	for _, n := range nodes {
		a.node(n)
	}
}

func (a *admin) datanodes(kind hdfspb.DatanodeReportTypeProto) ([]*hdfspb.DatanodeInfoProto, error) {
	resp := &hdfspb.GetDatanodeReportResponseProto{}
	err := a.nn.Invoke(client.ProtocolClient, "getDatanodeReport", &hdfspb.GetDatanodeReportRequestProto{Type: &kind}, resp)
	return resp.GetDi(), err
}

// blockStats are the two lists of block counts in the report.
type blockStats struct {
	replicated *hdfspb.GetFsReplicatedBlockStatsResponseProto
	groups     *hdfspb.GetFsECBlockGroupStatsResponseProto
}

// blockStats asks for both lists. A server without them has the counts in its
// totals, and no erasure-coded groups.
func (a *admin) blockStats(s *client.FSStat) (b blockStats, err error) {
	b.replicated = &hdfspb.GetFsReplicatedBlockStatsResponseProto{}
	err = a.nn.Invoke(client.ProtocolClient, "getFsReplicatedBlockStats", &hdfspb.GetFsReplicatedBlockStatsRequestProto{}, b.replicated)
	if errors.Is(err, errors.ErrUnsupported) {
		u := func(n int64) *uint64 { v := uint64(n); return &v }
		b.replicated = &hdfspb.GetFsReplicatedBlockStatsResponseProto{
			LowRedundancy: u(s.UnderReplicated), CorruptBlocks: u(s.CorruptBlocks), MissingBlocks: u(s.MissingBlocks),
			MissingReplOneBlocks: u(s.MissingOneReplica), PendingDeletionBlocks: u(s.PendingDeleteBlocks),
		}
		err = nil
	}
	if err != nil {
		return b, err
	}
	b.groups = &hdfspb.GetFsECBlockGroupStatsResponseProto{}
	err = a.nn.Invoke(client.ProtocolClient, "getFsECBlockGroupStats", &hdfspb.GetFsECBlockGroupStatsRequestProto{}, b.groups)
	if errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return b, err
}

func (a *admin) reportTotals() error {
	s, err := a.nn.StatFS()
	if err != nil {
		return err
	}
	get, safe := hdfspb.SafeModeActionProto_SAFEMODE_GET, &hdfspb.SetSafeModeResponseProto{}
	if err := a.nn.Invoke(client.ProtocolClient, "setSafeMode", &hdfspb.SetSafeModeRequestProto{Action: &get}, safe); err != nil {
		return err
	}
	b, err := a.blockStats(s)
	if err != nil {
		return err
	}
	if safe.GetResult() {
		fmt.Fprintln(a.out, "Safe mode is ON")
	}
	present := s.Used + s.Remaining
	fmt.Fprintf(a.out, "Configured Capacity: %s\n", bytesLine(s.Capacity))
	fmt.Fprintf(a.out, "Present Capacity: %s\n", bytesLine(present))
	fmt.Fprintf(a.out, "DFS Remaining: %s\n", bytesLine(s.Remaining))
	fmt.Fprintf(a.out, "DFS Used: %s\n", bytesLine(s.Used))
	used := "NaN%"
	if present > 0 {
		used = share(s.Used, present)
	}
	fmt.Fprintf(a.out, "DFS Used%%: %s\n", used)
	r, g := b.replicated, b.groups
	fmt.Fprintf(a.out, "Replicated Blocks:\n"+
		"\tUnder replicated blocks: %d\n\tBlocks with corrupt replicas: %d\n\tMissing blocks: %d\n"+
		"\tMissing blocks (with replication factor 1): %d\n"+
		"\tLow redundancy blocks with highest priority to recover: %d\n\tPending deletion blocks: %d\n",
		r.GetLowRedundancy(), r.GetCorruptBlocks(), r.GetMissingBlocks(), r.GetMissingReplOneBlocks(),
		r.GetHighestPrioLowRedundancyBlocks(), r.GetPendingDeletionBlocks())
	fmt.Fprintf(a.out, "Erasure Coded Block Groups: \n"+
		"\tLow redundancy block groups: %d\n\tBlock groups with corrupt internal blocks: %d\n\tMissing block groups: %d\n"+
		"\tLow redundancy blocks with highest priority to recover: %d\n\tPending deletion blocks: %d\n",
		g.GetLowRedundancy(), g.GetCorruptBlocks(), g.GetMissingBlocks(), g.GetHighestPrioLowRedundancyBlocks(), g.GetPendingDeletionBlocks())
	fmt.Fprintf(a.out, "\n%s\n", strings.Repeat("-", 49))
	return nil
}

var adminStates = map[hdfspb.DatanodeInfoProto_AdminState][2]string{ // in -report, in -printTopology
	hdfspb.DatanodeInfoProto_NORMAL:                  {"Normal", "In Service"},
	hdfspb.DatanodeInfoProto_DECOMMISSION_INPROGRESS: {"Decommission in progress", "Decommission In Progress"},
	hdfspb.DatanodeInfoProto_DECOMMISSIONED:          {"Decommissioned", "Decommissioned"},
	hdfspb.DatanodeInfoProto_ENTERING_MAINTENANCE:    {"Entering maintenance", "Entering Maintenance"},
	hdfspb.DatanodeInfoProto_IN_MAINTENANCE:          {"In maintenance", "In Maintenance"},
}

// node prints one DataNode.
func (a *admin) node(n *hdfspb.DatanodeInfoProto) {
	line := func(format string, args ...any) { fmt.Fprintf(a.out, format+"\n", args...) }
	capacity, used, left := int64(n.GetCapacity()), int64(n.GetDfsUsed()), int64(n.GetRemaining())
	other := int64(n.GetNonDfsUsed())
	if n.NonDfsUsed == nil {
		other = max(0, capacity-used-left)
	}
	line("Name: %s", a.nodeName(n.GetId()))
	line("Hostname: %s", n.GetId().GetHostName())
	if rack := n.GetLocation(); rack != "" && rack != defaultRack {
		line("Rack: %s", rack)
	}
	if d := n.GetUpgradeDomain(); d != "" {
		line("Upgrade domain: %s", d)
	}
	line("Decommission Status : %s", adminStates[n.GetAdminState()][0])
	line("Configured Capacity: %s", bytesLine(capacity))
	line("DFS Used: %s", bytesLine(used))
	line("Non DFS Used: %s", bytesLine(other))
	line("DFS Remaining: %s", bytesLine(left))
	line("DFS Used%%: %s", usedShare(used, capacity))
	line("DFS Remaining%%: %s", leftShare(left, capacity))
	cache, cached := int64(n.GetCacheCapacity()), int64(n.GetCacheUsed())
	line("Configured Cache Capacity: %s", bytesLine(cache))
	line("Cache Used: %s", bytesLine(cached))
	line("Cache Remaining: %s", bytesLine(cache-cached))
	line("Cache Used%%: %s", usedShare(cached, cache))
	line("Cache Remaining%%: %s", leftShare(cache-cached, cache))
	line("Xceivers: %d", n.GetXceiverCount())
	line("Last contact: %s", a.dateLine(n.GetLastUpdate()))
	last := "Never"
	if n.GetLastBlockReportTime() != 0 {
		last = a.dateLine(n.GetLastBlockReportTime())
	}
	line("Last Block Report: %s", last)
	line("Num of Blocks: %d\n\n", n.GetNumBlocks())
}

// nodeName is ip:port with the name that the address has, if it has one.
func (a *admin) nodeName(id *hdfspb.DatanodeIDProto) string {
	addr := datatransfer.XferAddr(id)
	if name, found := reverse(a.ctx, id.GetIpAddr()); found {
		return addr + " (" + name + ")"
	}
	return addr
}

func bytesLine(n int64) string { return fmt.Sprintf("%d (%s)", n, shell.Human(n, "B", 2)) }

func share(part, whole int64) string {
	return fmt.Sprintf("%.2f%%", 100*float64(part)/float64(whole))
}

// usedShare and leftShare call a node without room full.
func usedShare(part, whole int64) string {
	if whole <= 0 {
		return "100.00%"
	}
	return share(part, whole)
}

func leftShare(part, whole int64) string {
	if whole <= 0 {
		return "0.00%"
	}
	return share(part, whole)
}

// dateLine writes ms since the epoch as Java prints a date.
func (t *tool) dateLine(ms uint64) string {
	return time.UnixMilli(int64(ms)).In(t.zone).Format("Mon Jan 02 15:04:05 MST 2006")
}

// topology prints racks and their DataNodes.
func (a *admin) topology(args []string) int {
	if len(args) != 0 {
		return a.wrong()
	}
	nodes, err := a.datanodes(hdfspb.DatanodeReportTypeProto_ALL)
	if err != nil {
		return a.failed(err)
	}
	if len(nodes) == 0 {
		fmt.Fprintln(a.out, "No DataNodes")
		return 0
	}
	racks := map[string][]string{}
	for _, n := range nodes {
		rack := n.GetLocation()
		if rack == "" {
			rack = defaultRack
		}
		racks[rack] = append(racks[rack], a.nodeName(n.GetId())+" "+adminStates[n.GetAdminState()][1])
	}
	var names []string
	for r := range racks {
		names = append(names, r)
	}
	slices.Sort(names)
	for _, r := range names {
		fmt.Fprintf(a.out, "Rack: %s\n", r)
		slices.Sort(racks[r])
		for _, n := range racks[r] {
			fmt.Fprintf(a.out, "   %s\n", n)
		}
		fmt.Fprintln(a.out)
	}
	return 0
}

// openFiles lists the files under construction, page by page.
func (a *admin) openFiles(args []string) int {
	req := &hdfspb.ListOpenFilesRequestProto{Id: new(int64), Types: []hdfspb.OpenFilesTypeProto{hdfspb.OpenFilesTypeProto_ALL_OPEN_FILES}}
	path := "/"
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-blockingDecommission":
			req.Types[0] = hdfspb.OpenFilesTypeProto_BLOCKING_DECOMMISSION
		case args[i] == "-path" && i+1 < len(args):
			i++
			path = args[i]
		default:
			return a.wrong()
		}
	}
	p, err := a.nn.Resolve(path)
	if err != nil {
		return a.failed(err)
	}
	req.Path = &p
	for first := true; ; first = false {
		resp := &hdfspb.ListOpenFilesResponseProto{}
		if err := a.nn.Invoke(client.ProtocolClient, "listOpenFiles", req, resp); err != nil {
			return a.failed(err)
		}
		if first {
			fmt.Fprintf(a.out, "%-20s\t%-20s\t%s\n", "Client Host", "Client Name", "Open File Path")
		}
		for _, f := range resp.GetEntries() {
			fmt.Fprintf(a.out, "%-20s\t%-20s\t%s\n", f.GetClientMachine(), f.GetClientName(), f.GetPath())
			*req.Id = f.GetId()
		}
		if !resp.GetHasMore() || len(resp.GetEntries()) == 0 {
			return 0
		}
	}
}
