package rpc

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
	"github.com/hopsql/hopsql/hadoop/protocols/namenodepb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/fault"
)

// namenodeMethods are the methods of NamenodeProtocol that stock tools call.
func (s *Service) namenodeMethods() map[string]ipc.Method {
	m := map[string]ipc.Method{
		"versionRequest": handle(s.versionRequest),
		"getBlocks":      handle(s.getBlocks),
		"getBlockKeys": handle(func(context.Context, *ipc.Call, *namenodepb.GetBlockKeysRequestProto) (*namenodepb.GetBlockKeysResponseProto, error) {
			return &namenodepb.GetBlockKeysResponseProto{Keys: noKeys}, nil
		}),
		// Without an edit log the number of the leader's epoch is what only grows.
		"getTransactionId": handle(func(context.Context, *ipc.Call, *namenodepb.GetTransactionIdRequestProto) (*namenodepb.GetTransactionIdResponseProto, error) {
			_, txid := s.haState()
			return &namenodepb.GetTransactionIdResponseProto{TxId: &txid}, nil
		}),
		"getMostRecentCheckpointTxId": handle(func(context.Context, *ipc.Call, *namenodepb.GetMostRecentCheckpointTxIdRequestProto) (*namenodepb.GetMostRecentCheckpointTxIdResponseProto, error) {
			_, txid := s.haState()
			return &namenodepb.GetMostRecentCheckpointTxIdResponseProto{TxId: &txid}, nil
		}),
		"isUpgradeFinalized": handle(func(context.Context, *ipc.Call, *namenodepb.IsUpgradeFinalizedRequestProto) (*namenodepb.IsUpgradeFinalizedResponseProto, error) {
			return &namenodepb.IsUpgradeFinalizedResponseProto{IsUpgradeFinalized: proto.Bool(true)}, nil
		}),
		"isRollingUpgrade": handle(func(context.Context, *ipc.Call, *namenodepb.IsRollingUpgradeRequestProto) (*namenodepb.IsRollingUpgradeResponseProto, error) {
			return &namenodepb.IsRollingUpgradeResponseProto{IsRollingUpgrade: proto.Bool(false)}, nil
		}),
	}
	for method, operation := range map[string]string{
		"rollEditLog":                 "the edit log (rollEditLog): there is none",
		"errorReport":                 "secondary NameNodes (errorReport)",
		"registerSubordinateNamenode": "secondary NameNodes (registerSubordinateNamenode)",
		"startCheckpoint":             "checkpoints (startCheckpoint): the database has the metadata",
		"endCheckpoint":               "checkpoints (endCheckpoint): the database has the metadata",
		"getEditLogManifest":          "the edit log (getEditLogManifest): there is none",
		"getNextSPSPath":              "the storage policy satisfier (getNextSPSPath)",
	} {
		m[method] = refuse(operation)
	}
	return m
}

// haMethods are the methods of HAServiceProtocol: every NameNode serves clients, so
// there are states to read and none to change.
func (s *Service) haMethods() map[string]ipc.Method {
	m := map[string]ipc.Method{
		"monitorHealth": handle(func(_ context.Context, c *ipc.Call, _ *ipcpb.MonitorHealthRequestProto) (*ipcpb.MonitorHealthResponseProto, error) {
			return nil, s.requireSuper(c, "monitorHealth")
		}),
		"getServiceStatus": handle(func(_ context.Context, c *ipc.Call, _ *ipcpb.GetServiceStatusRequestProto) (*ipcpb.GetServiceStatusResponseProto, error) {
			return &ipcpb.GetServiceStatusResponseProto{State: ipcpb.HAServiceStateProto_ACTIVE.Enum(), ReadyToBecomeActive: proto.Bool(true)},
				s.requireSuper(c, "getServiceStatus")
		}),
	}
	for _, method := range []string{"transitionToActive", "transitionToStandby", "transitionToObserver"} {
		m[method] = handle(func(_ context.Context, c *ipc.Call, _ *ipcpb.TransitionToActiveRequestProto) (*ipcpb.TransitionToActiveResponseProto, error) {
			if err := s.requireSuper(c, method); err != nil {
				return nil, err
			}
			return nil, &ipc.Exception{Class: classServiceFailed,
				Message: method + ": every NameNode of this file system is active all the time; there is no state to change"}
		})
	}
	return m
}

// registerAdmin adds the small protocols.
func (s *Service) registerAdmin(srv *ipc.Server) {
	srv.Register(RefreshUserMappings, map[string]ipc.Method{
		"refreshUserToGroupsMappings": handle(func(_ context.Context, c *ipc.Call, _ *ipcpb.RefreshUserToGroupsMappingsRequestProto) (*ipcpb.RefreshUserToGroupsMappingsResponseProto, error) {
			err := s.requireSuper(c, "refreshUserToGroupsMappings")
			s.audit(c, err, "refreshUserToGroupsMappings", "", "")
			if err == nil {
				s.groups.Refresh()
			}
			return nil, err
		}),
		"refreshSuperUserGroupsConfiguration": handle(s.refreshProxies),
	})
	srv.Register(RefreshAuthorization, map[string]ipc.Method{
		"refreshServiceAcl": handle(s.refreshAccess),
	})
	srv.Register(RefreshCallQueue, map[string]ipc.Method{
		// Calls do not queue by class or user here: there is no queue to exchange.
		"refreshCallQueue": handle(func(_ context.Context, c *ipc.Call, _ *ipcpb.RefreshCallQueueRequestProto) (*ipcpb.RefreshCallQueueResponseProto, error) {
			err := s.requireSuper(c, "refreshCallQueue")
			s.audit(c, err, "refreshCallQueue", "", "")
			return nil, err
		}),
	})
	srv.Register(GenericRefresh, map[string]ipc.Method{
		"refresh": handle(func(_ context.Context, c *ipc.Call, q *ipcpb.GenericRefreshRequestProto) (*ipcpb.GenericRefreshResponseCollectionProto, error) {
			if err := s.requireSuper(c, "refresh"); err != nil {
				return nil, err
			}
			return nil, fault.New(fault.IllegalArgument, "Identifier '%s' does not exist in RefreshRegistry. Valid options are: ", q.GetIdentifier())
		}),
	})
	srv.Register(GetUserMappings, map[string]ipc.Method{
		"getGroupsForUser": handle(func(_ context.Context, _ *ipc.Call, q *ipcpb.GetGroupsForUserRequestProto) (*ipcpb.GetGroupsForUserResponseProto, error) {
			return &ipcpb.GetGroupsForUserResponseProto{Groups: s.groups.Of(q.GetUser())}, nil
		}),
	})
	srv.Register(ReconfigurationProtocol, map[string]ipc.Method{
		"listReconfigurableProperties": handle(func(_ context.Context, c *ipc.Call, _ *hdfspb.ListReconfigurablePropertiesRequestProto) (*hdfspb.ListReconfigurablePropertiesResponseProto, error) {
			return nil, s.requireSuper(c, "listNamenodeReconfigurableProperties")
		}),
		"getReconfigurationStatus": handle(func(_ context.Context, c *ipc.Call, _ *hdfspb.GetReconfigurationStatusRequestProto) (*hdfspb.GetReconfigurationStatusResponseProto, error) {
			return &hdfspb.GetReconfigurationStatusResponseProto{StartTime: proto.Int64(0)}, s.requireSuper(c, "getNamenodeReconfigurationStatus")
		}),
		"startReconfiguration": refuse("changes of the configuration while it runs (startReconfiguration)"),
	})
}

// refreshProxies reads the rules for proxy users again.
func (s *Service) refreshProxies(_ context.Context, c *ipc.Call, _ *ipcpb.RefreshSuperUserGroupsConfigurationRequestProto) (*ipcpb.RefreshSuperUserGroupsConfigurationResponseProto, error) {
	err := s.requireSuper(c, "refreshSuperUserGroupsConfiguration")
	s.audit(c, err, "refreshSuperUserGroupsConfiguration", "", "")
	if err != nil {
		return nil, err
	}
	fresh, err := s.fresh()
	if err != nil {
		return nil, err
	}
	p, err := newProxies(fresh)
	if err != nil {
		return nil, err
	}
	s.proxies.Store(p)
	return nil, nil
}
