// Package protocols holds the messages that Hadoop puts on the wire, one folder
// for each protobuf package: ipcpb (hadoop.common), hdfspb (hadoop.hdfs),
// datanodepb, namenodepb and lifelinepb. The .proto files state names and
// numbers only; scripts/generate.sh makes the Go beside them. Nothing here knows
// a socket, a NameNode or a file.
package protocols
