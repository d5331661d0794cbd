package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"slices"
	"strconv"
	"sync"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"google.golang.org/protobuf/proto"
)

// BlockLocation is where one block of a file lies.
type BlockLocation struct {
	Offset int64    // in the file
	Length int64    // bytes
	Nodes  []string // host:port of the DataNodes' data ports, near ones first
	Bad    bool     // every known replica is damaged
}

// BlockLocations lists the blocks that hold length bytes from offset on.
func (c *Client) BlockLocations(name string, offset, length int64) ([]BlockLocation, error) {
	var out []BlockLocation
	err := c.onPath("locate", name, func(p string) error {
		l, err := c.located(p, offset, length)
		if err != nil {
			return err
		}
		for _, b := range l.GetBlocks() {
			loc := BlockLocation{Offset: int64(b.GetOffset()), Length: int64(b.GetB().GetNumBytes()), Bad: b.GetCorrupt()}
			for _, n := range b.GetLocs() {
				loc.Nodes = append(loc.Nodes, net.JoinHostPort(n.GetId().GetIpAddr(), strconv.Itoa(int(n.GetId().GetXferPort()))))
			}
			out = append(out, loc)
		}
		return nil
	})
	return out, err
}

func (c *Client) located(p string, offset, length int64) (*hdfspb.LocatedBlocksProto, error) {
	req := &hdfspb.GetBlockLocationsRequestProto{Src: &p, Offset: proto.Uint64(uint64(offset)), Length: proto.Uint64(uint64(length))}
	resp := &hdfspb.GetBlockLocationsResponseProto{}
	if err := c.nn("getBlockLocations", req, resp); err != nil {
		return nil, err
	}
	if resp.Locations == nil {
		return nil, fmt.Errorf("File does not exist: %s: %w", p, fs.ErrNotExist) //nolint:staticcheck // the words of Apache's client
	}
	if resp.Locations.GetEcPolicy() != nil {
		return nil, fmt.Errorf("%s is erasure-coded: %w", p, errors.ErrUnsupported)
	}
	if resp.Locations.GetFileEncryptionInfo() != nil {
		return nil, fmt.Errorf("%s is encrypted: %w", p, errors.ErrUnsupported)
	}
	return resp.Locations, nil
}

// blockMap is what a reader knows of the blocks of its file.
type blockMap struct {
	c    *Client
	path string

	mu     sync.Mutex
	length int64 // bytes that can be read
	blocks []*hdfspb.LocatedBlockProto
}

// newBlockMap fetches the first blocks. The length of a file that is being
// written is the one that DataNodes show for its last block.
func (c *Client) newBlockMap(p string) (*blockMap, error) {
	l, err := c.located(p, 0, c.prefetch())
	if err != nil {
		return nil, err
	}
	m := &blockMap{c: c, path: p, length: int64(l.GetFileLength())}
	m.merge(l.GetBlocks())
	if last := l.GetLastBlock(); last != nil && !l.GetIsLastBlockComplete() {
		n, err := c.visible(last)
		if err != nil {
			return nil, err
		}
		last = proto.Clone(last).(*hdfspb.LocatedBlockProto)
		last.B.NumBytes = proto.Uint64(uint64(n))
		m.length = int64(last.GetOffset()) + n
		m.merge([]*hdfspb.LocatedBlockProto{last})
	}
	return m, nil
}

// prefetch is how many bytes' worth of locations one call asks for.
func (c *Client) prefetch() int64 {
	n, err := c.s.conf.Size("dfs.client.read.prefetch.size", 0)
	if err != nil || n <= 0 {
		n = 10 * c.s.data.blockSize
	}
	return n
}

// visible asks the DataNodes of a block being written how much of it can be read.
func (c *Client) visible(lb *hdfspb.LocatedBlockProto) (int64, error) {
	if len(lb.GetLocs()) == 0 {
		return int64(lb.GetB().GetNumBytes()), nil
	}
	var last error
	for _, n := range lb.GetLocs() {
		addr := net.JoinHostPort(n.GetId().GetIpAddr(), strconv.Itoa(int(n.GetId().GetIpcPort())))
		resp := &hdfspb.GetReplicaVisibleLengthResponseProto{}
		last = c.s.rpc.CallAs(c.ctx, addr, ProtocolClientDatanode, "getReplicaVisibleLength", c.s.rpc.CallID(), 0,
			&hdfspb.GetReplicaVisibleLengthRequestProto{Block: lb.GetB()}, resp)
		if last == nil {
			return int64(resp.GetLength()), nil
		}
		if c.ctx.Err() != nil {
			return 0, last
		}
	}
	if isClass(last, "org.apache.hadoop.hdfs.server.datanode.ReplicaNotFoundException") {
		return 0, nil // the writer has the block and has not begun it
	}
	return 0, fmt.Errorf("cannot learn the length of the block being written: %w", last)
}

// at finds the block that holds the byte at off, asking the NameNode if need be.
func (m *blockMap) at(off int64) (*hdfspb.LocatedBlockProto, error) {
	m.mu.Lock()
	lb := m.lookup(off)
	m.mu.Unlock()
	if lb != nil {
		return lb, nil
	}
	return m.refresh(off)
}

// refresh asks for the locations around off whatever is known.
func (m *blockMap) refresh(off int64) (*hdfspb.LocatedBlockProto, error) {
	l, err := m.c.located(m.path, off, m.c.prefetch())
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	fresh := l.GetBlocks()
	if !l.GetIsLastBlockComplete() && len(fresh) > 0 {
		// The length of a block being written comes from its DataNodes and was learnt at open.
		tail := fresh[len(fresh)-1]
		if old := m.lookup(int64(tail.GetOffset())); old != nil && old.GetB().GetNumBytes() > tail.GetB().GetNumBytes() {
			tail.B.NumBytes = proto.Uint64(old.GetB().GetNumBytes())
		}
	}
	m.merge(fresh)
	if lb := m.lookup(off); lb != nil {
		return lb, nil
	}
	return nil, fmt.Errorf("the NameNode names no block at offset %d of %s", off, m.path)
}

func (m *blockMap) lookup(off int64) *hdfspb.LocatedBlockProto {
	i, found := slices.BinarySearchFunc(m.blocks, off, func(b *hdfspb.LocatedBlockProto, off int64) int {
		switch start := int64(b.GetOffset()); {
		case off < start:
			return 1
		case off >= start+int64(b.GetB().GetNumBytes()):
			return -1
		default:
			return 0
		}
	})
	if !found {
		return nil
	}
	return m.blocks[i]
}

// merge puts fresh blocks in the place of what was known of the same offsets.
func (m *blockMap) merge(fresh []*hdfspb.LocatedBlockProto) {
	for _, b := range fresh {
		i, found := slices.BinarySearchFunc(m.blocks, b.GetOffset(), func(x *hdfspb.LocatedBlockProto, off uint64) int {
			switch {
			case x.GetOffset() < off:
				return -1
			case x.GetOffset() > off:
				return 1
			}
			return 0
		})
		if found {
			m.blocks[i] = b
		} else {
			m.blocks = slices.Insert(m.blocks, i, b)
		}
	}
}

// reportBad tells the NameNode of a damaged replica; it is a courtesy, so a
// failure is only logged.
func (c *Client) reportBad(lb *hdfspb.LocatedBlockProto, node int) {
	bad := proto.Clone(lb).(*hdfspb.LocatedBlockProto)
	keepNodes(bad, node)
	ctx := context.WithoutCancel(c.ctx)
	err := c.s.call(ctx, ProtocolClient, "reportBadBlocks", &hdfspb.ReportBadBlocksRequestProto{Blocks: []*hdfspb.LocatedBlockProto{bad}},
		&hdfspb.ReportBadBlocksResponseProto{})
	if err != nil {
		c.s.log.Warn("damaged replica was not reported", "block", lb.GetB().GetBlockId(), "err", err)
	}
}

// keepNodes drops all locations of lb but those at the given places.
func keepNodes(lb *hdfspb.LocatedBlockProto, places ...int) {
	locs, ids, types := lb.Locs, lb.StorageIDs, lb.StorageTypes
	lb.Locs, lb.StorageIDs, lb.StorageTypes, lb.IsCached = nil, nil, nil, nil
	for _, i := range places {
		lb.Locs = append(lb.Locs, locs[i])
		if i < len(ids) {
			lb.StorageIDs = append(lb.StorageIDs, ids[i])
		}
		if i < len(types) {
			lb.StorageTypes = append(lb.StorageTypes, types[i])
		}
	}
}

// wholeFile is a length beyond any file, for calls that want all blocks.
const wholeFile = math.MaxInt64
