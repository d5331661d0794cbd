package blockreport

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

func someReplicas(n int) []Replica {
	all := make([]Replica, n)
	for i := range all {
		all[i] = Replica{ID: 1<<30 + int64(i), Length: int64(i) << 20, GenerationStamp: 1001 + uint64(i), State: hdfspb.ReplicaStateProto(i % 5)}
	}
	return all
}

// The example bytes are those of a stock DataNode.
func TestKnownBytes(t *testing.T) {
	m := new(datanodepb.StorageBlockReportProto)
	Encode(m, slices.Values([]Replica{{ID: 1073741825, Length: 134217728, GenerationStamp: 1001}}), true)
	if got := hex.EncodeToString(m.BlocksBuffers[0]); got != "8280808008"+"80808040"+"e907"+"00" {
		t.Errorf("encoded as %s", got)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 7, 20000} {
		for _, buffers := range []bool{true, false} {
			want := someReplicas(n)
			m := new(datanodepb.StorageBlockReportProto)
			Encode(m, slices.Values(want), buffers)
			if _, err := Decode(m); err != nil {
				t.Fatal(err)
			}
			got, err := Decode(m) // a second time: decoding must not eat the message
			if err != nil {
				t.Fatal(err)
			}
			if Count(m) != uint64(n) || len(got) != n {
				t.Fatalf("%d replicas became %d, counted %d", n, len(got), Count(m))
			}
			if !buffers { // finished ones come first in the list of longs
				slices.SortFunc(got, func(a, b Replica) int { return int(a.ID - b.ID) })
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d replicas, buffers %v: not the same after a round trip", n, buffers)
			}
			for _, b := range m.BlocksBuffers {
				if len(b) > chunkSize {
					t.Errorf("a buffer of %d bytes", len(b))
				}
			}
		}
	}
}

// Java cuts its buffers in the middle of a number.
func TestChunksCutAnywhere(t *testing.T) {
	want := someReplicas(50)
	m := new(datanodepb.StorageBlockReportProto)
	Encode(m, slices.Values(want), true)
	whole := bytes.Join(m.BlocksBuffers, nil)
	for size := 1; size < 9; size++ {
		m.BlocksBuffers = nil
		for c := range slices.Chunk(whole, size) {
			m.BlocksBuffers = append(m.BlocksBuffers, c)
		}
		if got, err := Decode(m); err != nil || !slices.Equal(got, want) {
			t.Errorf("chunks of %d bytes: %v", size, err)
		}
	}
}

func TestBadReports(t *testing.T) {
	cases := map[string]*datanodepb.StorageBlockReportProto{
		"fewer bytes":        {NumberOfBlocks: proto.Uint64(2), BlocksBuffers: [][]byte{{2, 1, 1, 0, 4}}},
		"more bytes":         {NumberOfBlocks: proto.Uint64(1), BlocksBuffers: [][]byte{{2, 1, 1, 0, 4}}},
		"a huge count":       {NumberOfBlocks: proto.Uint64(1 << 60)},
		"an unknown state":   {NumberOfBlocks: proto.Uint64(1), BlocksBuffers: [][]byte{{2, 1, 1, 9}}},
		"short list":         {Blocks: []uint64{0, 0}},
		"list counts":        {Blocks: []uint64{1 << 62, 0, none, none, none}},
		"list delimiter":     {Blocks: []uint64{0, 0, none, 1, none}},
		"negative list size": {Blocks: []uint64{1, 0, 5, none, 1, none, none, none}},
	}
	for name, m := range cases {
		if got, err := Decode(m); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{2, 1, 1, 0, 4}, uint64(1), true)
	f.Add(make([]byte, 40), uint64(0), false)
	f.Fuzz(func(t *testing.T, b []byte, n uint64, buffers bool) {
		m := &datanodepb.StorageBlockReportProto{}
		if buffers {
			half := len(b) / 2
			m.NumberOfBlocks, m.BlocksBuffers = &n, [][]byte{b[:half:half], b[half:]}
		} else {
			for ; len(b) >= 8; b = b[8:] {
				m.Blocks = append(m.Blocks, binary.BigEndian.Uint64(b))
			}
		}
		count := Count(m)
		got, err := Decode(m)
		if err == nil && uint64(len(got)) != count {
			t.Fatalf("%d replicas of %d", len(got), count)
		}
	})
}
