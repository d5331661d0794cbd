package datanode

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
)

// benchBlock is the size of a block in these benchmarks, in bytes.
const benchBlock = 64 << 20

func benchNodes(b *testing.B, n int) (*fakeNN, []*testNode, *datatransfer.Peers) {
	b.Helper()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	nn := startNN(b)
	var nodes []*testNode
	for range n {
		nodes = append(nodes, startNode(b, nn, b.TempDir()))
	}
	p := datatransfer.NewPeers(datatransfer.PeerConfig{})
	b.Cleanup(func() { p.Close() })
	return nn, nodes, p
}

func benchmarkWrite(b *testing.B, copies int) {
	nn, nodes, p := benchNodes(b, copies)
	data := randomBytes(benchBlock, 1)
	b.SetBytes(benchBlock)
	id := int64(0)
	for b.Loop() {
		id++
		lb := nn.located(id, 1001, 0, nodes...)
		w, err := datatransfer.CreateBlock(context.Background(), writerConf(p), lb, benchBlock)
		if err == nil {
			_, err = w.ReadFrom(bytes.NewReader(data))
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
		for _, d := range nodes {
			if _, err := d.store.Delete(replicas.Block{ID: id, Stamp: 1001}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkWrite1(b *testing.B) { benchmarkWrite(b, 1) }
func BenchmarkWrite3(b *testing.B) { benchmarkWrite(b, 3) }

func BenchmarkRead(b *testing.B) {
	nn, nodes, p := benchNodes(b, 1)
	lb := nn.located(1, 1001, 0, nodes...)
	writeBlock(b, p, lb, randomBytes(benchBlock, 1))
	b.SetBytes(benchBlock)
	for b.Loop() {
		r, err := p.OpenBlock(context.Background(), datatransfer.ReadRequest{Node: lb.Locs[0].Id, Block: lb.B, ClientName: "c", Length: benchBlock})
		if err == nil {
			_, err = r.WriteTo(io.Discard)
			r.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
