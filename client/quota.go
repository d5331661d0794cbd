package client

import (
	"fmt"
	"math"
	"strings"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// KeepQuota is the value of a quota that SetQuota leaves as it is.
const KeepQuota = math.MaxInt64

// SetQuota sets how many names and how many bytes, with all replicas, the tree at name
// may hold. NoQuota takes a quota away, KeepQuota leaves it. Only a superuser may.
func (c *Client) SetQuota(name string, names, space int64) error {
	if names <= 0 && names != NoQuota || space < 0 && space != NoQuota {
		return pathError("setquota", name, fmt.Errorf("Invalid values for quota : %d and %d", names, space)) //nolint:staticcheck // the words of Apache's client
	}
	return c.setQuota(name, &hdfspb.SetQuotaRequestProto{NamespaceQuota: unsigned(names), StoragespaceQuota: unsigned(space)})
}

// SetTypeQuota sets how many bytes the tree at name may hold on one type of storage:
// SSD, DISK, ARCHIVE, PROVIDED or NVDIMM. NoQuota takes the quota away.
func (c *Client) SetTypeQuota(name, kind string, space int64) error {
	if space <= 0 && space != NoQuota {
		return pathError("setquota", name, fmt.Errorf("Invalid values for quota :%d", space)) //nolint:staticcheck // the words of Apache's client
	}
	v, ok := hdfspb.StorageTypeProto_value[kind]
	if !ok {
		return pathError("setquota", name, fmt.Errorf("there is no storage type %q", kind))
	}
	return c.setQuota(name, &hdfspb.SetQuotaRequestProto{NamespaceQuota: unsigned(KeepQuota), StoragespaceQuota: unsigned(space),
		StorageType: hdfspb.StorageTypeProto(v).Enum()})
}

func (c *Client) setQuota(name string, req *hdfspb.SetQuotaRequestProto) error {
	return c.onPath("setquota", name, func(p string) error {
		req.Path = &p
		return c.nn("setQuota", req, &hdfspb.SetQuotaResponseProto{})
	})
}

func unsigned(v int64) *uint64 {
	u := uint64(v)
	return &u
}

// StoragePolicy says on which types of storage the replicas of a file go.
type StoragePolicy struct {
	ID    uint32 // 0 is none
	Name  string
	Types []string // of the first replica, the second, …; the last one for the rest
	// What stands in, in order, when no storage of the type has room.
	CreationFallbacks    []string
	ReplicationFallbacks []string
}

// String is the policy as HDFS's tools show it.
func (p *StoragePolicy) String() string {
	list := func(words []string) string { return strings.Join(words, ", ") }
	return fmt.Sprintf("BlockStoragePolicy{%s:%d, storageTypes=[%s], creationFallbacks=[%s], replicationFallbacks=[%s]}",
		p.Name, p.ID, list(p.Types), list(p.CreationFallbacks), list(p.ReplicationFallbacks))
}

// StoragePolicies lists the policies that there are.
func (c *Client) StoragePolicies() ([]StoragePolicy, error) {
	resp := &hdfspb.GetStoragePoliciesResponseProto{}
	if err := c.nn("getStoragePolicies", &hdfspb.GetStoragePoliciesRequestProto{}, resp); err != nil {
		return nil, pathError("storagepolicies", "/", err)
	}
	var out []StoragePolicy
	for _, m := range resp.GetPolicies() {
		out = append(out, StoragePolicy{ID: m.GetPolicyId(), Name: m.GetName(), Types: typeNames(m.GetCreationPolicy()),
			CreationFallbacks: typeNames(m.GetCreationFallbackPolicy()), ReplicationFallbacks: typeNames(m.GetReplicationFallbackPolicy())})
	}
	return out, nil
}

func typeNames(m *hdfspb.StorageTypesProto) []string {
	var out []string
	for _, t := range m.GetStorageTypes() {
		out = append(out, t.String())
	}
	return out
}

// SetStoragePolicy sets the policy, by its name, for what is written at name and below
// it from now on.
func (c *Client) SetStoragePolicy(name, policy string) error {
	return c.onPath("setstoragepolicy", name, func(p string) error {
		return c.nn("setStoragePolicy", &hdfspb.SetStoragePolicyRequestProto{Src: &p, PolicyName: &policy}, &hdfspb.SetStoragePolicyResponseProto{})
	})
}

// UnsetStoragePolicy takes the policy of name away: it has that of its directory then.
func (c *Client) UnsetStoragePolicy(name string) error {
	return c.onPath("unsetstoragepolicy", name, func(p string) error {
		return c.nn("unsetStoragePolicy", &hdfspb.UnsetStoragePolicyRequestProto{Src: &p}, &hdfspb.UnsetStoragePolicyResponseProto{})
	})
}

// SatisfyStoragePolicy asks for the replicas of a file, or of the files in a directory,
// to be moved to the types of storage that the policy wants.
func (c *Client) SatisfyStoragePolicy(name string) error {
	return c.onPath("satisfystoragepolicy", name, func(p string) error {
		return c.nn("satisfyStoragePolicy", &hdfspb.SatisfyStoragePolicyRequestProto{Src: &p}, &hdfspb.SatisfyStoragePolicyResponseProto{})
	})
}
