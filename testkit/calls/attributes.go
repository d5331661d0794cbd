package calls

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// attributes are the commands about modes, owners, times, replication and policies.
func attributes(c *call, w []string) (answer string, known bool, err error) {
	switch w[0] {
	case "chmod":
		return "ok", true, c.send("setPermission", &hdfspb.SetPermissionRequestProto{Src: &w[2], Permission: perm(w[1])}, &hdfspb.SetPermissionResponseProto{})
	case "chown":
		u, g, _ := strings.Cut(w[1], ":")
		q := &hdfspb.SetOwnerRequestProto{Src: &w[2]}
		if u != "" {
			q.Username = &u
		}
		if g != "" {
			q.Groupname = &g
		}
		return "ok", true, c.send("setOwner", q, &hdfspb.SetOwnerResponseProto{})
	case "settimes":
		q := &hdfspb.SetTimesRequestProto{Src: &w[1], Mtime: proto.Uint64(5), Atime: proto.Uint64(6)}
		if w[2] != "" {
			*q.Mtime, *q.Atime = number(w[2]), number(w[3])
		}
		return "ok", true, c.send("setTimes", q, &hdfspb.SetTimesResponseProto{})
	case "setrep":
		q := &hdfspb.SetReplicationRequestProto{Src: &w[1], Replication: proto.Uint32(2)}
		if w[2] != "" {
			*q.Replication = uint32(number(w[2]))
		}
		r := &hdfspb.SetReplicationResponseProto{}
		err = c.send("setReplication", q, r)
		return fmt.Sprint(r.GetResult()), true, err
	case "access":
		n, _ := strconv.Atoi(w[1])
		return "ok", true, c.send("checkAccess", &hdfspb.CheckAccessRequestProto{Path: &w[2], Mode: hdfspb.AclEntryProto_FsActionProto(n).Enum()}, &hdfspb.CheckAccessResponseProto{})
	case "setpolicy":
		return "ok", true, c.send("setStoragePolicy", &hdfspb.SetStoragePolicyRequestProto{Src: &w[2], PolicyName: &w[1]}, &hdfspb.SetStoragePolicyResponseProto{})
	case "unsetpolicy":
		return "ok", true, c.send("unsetStoragePolicy", &hdfspb.UnsetStoragePolicyRequestProto{Src: &w[1]}, &hdfspb.UnsetStoragePolicyResponseProto{})
	case "getpolicy":
		r := &hdfspb.GetStoragePolicyResponseProto{}
		err = c.send("getStoragePolicy", &hdfspb.GetStoragePolicyRequestProto{Path: &w[1]}, r)
		return fmt.Sprint(r.GetStoragePolicy().GetPolicyId(), r.GetStoragePolicy().GetName()), true, err
	case "satisfy":
		return "ok", true, c.send("satisfyStoragePolicy", &hdfspb.SatisfyStoragePolicyRequestProto{Src: &w[1]}, &hdfspb.SatisfyStoragePolicyResponseProto{})
	}
	return "", false, nil
}

// quotas are the commands about quotas and what they count.
func quotas(c *call, w []string) (answer string, known bool, err error) {
	switch w[0] {
	case "setquota": // NAMES SPACE PATH [TYPE]; -1 takes a quota away, "max" leaves it as it is
		q := &hdfspb.SetQuotaRequestProto{Path: &w[3], NamespaceQuota: quota(w[1]), StoragespaceQuota: quota(w[2])}
		if w[4] != "" {
			q.StorageType = hdfspb.StorageTypeProto(hdfspb.StorageTypeProto_value[w[4]]).Enum()
		}
		return "ok", true, c.send("setQuota", q, &hdfspb.SetQuotaResponseProto{})
	case "count":
		r := &hdfspb.GetContentSummaryResponseProto{}
		err = c.send("getContentSummary", &hdfspb.GetContentSummaryRequestProto{Path: &w[1]}, r)
		m := r.GetSummary()
		return fmt.Sprintf("files=%d dirs=%d length=%d space=%d quota=%d,%d%s %s", m.GetFileCount(), m.GetDirectoryCount(), m.GetLength(), m.GetSpaceConsumed(),
			int64(m.GetQuota()), int64(m.GetSpaceQuota()), types(m.GetTypeQuotaInfos()), m.GetErasureCodingPolicy()), true, err
	case "usage":
		r := &hdfspb.GetQuotaUsageResponseProto{}
		err = c.send("getQuotaUsage", &hdfspb.GetQuotaUsageRequestProto{Path: &w[1]}, r)
		m := r.GetUsage()
		return fmt.Sprintf("names=%d space=%d quota=%d,%d%s", m.GetFileAndDirectoryCount(), m.GetSpaceConsumed(),
			int64(m.GetQuota()), int64(m.GetSpaceQuota()), types(m.GetTypeQuotaInfos())), true, err
	}
	return "", false, nil
}

func quota(s string) *uint64 {
	if s == "max" {
		return proto.Uint64(1<<63 - 1)
	}
	return proto.Uint64(number(s))
}

func types(m *hdfspb.StorageTypeQuotaInfosProto) string {
	var out strings.Builder
	for _, t := range m.GetTypeQuotaInfo() {
		fmt.Fprintf(&out, " %s=%d/%d", t.GetType(), int64(t.GetConsumed()), int64(t.GetQuota()))
	}
	return out.String()
}
