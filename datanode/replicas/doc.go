// Package replicas keeps the replicas of a DataNode on ordinary files.
//
// A volume is a folder:
//
//	in_use.lock                            held while a DataNode runs
//	current/VERSION                        which cluster, DataNode and storage this is
//	current/<pool>/finalized/subdirA/subdirB/blk_<id>, blk_<id>_<stamp>.meta
//	current/<pool>/rbw/                    replicas being written
//	current/<pool>/tmp/                    copies on their way in; emptied at start
//	current/<pool>/deleted/                files to be unlinked; emptied at start
//
// A .meta file is 2 bytes version 1, 1 byte checksum type, 4 bytes big endian
// bytes per checksum, then a 4-byte checksum for each chunk. Its name carries the
// generation stamp, so that renaming it is how a stamp changes, at once.
//
// Promises: a replica is finalized only whole, by renames after its last byte; a
// replica that was being written when the process died comes back cut to the
// longest prefix whose checksums are right, in state RWR; no two DataNodes use a
// volume at a time; a volume of another cluster is refused.
//
// The package knows no socket, no NameNode and no client.
package replicas
