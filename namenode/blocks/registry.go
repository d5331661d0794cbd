package blocks

import "github.com/hopsql/hopsql/txn"

// A Registry knows the DataNodes and storages of the cluster as this NameNode sees
// them: addresses from the store, life and load from heartbeats. Safe for many
// goroutines.
type Registry struct {
	eng *txn.Engine
}

// NewRegistry returns an empty registry.
func NewRegistry(eng *txn.Engine) *Registry { return &Registry{eng: eng} }

// Locate returns what a reader at host needs to know of length bytes of a file of
// the given committed length, from offset.
func (r *Registry) Locate(f *File, fileLength int64, open bool, offset, length int64, host string) *Located {
	panic("not yet")
}
