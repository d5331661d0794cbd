package main

import (
	"fmt"
	"net"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/shell"
)

// askDatanode calls a method of ClientDatanodeProtocol at host:ipc_port.
func (a *admin) askDatanode(addr, method string, req, resp proto.Message) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return fmt.Errorf("%s is not host:ipc_port: %w", addr, err)
	}
	return a.nn.InvokeAt(addr, client.ProtocolClientDatanode, method, req, resp)
}

func (a *admin) datanodeInfo(args []string) int {
	if len(args) != 1 {
		return a.wrong()
	}
	var resp hdfspb.GetDatanodeInfoResponseProto
	if err := a.askDatanode(args[0], "getDatanodeInfo", &hdfspb.GetDatanodeInfoRequestProto{}, &resp); err != nil {
		return a.failed(fmt.Errorf("Datanode unreachable. %w", err)) //nolint:staticcheck // Hadoop's words
	}
	i := resp.GetLocalInfo()
	fmt.Fprintf(a.out, "Uptime: %d, Software version: %s, Config version: %s\n", i.GetUptime(), i.GetSoftwareVersion(), i.GetConfigVersion())
	return 0
}

func (a *admin) triggerReport(args []string) int {
	req := &hdfspb.TriggerBlockReportRequestProto{Incremental: proto.Bool(false)}
	kind := "a full"
	if i := slices.Index(args, "-incremental"); i >= 0 {
		args = slices.Delete(slices.Clone(args), i, i+1)
		*req.Incremental, kind = true, "an incremental"
	}
	to := "."
	if i := slices.Index(args, "-namenode"); i >= 0 && i+1 < len(args) {
		req.NnAddress = proto.String(args[i+1])
		to = " to namenode " + args[i+1] + "."
		args = slices.Delete(slices.Clone(args), i, i+2)
	}
	if len(args) != 1 {
		return a.wrong()
	}
	if err := a.askDatanode(args[0], "triggerBlockReport", req, &hdfspb.TriggerBlockReportResponseProto{}); err != nil {
		fmt.Fprintf(a.err, "triggerBlockReport error: %s\n", shell.Message(err))
		return 1
	}
	fmt.Fprintf(a.out, "Triggering %s block report on %s%s\n", kind, args[0], to)
	return 0
}

func (a *admin) evictWriters(args []string) int {
	if len(args) != 1 {
		return a.wrong()
	}
	if err := a.askDatanode(args[0], "evictWriters", &hdfspb.EvictWritersRequestProto{}, &hdfspb.EvictWritersResponseProto{}); err != nil {
		return a.failed(err)
	}
	fmt.Fprintf(a.out, "Requested writer eviction to datanode %s\n", args[0])
	return 0
}

func (a *admin) shutdownDatanode(args []string) int {
	if len(args) == 0 || len(args) > 2 || len(args) == 2 && args[1] != "upgrade" {
		return a.wrong()
	}
	req := &hdfspb.ShutdownDatanodeRequestProto{ForUpgrade: proto.Bool(len(args) == 2)}
	if err := a.askDatanode(args[0], "shutdownDatanode", req, &hdfspb.ShutdownDatanodeResponseProto{}); err != nil {
		return a.failed(err)
	}
	fmt.Fprintf(a.out, "Submitted a shutdown request to datanode %s\n", args[0])
	return 0
}

func (a *admin) bandwidthOf(args []string) int {
	if len(args) != 1 {
		return a.wrong()
	}
	var resp hdfspb.GetBalancerBandwidthResponseProto
	if err := a.askDatanode(args[0], "getBalancerBandwidth", &hdfspb.GetBalancerBandwidthRequestProto{}, &resp); err != nil {
		return a.failed(fmt.Errorf("Datanode unreachable. %w", err)) //nolint:staticcheck // Hadoop's words
	}
	fmt.Fprintf(a.out, "Balancer bandwidth is %d bytes per second.\n", resp.GetBandwidth())
	return 0
}

func (a *admin) volumes(args []string) int {
	if len(args) != 1 {
		return a.wrong()
	}
	var resp hdfspb.GetVolumeReportResponseProto
	if err := a.askDatanode(args[0], "getVolumeReport", &hdfspb.GetVolumeReportRequestProto{}, &resp); err != nil {
		return a.failed(fmt.Errorf("Datanode unreachable. %w", err)) //nolint:staticcheck // Hadoop's words
	}
	fmt.Fprintf(a.out, "Active Volumes : %d\n", len(resp.GetVolumeInfo()))
	size := func(n uint64) string { return fmt.Sprintf("%d(%s)", n, shell.Human(int64(n), "B", 2)) }
	for _, v := range resp.GetVolumeInfo() {
		fmt.Fprintf(a.out, "\nDirectory: %s\nStorageType: %s\nCapacity Used: %s\nCapacity Left: %s\nCapacity Reserved: %s\nReserved Space for Replicas: %s\nBlocks: %d\n",
			v.GetPath(), v.GetStorageType(), size(v.GetUsedSpace()), size(v.GetFreeSpace()), size(v.GetReservedSpace()), size(v.GetReservedSpaceForReplicas()), v.GetNumBlocks())
	}
	return 0
}

func (a *admin) refreshNameNodes(args []string) int {
	if len(args) != 1 {
		return a.wrong()
	}
	if err := a.askDatanode(args[0], "refreshNamenodes", &hdfspb.RefreshNamenodesRequestProto{}, &hdfspb.RefreshNamenodesResponseProto{}); err != nil {
		return a.failed(err)
	}
	return 0
}

func (a *admin) deletePool(args []string) int {
	if len(args) < 2 || len(args) > 3 || len(args) == 3 && args[2] != "force" {
		return a.wrong()
	}
	req := &hdfspb.DeleteBlockPoolRequestProto{BlockPool: &args[1], Force: proto.Bool(len(args) == 3)}
	if err := a.askDatanode(args[0], "deleteBlockPool", req, &hdfspb.DeleteBlockPoolResponseProto{}); err != nil {
		return a.failed(err)
	}
	return 0
}

// metasave has every NameNode write its queues of blocks to a file.
func (a *admin) metasave(args []string) int {
	if len(args) != 1 {
		return a.wrong()
	}
	return a.everyNameNode(func(addr, suffix string) error {
		err := a.nn.InvokeAt(addr, client.ProtocolClient, "metaSave", &hdfspb.MetaSaveRequestProto{Filename: &args[0]}, &hdfspb.MetaSaveResponseProto{})
		if err != nil {
			return err
		}
		where := "hdfs://" + addr
		if suffix != "" {
			where = suffix
		}
		fmt.Fprintf(a.out, "Created metasave file %s in the log directory of namenode %s\n", args[0], where)
		return nil
	})
}

// rollingUpgrade tells that there is none.
func (a *admin) rollingUpgrade(args []string) int {
	if len(args) > 1 || len(args) == 1 && !slices.Contains([]string{"query", "prepare", "finalize"}, args[0]) {
		return a.wrong()
	}
	action, word := hdfspb.RollingUpgradeActionProto_QUERY, "QUERY"
	if len(args) == 1 && args[0] == "prepare" {
		action, word = hdfspb.RollingUpgradeActionProto_START, "PREPARE"
	} else if len(args) == 1 && args[0] == "finalize" {
		action, word = hdfspb.RollingUpgradeActionProto_FINALIZE, "FINALIZE"
	}
	fmt.Fprintf(a.out, "%s rolling upgrade ...\n", word)
	var resp hdfspb.RollingUpgradeResponseProto
	if err := a.nn.Invoke(client.ProtocolClient, "rollingUpgrade", &hdfspb.RollingUpgradeRequestProto{Action: &action}, &resp); err != nil {
		return a.failed(err)
	}
	fmt.Fprintln(a.out, "There is no rolling upgrade in progress or rolling upgrade has already been finalized.")
	return 0
}

func (a *admin) upgrade(args []string) int {
	if len(args) != 1 || args[0] != "query" && args[0] != "finalize" {
		return a.wrong()
	}
	if args[0] == "finalize" {
		return a.finalizeUpgrade(nil)
	}
	return a.everyNameNode(func(addr, suffix string) error {
		var resp hdfspb.UpgradeStatusResponseProto
		if err := a.nn.InvokeAt(addr, client.ProtocolClient, "upgradeStatus", &hdfspb.UpgradeStatusRequestProto{}, &resp); err != nil {
			return err
		}
		if suffix != "" {
			suffix = " for " + suffix
		}
		what := "Upgrade finalized"
		if !resp.GetUpgradeFinalized() {
			what = "Upgrade not finalized"
		}
		fmt.Fprintln(a.out, what+suffix)
		return nil
	})
}
