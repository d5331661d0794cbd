package web

import (
	"encoding/json"
	"net"
	"net/http"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/hopsql/hopsql/namenode/blocks"
)

const beanPrefix = "Hadoop:service=NameNode,name="

// A bean is one MBean: its name, type and attributes.
type bean map[string]any

// beans are all beans, as they are now.
func (s *Server) beans() []bean {
	c, b := s.cfg.Blocks.Cluster(), s.cfg.Blocks.Blocks()
	on, why := s.cfg.Safe.On()
	if !on {
		why = ""
	} else if why = strings.TrimSpace("Safe mode is ON. " + why); why == "" {
		why = "Safe mode is ON."
	}
	leads, epoch := s.cfg.Leader()
	all := []bean{s.info(&c, &b, why), s.system("FSNamesystem", &c, &b), s.system("FSNamesystemState", &c, &b), s.status(), memory()}
	for _, p := range s.cfg.Ports {
		all = append(all, rpcActivity(p), rpcDetailed(p))
	}
	all[2]["FSState"] = map[bool]string{true: "safeMode", false: "Operational"}[on]
	all[3]["Leader"], all[3]["LeaderEpoch"], all[3]["LiveNameNodes"] = leads, epoch, s.nameNodes()
	return all
}

func (s *Server) info(c *blocks.ClusterStats, b *blocks.BlockStats, safe string) bean {
	percent := func(part int64) float64 {
		if c.Capacity == 0 {
			return 0
		}
		return float64(part) * 100 / float64(c.Capacity)
	}
	live, dead := map[string]any{}, map[string]any{}
	decom, entering := map[string]any{}, map[string]any{}
	for _, d := range s.cfg.Blocks.Datanodes(blocks.ListAll) {
		key, entry := nodeEntry(&d)
		if d.Alive {
			live[key] = entry
		} else {
			dead[key] = map[string]any{"lastContact": entry["lastContact"], "decommissioned": d.Decommissioned(),
				"xferaddr": entry["xferaddr"], "location": d.Location, "adminState": entry["adminState"]}
		}
		switch l := d.Leaving; {
		case d.Decommissioning():
			decom[key] = map[string]any{"xferaddr": entry["xferaddr"], "underReplicatedBlocks": l.UnderReplicated,
				"decommissionOnlyReplicas": l.Only, "underReplicateInOpenFiles": l.Open}
		case d.EnteringMaintenance():
			entering[key] = map[string]any{"xferaddr": entry["xferaddr"], "lowRedundancyBlocks": l.UnderReplicated,
				"maintenanceOnlyReplicas": l.Only, "lowRedundancyInOpenFiles": l.Open}
		}
	}
	version, build, _ := strings.Cut(s.cfg.Version, ", ")
	return bean{
		"name": beanPrefix + "NameNodeInfo", "modelerType": "org.apache.hadoop.hdfs.server.namenode.FSNamesystem",
		"Version": s.cfg.Version, "SoftwareVersion": version, "CompileInfo": build,
		"ClusterId": s.cfg.Identity.ClusterID, "BlockPoolId": s.cfg.Identity.BlockPoolID,
		"NNStartedTimeInMillis": s.started.UnixMilli(), "UpgradeFinalized": true, "RollingUpgradeStatus": nil,
		"Safemode": safe, "Total": c.Capacity, "Used": c.Used, "Free": c.Remaining, "NonDfsUsedSpace": c.NonDFSUsed,
		"PercentUsed": percent(c.Used), "PercentRemaining": percent(c.Remaining),
		"BlockPoolUsedSpace": c.BlockPoolUsed, "PercentBlockPoolUsed": percent(c.BlockPoolUsed),
		"ProvidedCapacity": 0, "CacheCapacity": 0, "CacheUsed": 0,
		"NumberOfMissingBlocks": b.Missing, "NumberOfMissingBlocksWithReplicationFactorOne": b.MissingOne,
		"HighestPriorityLowRedundancyReplicatedBlocks": b.HighestPriority, "HighestPriorityLowRedundancyECBlocks": 0,
		"Threads": runtime.NumGoroutine(), "NumberOfSnapshottableDirs": 0,
		"LiveNodes": text(live), "DeadNodes": text(dead), "DecomNodes": text(decom), "EnteringMaintenanceNodes": text(entering),
		"AuditLinesDropped": s.cfg.Audit.Dropped(),
	}
}

// nameNodes are those that live, as JSON by RPC address.
func (s *Server) nameNodes() string {
	all := map[string]any{}
	for _, n := range s.cfg.Living() {
		all[n.RPCAddress] = map[string]any{"id": n.ID, "leader": n.Leader, "load": n.Load, "version": n.Version,
			"serviceAddress": n.ServiceAddress, "httpAddress": n.HTTPAddress, "started": n.Started}
	}
	return text(all)
}

// text is a value as JSON inside a string, as some attributes are.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "{}"
	}
	return string(b)
}

// nodeEntry is one DataNode in LiveNodes.
func nodeEntry(d *blocks.DatanodeStatus) (key string, entry map[string]any) {
	port := func(host string, p int64) string { return net.JoinHostPort(host, strconv.FormatInt(p, 10)) }
	share := 0.0
	if d.Capacity > 0 {
		share = float64(d.BlockPoolUsed) * 100 / float64(d.Capacity)
	}
	return port(d.Host, d.XferPort), map[string]any{
		"infoAddr": port(d.IP, d.InfoPort), "infoSecureAddr": port(d.IP, d.InfoSecurePort), "xferaddr": port(d.IP, d.XferPort),
		"location": d.Location, "lastContact": since(d.LastContact, time.Second), "lastBlockReport": since(d.LastReport, time.Minute),
		"usedSpace": d.Used, "used": d.Used, "nonDfsUsedSpace": d.NonDFSUsed, "capacity": d.Capacity, "remaining": d.Remaining,
		"numBlocks": d.NumBlocks, "version": d.Version, "adminState": blocks.AdminStateName(d.AdminState), "blockScheduled": 0,
		"blockPoolUsed": d.BlockPoolUsed, "blockPoolUsedPercent": share, "volfails": d.FailedVolumes,
	}
}

// since is how many units have passed since ms; -1 for never.
func since(ms int64, unit time.Duration) int64 {
	if ms == 0 {
		return -1
	}
	return int64(time.Since(time.UnixMilli(ms)) / unit)
}

// system is FSNamesystem or FSNamesystemState: capacities and block counts.
func (s *Server) system(name string, c *blocks.ClusterStats, b *blocks.BlockStats) bean {
	gb := func(v int64) float64 { return float64(v) / (1 << 30) }
	return bean{
		"name": beanPrefix + name, "modelerType": name, "tag.HAState": "active",
		"CapacityTotal": c.Capacity, "CapacityTotalGB": gb(c.Capacity), "CapacityUsed": c.Used, "CapacityUsedGB": gb(c.Used),
		"CapacityRemaining": c.Remaining, "CapacityRemainingGB": gb(c.Remaining), "CapacityUsedNonDFS": c.NonDFSUsed,
		"TotalLoad": c.Xceivers, "NumLiveDataNodes": c.Live, "NumDeadDataNodes": c.Dead, "StaleDataNodes": c.Stale,
		"NumStaleDataNodes": c.Stale, "NumInServiceLiveDataNodes": c.InService, "NumDecomLiveDataNodes": c.States.DecommissionedLive,
		"NumDecomDeadDataNodes": c.States.DecommissionedDead, "NumDecommissioningDataNodes": c.States.Decommissioning,
		"NumEnteringMaintenanceDataNodes": c.States.Entering, "NumInMaintenanceLiveDataNodes": c.States.MaintenanceLive,
		"NumInMaintenanceDeadDataNodes": c.States.MaintenanceDead, "VolumeFailuresTotal": c.FailedVolumes, "MissingBlocks": b.Missing, "MissingReplOneBlocks": b.MissingOne,
		"CorruptBlocks": b.Corrupt, "UnderReplicatedBlocks": b.UnderReplicated, "LowRedundancyBlocks": b.UnderReplicated,
		"PendingReplicationBlocks": b.Pending, "PendingReconstructionBlocks": b.Pending, "PendingDeletionBlocks": b.PendingDeletion,
		// There are no checkpoints to fall behind: alerts on them must stay quiet.
		"LastCheckpointTime": time.Now().UnixMilli(), "TransactionsSinceLastCheckpoint": 0, "TransactionsSinceLastLogRoll": 0,
	}
}

func (s *Server) status() bean {
	return bean{"name": beanPrefix + "NameNodeStatus", "modelerType": "org.apache.hadoop.hdfs.server.namenode.NameNode",
		"State": "active", "NNRole": "NameNode", "HostAndPort": s.cfg.RPCAddress, "SecurityEnabled": false,
		"LastHATransitionTime": 0, "BytesWithFutureGenerationStamps": 0, "SlowPeersReport": "[]", "SlowDisksReport": nil}
}

// memory is that of this process under the names of a JVM.
func memory() bean {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	const mb = 1 << 20
	return bean{"name": beanPrefix + "JvmMetrics", "modelerType": "JvmMetrics",
		"MemHeapUsedM": float64(m.HeapAlloc) / mb, "MemHeapCommittedM": float64(m.HeapSys-m.HeapReleased) / mb,
		"MemHeapMaxM": float64(m.Sys) / mb, "GcCount": m.NumGC, "GcTimeMillis": m.PauseTotalNs / 1e6, "ThreadsRunnable": runtime.NumGoroutine()}
}

// jmx answers ?qry=PATTERN with the beans whose name matches, ?get=BEAN::ATTRIBUTE
// with one attribute, and otherwise with all beans.
func (s *Server) jmx(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	found := []bean{}
	if get := q.Get("get"); get != "" {
		name, attr, ok := strings.Cut(get, "::")
		if !ok {
			writeJSON(w, map[string]string{"result": "ERROR", "message": "query format is not as expected."})
			return
		}
		for _, b := range s.beans() {
			if v, ok := b[attr]; ok && b["name"] == name {
				found = append(found, bean{"name": b["name"], "modelerType": b["modelerType"], attr: v})
			}
		}
		writeJSON(w, map[string]any{"beans": found})
		return
	}
	pattern := q.Get("qry")
	for _, b := range s.beans() {
		if pattern == "" || matches(pattern, b["name"].(string)) {
			found = append(found, b)
		}
	}
	writeJSON(w, map[string]any{"beans": found})
}

// matches reports whether a bean's name fits an ObjectName pattern: the key
// properties come in any order, and ",*" stands for further ones.
func matches(pattern, name string) bool {
	wantDomain, want, ok := strings.Cut(pattern, ":")
	domain, props, _ := strings.Cut(name, ":")
	if !ok || !glob(wantDomain, domain) {
		return false
	}
	have := map[string]string{}
	for p := range strings.SplitSeq(props, ",") {
		k, v, _ := strings.Cut(p, "=")
		have[k] = v
	}
	n, open := 0, false
	for p := range strings.SplitSeq(want, ",") {
		if p == "*" {
			open = true
			continue
		}
		k, v, _ := strings.Cut(p, "=")
		got, ok := have[k]
		if !ok || !glob(v, got) {
			return false
		}
		n++
	}
	return open || n == len(have)
}

// glob matches * and ?, which mean in ObjectNames what they mean in file names.
func glob(pattern, s string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(s, "/", "\x00"))
	return err == nil && ok
}
