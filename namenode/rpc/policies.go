package rpc

import (
	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// hot is the storage policy of what has none of its own.
const hot = 7

// storagePolicies are HDFS's, in its order: by falling id.
var storagePolicies = func() []*hdfspb.BlockStoragePolicyProto {
	type types = []hdfspb.StorageTypeProto
	const (
		disk     = hdfspb.StorageTypeProto_DISK
		ssd      = hdfspb.StorageTypeProto_SSD
		archive  = hdfspb.StorageTypeProto_ARCHIVE
		ram      = hdfspb.StorageTypeProto_RAM_DISK
		provided = hdfspb.StorageTypeProto_PROVIDED
		nvdimm   = hdfspb.StorageTypeProto_NVDIMM
	)
	var out []*hdfspb.BlockStoragePolicyProto
	for _, p := range []struct {
		id                             uint32
		name                           string
		storage, creation, replication types
	}{
		{15, "LAZY_PERSIST", types{ram, disk}, types{disk}, types{disk}},
		{14, "ALL_NVDIMM", types{nvdimm}, types{disk}, types{disk}},
		{12, "ALL_SSD", types{ssd}, types{disk}, types{disk}},
		{10, "ONE_SSD", types{ssd, disk}, types{ssd, disk}, types{ssd, disk}},
		{hot, "HOT", types{disk}, types{}, types{archive}},
		{5, "WARM", types{disk, archive}, types{disk, archive}, types{disk, archive}},
		{2, "COLD", types{archive}, types{}, types{}},
		{1, "PROVIDED", types{provided, disk}, types{provided, disk}, types{provided, disk}},
	} {
		out = append(out, &hdfspb.BlockStoragePolicyProto{
			PolicyId: proto.Uint32(p.id), Name: proto.String(p.name),
			CreationPolicy:            &hdfspb.StorageTypesProto{StorageTypes: p.storage},
			CreationFallbackPolicy:    &hdfspb.StorageTypesProto{StorageTypes: p.creation},
			ReplicationFallbackPolicy: &hdfspb.StorageTypesProto{StorageTypes: p.replication},
		})
	}
	return out
}()

// policyOf is the policy with an id; 0 and unknown ids stand for the default.
func policyOf(id int64) *hdfspb.BlockStoragePolicyProto {
	var def *hdfspb.BlockStoragePolicyProto
	for _, p := range storagePolicies {
		switch int64(p.GetPolicyId()) {
		case id:
			return p
		case hot:
			def = p
		}
	}
	return def
}

// policyNamed is the id of the policy called name, 0 if there is none.
func policyNamed(name string) int64 {
	for _, p := range storagePolicies {
		if p.GetName() == name {
			return int64(p.GetPolicyId())
		}
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
