// Package datatransfer speaks Hadoop's DataTransferProtocol, version 28: how
// block data moves between clients and DataNodes and between DataNodes.
//
// It holds the frames of the protocol (operation headers, packets, acks,
// responses; encoders and decoders for both ends), the checksums that travel
// with the data, and the client ends: BlockReader reads a range of a replica,
// BlockWriter writes a block through a pipeline of DataNodes and can go on with
// a smaller or different pipeline after a node failed, Peers keeps idle
// connections and sends the small operations.
//
// Every decoder checks a length before it allocates. Data is verified against
// its checksums by BlockReader always (unless asked not to), and by a server
// that calls Checksum.Verify.
//
// The package knows no NameNode, no file and no folder: which DataNodes hold a
// block, new generation stamps and the choice of another node are the caller's.
// Security (SASL, block tokens) is not spoken; a token is passed on as it is.
package datatransfer
