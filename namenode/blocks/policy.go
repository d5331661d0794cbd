package blocks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/namenode/topology"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

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

// TypeName is HDFS's name of a type of storage.
func TypeName(t int64) string {
	switch t {
	case TypeSSD:
		return "SSD"
	case TypeArchive:
		return "ARCHIVE"
	case TypeProvided:
		return "PROVIDED"
	case TypeNVDIMM:
		return "NVDIMM"
	case TypeRAMDisk:
		return "RAM_DISK"
	}
	return "DISK"
}

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

// PolicyNamed returns the policy called name, in any case of its letters; nil if there
// is none.
func PolicyNamed(name string) *Policy {
	for i := range policies {
		if strings.EqualFold(policies[i].Name, name) {
			return &policies[i]
		}
	}
	return nil
}

// String is the policy as HDFS shows it.
func (p *Policy) String() string {
	list := func(types []int64) string {
		words := make([]string, len(types))
		for i, t := range types {
			words[i] = TypeName(t)
		}
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("BlockStoragePolicy{%s:%d, storageTypes=[%s], creationFallbacks=[%s], replicationFallbacks=[%s]}",
		p.Name, p.ID, list(p.Types), list(p.CreationFallbacks), list(p.ReplicationFallbacks))
}

// PolicyOf returns the policy of a file; HOT for an id that is 0 or unknown.
func PolicyOf(id int64) Policy { return *policyOf(id) }

// OnlyAtCreation reports whether a file has the policy from its creation or not at all.
func (p *Policy) OnlyAtCreation() bool { return p.Types[0] == TypeRAMDisk }

// TypesOf returns the type of storage of each of n replicas. None is on a RAM disk:
// what lies there moves on, so a DataNode decides about that by itself.
func (p *Policy) TypesOf(n int) []int64 {
	var out []int64
	for _, t := range p.Types {
		if t != TypeRAMDisk && len(out) < n {
			out = append(out, t)
		}
	}
	for len(out) > 0 && len(out) < n {
		out = append(out, out[len(out)-1])
	}
	return out
}

// missing returns the types that the replicas to come should have if there will be n
// in all and has are the types of those that are there.
func (p *Policy) missing(n int, has []int64) []int64 {
	out := p.TypesOf(n)
	for _, t := range has {
		if i := slices.Index(out, t); i >= 0 {
			out = slices.Delete(out, i, i+1)
		}
	}
	return out
}

// fallbacks are the types that stand in, in order, for one that has no room.
func (p *Policy) fallbacks(creating bool) []int64 {
	if creating {
		return p.CreationFallbacks
	}
	return p.ReplicationFallbacks
}

// inherited returns the policy of a file: its own or that of the nearest directory above
// it that has one. Where all storages are of one type none is looked for.
func (r *Registry) inherited(tx *txn.Tx, in *schema.Inode) (int64, error) {
	if in.StoragePolicy != 0 || !r.severalTypes() {
		return in.StoragePolicy, nil
	}
	for parent := in.ParentID; parent != schema.RootParentID; {
		rows, err := tx.Lookup(schema.InodesByID, schema.KeyOf(schema.Int(parent)))
		if err != nil || len(rows) == 0 {
			return 0, err
		}
		dir := schema.InodeOf(rows[0])
		if dir.StoragePolicy != 0 {
			return dir.StoragePolicy, nil
		}
		parent = dir.ParentID
	}
	return 0, nil
}

// severalTypes reports whether there are storages of different types.
func (r *Registry) severalTypes() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	first := int64(0)
	for _, s := range r.storages {
		if first == 0 {
			first = s.kind()
		}
		if s.kind() != first {
			return true
		}
	}
	return false
}
