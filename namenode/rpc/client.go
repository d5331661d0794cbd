package rpc

import (
	"context"
	"maps"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/fault"
)

// clientMethods are the methods of ClientProtocol: all that Hadoop 3.4 has. Those
// that are not done are in Unsupported.
func (s *Service) clientMethods() map[string]ipc.Method {
	m := map[string]ipc.Method{}
	for _, u := range Unsupported {
		m[u.Method] = refuse(u.Operation)
	}
	maps.Copy(m, s.fileMethods())
	maps.Copy(m, s.writeMethods())
	maps.Copy(m, s.attributeMethods())
	maps.Copy(m, s.clusterMethods())
	maps.Copy(m, s.quotaMethods())
	maps.Copy(m, s.featureMethods())
	return m
}

// refuse answers any request with the exception that says what is missing.
func refuse(operation string) ipc.Method {
	return handle(func(context.Context, *ipc.Call, *hdfspb.MsyncRequestProto) (*hdfspb.MsyncResponseProto, error) {
		return nil, unsupported(operation)
	})
}

func unsupported(operation string) error {
	return fault.New(fault.Unsupported, "This NameNode does not support %s", operation)
}

// featureMethods answer what clients ask about features that are off: encryption,
// erasure coding, tokens and snapshots. Each answer is the protocol's own word for
// "none".
func (s *Service) featureMethods() map[string]ipc.Method {
	return map[string]ipc.Method{
		"getErasureCodingPolicies": handle(func(context.Context, *ipc.Call, *hdfspb.GetErasureCodingPoliciesRequestProto) (*hdfspb.GetErasureCodingPoliciesResponseProto, error) {
			return &hdfspb.GetErasureCodingPoliciesResponseProto{EcPolicies: ecPolicies}, nil
		}),
		"getErasureCodingPolicy": handle(func(ctx context.Context, c *ipc.Call, q *hdfspb.GetErasureCodingPolicyRequestProto) (*hdfspb.GetErasureCodingPolicyResponseProto, error) {
			_, err := s.existing(ctx, c, q.GetSrc())
			s.audit(c, err, "getErasureCodingPolicy", q.GetSrc(), "")
			return nil, err
		}),
		// Apache's NameNode refuses it too, in these words.
		"createSymlink": handle(func(context.Context, *ipc.Call, *hdfspb.MsyncRequestProto) (*hdfspb.MsyncResponseProto, error) {
			return nil, fault.New(fault.Unsupported, "Symlinks not supported")
		}),
		// There are no links, so no path is one.
		"getLinkTarget": handle(func(ctx context.Context, c *ipc.Call, q *hdfspb.GetLinkTargetRequestProto) (*hdfspb.GetLinkTargetResponseProto, error) {
			_, err := s.existing(ctx, c, q.GetPath())
			if err == nil {
				err = fault.New(fault.IO, "Path %s is not a symbolic link", q.GetPath())
			}
			return nil, err
		}),
		"getEZForPath": handle(func(_ context.Context, c *ipc.Call, q *hdfspb.GetEZForPathRequestProto) (*hdfspb.GetEZForPathResponseProto, error) {
			s.audit(c, nil, "getEZForPath", q.GetSrc(), "")
			return nil, nil
		}),
		"getDataEncryptionKey": handle(func(context.Context, *ipc.Call, *hdfspb.GetDataEncryptionKeyRequestProto) (*hdfspb.GetDataEncryptionKeyResponseProto, error) {
			return nil, nil
		}),
		"getDelegationToken": handle(func(context.Context, *ipc.Call, *ipcpb.GetDelegationTokenRequestProto) (*ipcpb.GetDelegationTokenResponseProto, error) {
			return nil, nil
		}),
		"getSnapshottableDirListing": handle(func(context.Context, *ipc.Call, *hdfspb.GetSnapshottableDirListingRequestProto) (*hdfspb.GetSnapshottableDirListingResponseProto, error) {
			return nil, nil
		}),
		"getHAServiceState": handle(func(context.Context, *ipc.Call, *hdfspb.HAServiceStateRequestProto) (*hdfspb.HAServiceStateResponseProto, error) {
			return &hdfspb.HAServiceStateResponseProto{State: ipcpb.HAServiceStateProto_ACTIVE.Enum()}, nil
		}),
		// Every answer is read from the store, so there is nothing to wait for.
		"msync": handle(func(context.Context, *ipc.Call, *hdfspb.MsyncRequestProto) (*hdfspb.MsyncResponseProto, error) {
			return nil, nil
		}),
		"rollingUpgrade": handle(s.rollingUpgrade),
		"upgradeStatus": handle(func(_ context.Context, c *ipc.Call, _ *hdfspb.UpgradeStatusRequestProto) (*hdfspb.UpgradeStatusResponseProto, error) {
			return &hdfspb.UpgradeStatusResponseProto{UpgradeFinalized: proto.Bool(true)}, s.requireSuper(c, "upgradeStatus")
		}),
		// The schema is migrated by a command, in one go: there never is anything left
		// to finalize.
		"finalizeUpgrade": handle(func(_ context.Context, c *ipc.Call, _ *hdfspb.FinalizeUpgradeRequestProto) (*hdfspb.FinalizeUpgradeResponseProto, error) {
			err := s.requireSuper(c, "finalizeUpgrade")
			s.audit(c, err, "finalizeUpgrade", "", "")
			return nil, err
		}),
	}
}

func (s *Service) rollingUpgrade(_ context.Context, c *ipc.Call, q *hdfspb.RollingUpgradeRequestProto) (*hdfspb.RollingUpgradeResponseProto, error) {
	if err := s.requireSuper(c, "queryRollingUpgrade"); err != nil {
		return nil, err
	}
	if q.GetAction() != hdfspb.RollingUpgradeActionProto_QUERY {
		return nil, unsupported("rolling upgrades: NameNodes may be replaced one by one at any time")
	}
	s.audit(c, nil, "queryRollingUpgrade", "", "")
	return nil, nil
}
