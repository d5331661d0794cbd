package blocks_test

import (
	"fmt"
	"testing"

	"github.com/hopsql/hopsql/testkit/fakecluster"
)

// BenchmarkFile is the life of a file of one block with three replicas: create,
// addBlock, three reports, complete, without store and wire.
func BenchmarkFile(b *testing.B) {
	c := fakecluster.New(b, fakecluster.Options{})
	for i := 0; b.Loop(); i++ {
		path := fmt.Sprintf("/d/f%d", i)
		st := c.Create(path, "w", 3)
		last := c.Fill(c.AddBlock(path, "w", st.ID, nil), 100)
		c.Complete(path, "w", st.ID, &last)
	}
}
