// Package datanode is a DataNode: it keeps replicas of blocks in local folders,
// serves them to clients and other DataNodes, and obeys a NameNode.
//
// Parts: one actor for each NameNode registers, beats, reports and takes
// commands, and the crew asks NameNodes who else serves, so that each has its
// actor; sessions speak DataTransferProtocol on the data port; the ipc port
// answers ClientDatanodeProtocol and InterDatanodeProtocol; the http port shows
// the state as JSON. Files are datanode/replicas' matter.
//
// Promises: what a client's pipeline acked is in the files of every node of the
// pipeline; data is verified when it comes in, and when it goes out of this node
// a replica that turns out damaged is reported; a NameNode of another cluster is
// refused before a file is touched.
//
// It does not know paths or users. Security, short-circuit reads, caching,
// erasure coding and rolling upgrades are answered with clear errors.
package datanode
