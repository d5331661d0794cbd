package rpc

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/namenode/blocks"
)

// hot is the storage policy of what has none of its own.
const hot = 7

// storagePolicies are HDFS's, in its order: by id.
var storagePolicies = func() []*hdfspb.BlockStoragePolicyProto {
	all := blocks.Policies()
	slices.SortFunc(all, func(a, b blocks.Policy) int { return cmp.Compare(a.ID, b.ID) })
	var out []*hdfspb.BlockStoragePolicyProto
	for _, p := range all {
		out = append(out, &hdfspb.BlockStoragePolicyProto{
			PolicyId: proto.Uint32(uint32(p.ID)), Name: proto.String(p.Name),
			CreationPolicy:            &hdfspb.StorageTypesProto{StorageTypes: encodeKinds(p.Types)},
			CreationFallbackPolicy:    &hdfspb.StorageTypesProto{StorageTypes: encodeKinds(p.CreationFallbacks)},
			ReplicationFallbackPolicy: &hdfspb.StorageTypesProto{StorageTypes: encodeKinds(p.ReplicationFallbacks)},
		})
	}
	return out
}()

func encodeKinds(types []int64) []hdfspb.StorageTypeProto {
	out := make([]hdfspb.StorageTypeProto, len(types))
	for i, t := range types {
		out[i] = hdfspb.StorageTypeProto(t)
	}
	return out
}

// policyOf is the policy with an id; 0 and unknown ids stand for the default.
func policyOf(id int64) *hdfspb.BlockStoragePolicyProto {
	known := blocks.PolicyOf(id)
	i := slices.IndexFunc(storagePolicies, func(p *hdfspb.BlockStoragePolicyProto) bool { return int64(p.GetPolicyId()) == known.ID })
	return storagePolicies[i]
}

// policyNamed is the id of the policy called name, 0 if there is none.
func policyNamed(name string) int64 {
	if p := blocks.PolicyNamed(name); p != nil {
		return p.ID
	}
	return 0
}

// ecPolicies are the erasure coding policies that are part of HDFS, all disabled.
var ecPolicies = func() []*hdfspb.ErasureCodingPolicyProto {
	var out []*hdfspb.ErasureCodingPolicyProto
	for _, p := range []struct {
		id           uint32
		name, codec  string
		data, parity uint32
	}{
		{1, "RS-6-3-1024k", "rs", 6, 3},
		{2, "RS-3-2-1024k", "rs", 3, 2},
		{3, "RS-LEGACY-6-3-1024k", "rs-legacy", 6, 3},
		{4, "XOR-2-1-1024k", "xor", 2, 1},
		{5, "RS-10-4-1024k", "rs", 10, 4},
	} {
		out = append(out, &hdfspb.ErasureCodingPolicyProto{
			Id: proto.Uint32(p.id), Name: proto.String(p.name), CellSize: proto.Uint32(1 << 20),
			Schema: &hdfspb.ECSchemaProto{CodecName: proto.String(p.codec), DataUnits: proto.Uint32(p.data), ParityUnits: proto.Uint32(p.parity)},
			State:  hdfspb.ErasureCodingPolicyState_DISABLED.Enum(),
		})
	}
	return out
}()
