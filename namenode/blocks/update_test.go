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

func createRequest(path, client string, replication int64) namespace.CreateRequest {
	return namespace.CreateRequest{Src: path, Mode: 0o644, ClientName: client, Flags: namespace.FlagCreate,
		CreateParent: true, Replication: replication, BlockSize: mib}
}

func addRequest(path, client string, file int64) namespace.AddBlockRequest {
	return namespace.AddBlockRequest{Src: path, ClientName: client, FileID: file}
}
