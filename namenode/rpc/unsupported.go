package rpc

// A Refusal is a method of ClientProtocol that is answered with
// UnsupportedOperationException.
type Refusal struct {
	Method    string // on the wire
	Operation string // in words, for the message: "does not support …"
}

// Unsupported lists the methods that are refused, each once. Users read about them
// in docs/divergences.md, which names all of them.
var Unsupported = []Refusal{
	{"createSnapshot", "snapshots (createSnapshot)"},
	{"renameSnapshot", "snapshots (renameSnapshot)"},
	{"deleteSnapshot", "snapshots (deleteSnapshot)"},
	{"allowSnapshot", "snapshots (allowSnapshot)"},
	{"disallowSnapshot", "snapshots (disallowSnapshot)"},
	{"getSnapshotListing", "snapshots (getSnapshotListing)"},
	{"getSnapshotDiffReport", "snapshots (getSnapshotDiffReport)"},
	{"getSnapshotDiffReportListing", "snapshots (getSnapshotDiffReportListing)"},

	{"addCacheDirective", "centralized caching (addCacheDirective)"},
	{"modifyCacheDirective", "centralized caching (modifyCacheDirective)"},
	{"removeCacheDirective", "centralized caching (removeCacheDirective)"},
	{"listCacheDirectives", "centralized caching (listCacheDirectives)"},
	{"addCachePool", "centralized caching (addCachePool)"},
	{"modifyCachePool", "centralized caching (modifyCachePool)"},
	{"removeCachePool", "centralized caching (removeCachePool)"},
	{"listCachePools", "centralized caching (listCachePools)"},

	{"createEncryptionZone", "encryption zones (createEncryptionZone)"},
	{"listEncryptionZones", "encryption zones (listEncryptionZones)"},
	{"reencryptEncryptionZone", "encryption zones (reencryptEncryptionZone)"},
	{"listReencryptionStatus", "encryption zones (listReencryptionStatus)"},

	{"setErasureCodingPolicy", "erasure coding (setErasureCodingPolicy)"},
	{"unsetErasureCodingPolicy", "erasure coding (unsetErasureCodingPolicy)"},
	{"addErasureCodingPolicies", "erasure coding (addErasureCodingPolicies)"},
	{"removeErasureCodingPolicy", "erasure coding (removeErasureCodingPolicy)"},
	{"enableErasureCodingPolicy", "erasure coding (enableErasureCodingPolicy)"},
	{"disableErasureCodingPolicy", "erasure coding (disableErasureCodingPolicy)"},
	{"getErasureCodingCodecs", "erasure coding (getErasureCodingCodecs)"},
	{"getECTopologyResultForPolicies", "erasure coding (getECTopologyResultForPolicies)"},

	{"renewDelegationToken", "delegation tokens (renewDelegationToken)"},
	{"cancelDelegationToken", "delegation tokens (cancelDelegationToken)"},

	{"getCurrentEditLogTxid", "the edit log (getCurrentEditLogTxid): there is none, the database has the changes"},
	{"getEditsFromTxid", "the edit log (getEditsFromTxid): there is none, the database has the changes"},
	{"rollEdits", "the edit log (rollEdits): there is none, the database has the changes"},
	{"restoreFailedStorage", "storage directories (restoreFailedStorage): there are none, the database has the metadata"},
}
