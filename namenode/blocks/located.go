package blocks

import "github.com/hopsql/hopsql/schema"

// Located is what a reader needs to know of a file's data.
type Located struct {
	FileLength        int64 // without the block under construction
	UnderConstruction bool
	Blocks            []LocatedBlock // that cover the range asked for
	Last              *LocatedBlock  // the last block of the file, nil if it has none
	LastComplete      bool
}

// A LocatedBlock is a block and where its replicas are.
type LocatedBlock struct {
	schema.Block
	Offset  int64 // of the block in the file
	Size    int64 // bytes that a reader may count on
	Targets []Target
	Corrupt bool // no good replica is known
}

// A Target is one storage of one DataNode.
type Target struct {
	Storage  schema.Storage
	Datanode schema.Datanode
}
