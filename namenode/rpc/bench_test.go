package rpc_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/namenode/rpc"
)

// BenchmarkCalls measures calls over a connection, as NNThroughputBenchmark makes
// them: 64 callers share it. The figures hold the client's part too.
func BenchmarkCalls(b *testing.B) {
	s := start(b, nil)
	u := s.as("hdfs")
	u.mkdirs("/d/e")
	u.create("/d/e/f", "c")
	var n atomic.Int64
	for _, op := range []struct {
		method string
		req    func() proto.Message
		resp   func() proto.Message
	}{
		{"getFileInfo", func() proto.Message { return &hdfspb.GetFileInfoRequestProto{Src: proto.String("/d/e/f")} },
			func() proto.Message { return &hdfspb.GetFileInfoResponseProto{} }},
		{"getBlockLocations", func() proto.Message {
			return &hdfspb.GetBlockLocationsRequestProto{Src: proto.String("/d/e/f"), Offset: proto.Uint64(0), Length: proto.Uint64(16)}
		}, func() proto.Message { return &hdfspb.GetBlockLocationsResponseProto{} }},
		{"create", func() proto.Message { return createRequest(fmt.Sprintf("/d/%d/%d", n.Load()%100, n.Add(1)), "c") },
			func() proto.Message { return &hdfspb.CreateResponseProto{} }},
	} {
		b.Run(op.method, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := u.c.Call(b.Context(), s.addr, rpc.ClientProtocol, op.method, op.req(), op.resp()); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
