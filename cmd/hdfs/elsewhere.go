package main

// elsewhere are subcommands of Hadoop that this system has no use for, or does
// not have; each gets one line, and exit code 1.
var elsewhere = map[string]string{
	"balancer":           "is not here; Apache Hadoop's balancer works with this NameNode",
	"cacheadmin":         "the centralized cache is not there yet",
	"crypto":             "encryption zones are not there yet",
	"debug":              "is not here; see hdfs dfs and hdfs dfsadmin",
	"dfsrouter":          "is not needed: every NameNode serves the whole namespace",
	"dfsrouteradmin":     "is not needed: every NameNode serves the whole namespace",
	"diskbalancer":       "is not here",
	"ec":                 "erasure coding is not there yet",
	"fetchdt":            "there are no delegation tokens: authentication is simple",
	"httpfs":             "is not here; WebHDFS belongs to the NameNode",
	"jmxget":             "there is no JMX over RMI",
	"journalnode":        "is not needed: the database keeps the metadata",
	"lsSnapshottableDir": "snapshots are not there yet",
	"mover":              "is not here; Apache Hadoop's mover works with this NameNode",
	"nfs3":               "is not here",
	"oev":                "there is no edit log: the database keeps the metadata",
	"oiv":                "there is no fsimage: query the database",
	"oiv_legacy":         "there is no fsimage: query the database",
	"portmap":            "is not here",
	"secondarynamenode":  "is not needed: the database keeps the metadata",
	"snapshotDiff":       "snapshots are not there yet",
	"sps":                "is not here",
	"zkfc":               "is not needed: every NameNode is active",
}
