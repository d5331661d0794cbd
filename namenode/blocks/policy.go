package blocks

import "github.com/hopsql/hopsql/namenode/topology"

// DefaultRack is the location of a DataNode that has none.
const DefaultRack = topology.DefaultRack

// Storage types, numbered as on the wire (StorageTypeProto).
const (
	TypeDisk     = 1
	TypeSSD      = 2
	TypeArchive  = 3
	TypeRAMDisk  = 4
	TypeProvided = 5
	TypeNVDIMM   = 6
)

// A Policy says on which types of storage the replicas of a block go.
type Policy struct {
	ID    int64
	Name  string
	Types []int64 // of the first replica, the second, …; the last one for the rest
	// Fallbacks are taken, in order, when none of the wanted type has room.
	CreationFallbacks    []int64
	ReplicationFallbacks []int64
}

// Policies are HDFS's storage policies.
func Policies() []Policy {
	return []Policy{
		{2, "COLD", []int64{TypeArchive}, nil, nil},
		{5, "WARM", []int64{TypeDisk, TypeArchive}, []int64{TypeDisk, TypeArchive}, []int64{TypeDisk, TypeArchive}},
		{7, "HOT", []int64{TypeDisk}, nil, []int64{TypeArchive}},
		{10, "ONE_SSD", []int64{TypeSSD, TypeDisk}, []int64{TypeSSD, TypeDisk}, []int64{TypeSSD, TypeDisk}},
		{12, "ALL_SSD", []int64{TypeSSD}, []int64{TypeDisk}, []int64{TypeDisk}},
		{14, "ALL_NVDIMM", []int64{TypeNVDIMM}, []int64{TypeDisk}, []int64{TypeDisk}},
		{15, "LAZY_PERSIST", []int64{TypeRAMDisk, TypeDisk}, []int64{TypeDisk}, []int64{TypeDisk}},
		{1, "PROVIDED", []int64{TypeProvided, TypeDisk}, []int64{TypeProvided, TypeDisk}, []int64{TypeProvided, TypeDisk}},
	}
}

var policies = Policies()

// hot is the policy of a file without one.
const hot = 7

// policyOf returns the policy of a file; HOT for an id that is 0 or unknown.
func policyOf(id int64) *Policy {
	fallback := 0
	for i := range policies {
		if policies[i].ID == id {
			return &policies[i]
		}
		if policies[i].ID == hot {
			fallback = i
		}
	}
	return &policies[fallback]
}

// wanted returns the types for the i-th replica (from 0), the best first.
func (p *Policy) wanted(i int, creating bool) []int64 {
	out := []int64{p.Types[min(i, len(p.Types)-1)]}
	if creating {
		return append(out, p.CreationFallbacks...)
	}
	return append(out, p.ReplicationFallbacks...)
}
