package rpc

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/namespace"
)

// quotaMethods are the calls of ClientProtocol on quotas and storage policies. What is
// counted is asked with the other names.
func (s *Service) quotaMethods() map[string]ipc.Method {
	return map[string]ipc.Method{
		"setQuota": handle(s.setQuota),
		"getStoragePolicies": handle(func(context.Context, *ipc.Call, *hdfspb.GetStoragePoliciesRequestProto) (*hdfspb.GetStoragePoliciesResponseProto, error) {
			return &hdfspb.GetStoragePoliciesResponseProto{Policies: storagePolicies}, nil
		}),
		"getStoragePolicy":     handle(s.getStoragePolicy),
		"setStoragePolicy":     handle(s.setStoragePolicy),
		"unsetStoragePolicy":   handle(s.unsetStoragePolicy),
		"satisfyStoragePolicy": handle(s.satisfyStoragePolicy),
	}
}

func (s *Service) setQuota(ctx context.Context, c *ipc.Call, q *hdfspb.SetQuotaRequestProto) (*hdfspb.SetQuotaResponseProto, error) {
	r := namespace.QuotaRequest{Src: q.GetPath(), Names: int64(q.GetNamespaceQuota()), Space: int64(q.GetStoragespaceQuota())}
	if q.StorageType != nil {
		r.Type = int64(q.GetStorageType())
	}
	err := s.ns.SetQuota(ctx, s.caller(c), r)
	s.audit(c, err, r.Operation(), q.GetPath(), "")
	return nil, err
}

func encodeTypes(types []namespace.TypeUsage) *hdfspb.StorageTypeQuotaInfosProto {
	if len(types) == 0 {
		return nil
	}
	m := &hdfspb.StorageTypeQuotaInfosProto{}
	for _, t := range types {
		m.TypeQuotaInfo = append(m.TypeQuotaInfo, &hdfspb.StorageTypeQuotaInfoProto{
			Type: hdfspb.StorageTypeProto(t.Type).Enum(), Quota: proto.Uint64(uint64(t.Quota)), Consumed: proto.Uint64(uint64(t.Used))})
	}
	return m
}

func (s *Service) getStoragePolicy(ctx context.Context, c *ipc.Call, q *hdfspb.GetStoragePolicyRequestProto) (*hdfspb.GetStoragePolicyResponseProto, error) {
	id, err := s.ns.StoragePolicy(ctx, s.caller(c), q.GetPath())
	s.audit(c, err, "getStoragePolicy", q.GetPath(), "")
	if err != nil {
		return nil, err
	}
	return &hdfspb.GetStoragePolicyResponseProto{StoragePolicy: policyOf(id)}, nil
}

func (s *Service) setStoragePolicy(ctx context.Context, c *ipc.Call, q *hdfspb.SetStoragePolicyRequestProto) (*hdfspb.SetStoragePolicyResponseProto, error) {
	err := s.ns.SetStoragePolicy(ctx, s.caller(c), q.GetSrc(), q.GetPolicyName())
	s.audit(c, err, "setStoragePolicy", q.GetSrc(), "")
	return nil, err
}

func (s *Service) unsetStoragePolicy(ctx context.Context, c *ipc.Call, q *hdfspb.UnsetStoragePolicyRequestProto) (*hdfspb.UnsetStoragePolicyResponseProto, error) {
	err := s.ns.UnsetStoragePolicy(ctx, s.caller(c), q.GetSrc())
	s.audit(c, err, "unsetStoragePolicy", q.GetSrc(), "")
	return nil, err
}

// satisfyStoragePolicy answers as HDFS does where no satisfier runs, which is the
// default there.
func (s *Service) satisfyStoragePolicy(_ context.Context, c *ipc.Call, q *hdfspb.SatisfyStoragePolicyRequestProto) (*hdfspb.SatisfyStoragePolicyResponseProto, error) {
	err := fault.New(fault.UnsupportedAction, "Cannot request to satisfy storage policy when storage policy satisfier feature "+
		"has been disabled by admin. Seek for an admin help to enable it or use Mover tool.")
	s.audit(c, err, "satisfyStoragePolicy", q.GetSrc(), "")
	return nil, err
}
