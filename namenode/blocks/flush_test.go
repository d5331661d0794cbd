package blocks_test

import (
	"testing"
	"time"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

// TestFlush: a leader that stops leaves nothing of what was reported to it to the
// next one; who does not lead has nothing to leave.
func TestFlush(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 2})
	second := c.Second()
	b := c.Write("/f", 1, mib)[0]
	d := c.DN[0]
	if _, has := d.Replicas[b.ID]; has {
		d = c.DN[1]
	}
	c.Pass(2 * time.Hour) // no NameNode waits for the block any more
	c.Beat()
	d.Report(blocks.Event{Kind: blocks.Received, Block: b})
	if err := second.Reg.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(c.Replicas(b.ID)); n != 1 {
		t.Fatalf("%d replicas before the leader stops, want 1", n)
	}
	if err := c.NN[0].Reg.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(c.Replicas(b.ID)); n != 2 {
		t.Errorf("%d replicas after the leader stopped, want 2", n)
	}
}
