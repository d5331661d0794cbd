package main

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
)

// tell sends every NameNode a call that has no arguments and prints, in Hadoop's
// words, that what was successful.
func (a *admin) tell(args []string, what, protocol, method string, req, resp proto.Message) int {
	if len(args) != 0 {
		return a.wrong()
	}
	return a.everyNameNode(func(addr, suffix string) error {
		return a.successful(a.nn.InvokeAt(addr, protocol, method, req, resp), what, suffix)
	})
}

func (a *admin) refreshNodes(args []string) int {
	return a.tell(args, "Refresh nodes", client.ProtocolClient, "refreshNodes",
		&hdfspb.RefreshNodesRequestProto{}, &hdfspb.RefreshNodesResponseProto{})
}

func (a *admin) refreshMappings(args []string) int {
	return a.tell(args, "Refresh user to groups mapping", client.ProtocolRefreshMappings, "refreshUserToGroupsMappings",
		&ipcpb.RefreshUserToGroupsMappingsRequestProto{}, &ipcpb.RefreshUserToGroupsMappingsResponseProto{})
}

func (a *admin) refreshProxies(args []string) int {
	return a.tell(args, "Refresh super user groups configuration", client.ProtocolRefreshMappings, "refreshSuperUserGroupsConfiguration",
		&ipcpb.RefreshSuperUserGroupsConfigurationRequestProto{}, &ipcpb.RefreshSuperUserGroupsConfigurationResponseProto{})
}

func (a *admin) refreshPolicy(args []string) int {
	return a.tell(args, "Refresh service acl", client.ProtocolRefreshPolicy, "refreshServiceAcl",
		&ipcpb.RefreshServiceAclRequestProto{}, &ipcpb.RefreshServiceAclResponseProto{})
}

func (a *admin) refreshQueue(args []string) int {
	return a.tell(args, "Refresh call queue", client.ProtocolRefreshQueue, "refreshCallQueue",
		&ipcpb.RefreshCallQueueRequestProto{}, &ipcpb.RefreshCallQueueResponseProto{})
}

func (a *admin) finalizeUpgrade(args []string) int {
	return a.tell(args, "Finalize upgrade", client.ProtocolClient, "finalizeUpgrade",
		&hdfspb.FinalizeUpgradeRequestProto{}, &hdfspb.FinalizeUpgradeResponseProto{})
}

func (a *admin) saveNamespace(args []string) int {
	if slices.Equal(args, []string{"-beforeShutdown"}) {
		args = nil // nothing is ever saved twice
	}
	return a.tell(args, "Save namespace", client.ProtocolClient, "saveNamespace",
		&hdfspb.SaveNamespaceRequestProto{}, &hdfspb.SaveNamespaceResponseProto{})
}

func (a *admin) setBandwidth(args []string) int {
	if len(args) != 1 {
		return a.wrong()
	}
	bytes, err := parseSize(args[0])
	if err != nil {
		return a.misuse(err.Error())
	}
	return a.everyNameNode(func(addr, suffix string) error {
		err := a.nn.InvokeAt(addr, client.ProtocolClient, "setBalancerBandwidth",
			&hdfspb.SetBalancerBandwidthRequestProto{Bandwidth: &bytes}, &hdfspb.SetBalancerBandwidthResponseProto{})
		if err != nil {
			return err
		}
		if suffix != "" {
			suffix = " for " + suffix
		}
		fmt.Fprintf(a.out, "Balancer bandwidth is set to %d%s\n", bytes, suffix)
		return nil
	})
}

func (a *admin) successful(err error, what, suffix string) error {
	if err != nil {
		return err
	}
	if suffix != "" {
		suffix = " for " + suffix
	}
	fmt.Fprintf(a.out, "%s successful%s\n", what, suffix)
	return nil
}
