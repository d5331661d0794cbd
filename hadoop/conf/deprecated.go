package conf

// Current is the name that a key has today: a deprecated name and its
// successor are one key, whichever of them is set or asked for.
func Current(key string) string {
	if name, ok := deprecated[key]; ok {
		return name
	}
	return key
}

// deprecated maps old names to current ones.
var deprecated = map[string]string{
	"dfs.access.time.precision":                    "dfs.namenode.accesstime.precision",
	"dfs.balance.bandwidthPerSec":                  "dfs.datanode.balance.bandwidthPerSec",
	"dfs.block.size":                               "dfs.blocksize",
	"dfs.client.buffer.dir":                        "fs.client.buffer.dir",
	"dfs.client.refresh.namenode.list":             "dfs.client.refresh.namenode.list.ms",
	"dfs.data.dir":                                 "dfs.datanode.data.dir",
	"dfs.datanode.max.xcievers":                    "dfs.datanode.max.transfer.threads",
	"dfs.df.interval":                              "fs.df.interval",
	"dfs.encryption.key.provider.uri":              "hadoop.security.key.provider.path",
	"dfs.federation.nameservice.id":                "dfs.nameservice.id",
	"dfs.federation.nameservices":                  "dfs.nameservices",
	"dfs.http.address":                             "dfs.namenode.http-address",
	"dfs.https.address":                            "dfs.namenode.https-address",
	"dfs.https.client.keystore.resource":           "dfs.client.https.keystore.resource",
	"dfs.https.need.client.auth":                   "dfs.client.https.need-auth",
	"dfs.max-repl-streams":                         "dfs.namenode.replication.max-streams",
	"dfs.max.objects":                              "dfs.namenode.max.objects",
	"dfs.name.dir":                                 "dfs.namenode.name.dir",
	"dfs.name.dir.restore":                         "dfs.namenode.name.dir.restore",
	"dfs.name.edits.dir":                           "dfs.namenode.edits.dir",
	"dfs.namenode.replication.considerLoad":        "dfs.namenode.redundancy.considerLoad",
	"dfs.namenode.replication.interval":            "dfs.namenode.redundancy.interval.seconds",
	"dfs.namenode.replication.pending.timeout-sec": "dfs.namenode.reconstruction.pending.timeout-sec",
	"dfs.permissions":                              "dfs.permissions.enabled",
	"dfs.permissions.supergroup":                   "dfs.permissions.superusergroup",
	"dfs.read.prefetch.size":                       "dfs.client.read.prefetch.size",
	"dfs.replication.considerLoad":                 "dfs.namenode.redundancy.considerLoad",
	"dfs.replication.interval":                     "dfs.namenode.redundancy.interval.seconds",
	"dfs.replication.min":                          "dfs.namenode.replication.min",
	"dfs.replication.pending.timeout.sec":          "dfs.namenode.reconstruction.pending.timeout-sec",
	"dfs.safemode.extension":                       "dfs.namenode.safemode.extension",
	"dfs.safemode.threshold.pct":                   "dfs.namenode.safemode.threshold-pct",
	"dfs.secondary.http.address":                   "dfs.namenode.secondary.http-address",
	"dfs.socket.timeout":                           "dfs.client.socket-timeout",
	"dfs.umaskmode":                                "fs.permissions.umask-mode",
	"dfs.web.ugi":                                  "hadoop.http.staticuser.user",
	"dfs.write.packet.size":                        "dfs.client-write-packet-size",
	"fs.checkpoint.dir":                            "dfs.namenode.checkpoint.dir",
	"fs.checkpoint.edits.dir":                      "dfs.namenode.checkpoint.edits.dir",
	"fs.checkpoint.period":                         "dfs.namenode.checkpoint.period",
	"fs.default.name":                              "fs.defaultFS",
	"hadoop.configured.node.mapping":               "net.topology.configured.node.mapping",
	"hadoop.native.lib":                            "io.native.lib.available",
	"heartbeat.recheck.interval":                   "dfs.namenode.heartbeat.recheck-interval",
	"io.bytes.per.checksum":                        "dfs.bytes-per-checksum",
	"session.id":                                   "dfs.metrics.session-id",
	"slave.host.name":                              "dfs.datanode.hostname",
	"topology.node.switch.mapping.impl":            "net.topology.node.switch.mapping.impl",
	"topology.script.file.name":                    "net.topology.script.file.name",
	"topology.script.number.args":                  "net.topology.script.number.args",
}
