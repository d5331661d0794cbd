package blocks_test

import (
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
)

func updateRequest(client string, old, next blocks.Block, targets []blocks.Target) namespace.UpdatePipelineRequest {
	r := namespace.UpdatePipelineRequest{ClientName: client, Old: old, New: next}
	for _, t := range targets {
		r.Datanodes = append(r.Datanodes, t.Datanode.UUID)
		r.StorageIDs = append(r.StorageIDs, t.Storage.UUID)
	}
	return r
}
