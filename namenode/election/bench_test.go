package election

import (
	"testing"

	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/schema"
)

// BenchmarkServe is what a client's call pays for being one of a NameNode that may be
// taken for dead.
func BenchmarkServe(b *testing.B) {
	store := memstore.New()
	if err := store.Admin().Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	c := &cluster{store: store}
	for _, name := range []string{schema.VarNamespaceID, schema.VarEpoch} {
		c.put(b, name, 7)
	}
	n, err := Join(b.Context(), Config{Store: store, NamespaceID: 7, Self: schema.Namenode{ID: 1}})
	if err != nil {
		b.Fatal(err)
	}
	begin := n.Serve(b.Context())
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := begin(); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
