package datatransfer

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

const (
	defaultPacketSize  = 64 << 10 // dfs.client-write-packet-size
	defaultMaxInFlight = 80       // dfs.client.write.max-packets-in-flight
	// blameWait is how long a failed send waits for the ack that says which node failed.
	blameWait = 2 * time.Second
)

// WriterConfig says how blocks are written. Peers is required.
type WriterConfig struct {
	Peers      *Peers
	ClientName string   // who writes; must not be empty, an empty name means a DataNode
	Checksum   Checksum // zero: DefaultChecksum; an append must use that of the replica
	// PacketSize is the most bytes of a data packet, header included; 0 means 64 KiB,
	// that is 64,512 bytes of data.
	PacketSize int
	// MaxInFlight is the most packets that are sent and not acked; 0 means 80.
	MaxInFlight int
	// SyncOnClose asks the DataNodes to fsync the block at its end.
	SyncOnClose bool
}

func (cfg *WriterConfig) fill() error {
	if cfg.Peers == nil || cfg.ClientName == "" {
		return errors.New("writer of blocks: Peers and ClientName are required")
	}
	if cfg.Checksum == (Checksum{}) {
		cfg.Checksum = DefaultChecksum
	}
	if cfg.PacketSize <= 0 {
		cfg.PacketSize = defaultPacketSize
	}
	cfg.PacketSize = min(cfg.PacketSize, MaxPacket)
	if cfg.MaxInFlight <= 0 {
		cfg.MaxInFlight = defaultMaxInFlight
	}
	return cfg.Checksum.Valid()
}

// chunks is how many chunks a data packet takes.
func (cfg *WriterConfig) chunks() int {
	return max(1, (cfg.PacketSize-packetRoom)/(cfg.Checksum.BytesPerChecksum+cfg.Checksum.Size()))
}

// BlockWriter writes one block through a pipeline of DataNodes. One goroutine
// uses it at a time.
//
// When a call returns a *PipelineError the writer still holds everything that no
// node has acked, including all bytes that the failed Write counted as written.
// The caller chooses other nodes, gets a new generation stamp and calls Recover;
// then it goes on where it was. Any other error is final.
type BlockWriter struct {
	cfg  WriterConfig
	ctx  context.Context
	size int64 // of a full block

	located *hdfspb.LocatedBlockProto // nodes and block now, with its present generation stamp
	pl      *pipeline

	cur   *Packet // being filled, nil if none
	n     int     // bytes in cur
	pos   int64   // end of what was written
	fresh bool    // cur holds bytes that no flushed packet had
	seqno int64

	mu      sync.Mutex
	moved   *sync.Cond // queue shrank or err was set
	queue   []*Packet  // not acked, in order
	free    []*Packet  // for reuse by the writing goroutine only
	acked   int64      // bytes that all nodes have
	err     error      // why the pipeline is down
	closing bool       // all data is acked, the last packet is in the queue or acked
	closed  bool
}

// CreateBlock sets up the pipeline of a new block. blockSize is the size of a
// full block in bytes; the caller must not write more. A *PipelineError means
// that the block must be abandoned and another asked for, without that node.
func CreateBlock(ctx context.Context, cfg WriterConfig, lb *hdfspb.LocatedBlockProto, blockSize int64) (*BlockWriter, error) {
	return open(ctx, cfg, 0, setup{located: lb, size: blockSize, newStamp: lb.GetB().GetGenerationStamp(),
		stage: hdfspb.OpWriteBlockProto_PIPELINE_SETUP_CREATE})
}

// AppendBlock sets up the pipeline that appends to a complete block, whose length
// in bytes is lb.B.NumBytes, under the new generation stamp newStamp. recovery is
// true for every try after the first one failed, each with a newer stamp.
func AppendBlock(ctx context.Context, cfg WriterConfig, lb *hdfspb.LocatedBlockProto, blockSize int64, newStamp uint64, recovery bool) (*BlockWriter, error) {
	n := int64(lb.GetB().GetNumBytes())
	s := setup{located: lb, size: blockSize, newStamp: newStamp, min: n, max: n,
		stage: hdfspb.OpWriteBlockProto_PIPELINE_SETUP_APPEND}
	if recovery {
		s.stage = hdfspb.OpWriteBlockProto_PIPELINE_SETUP_APPEND_RECOVERY
	}
	return open(ctx, cfg, n, s)
}

func open(ctx context.Context, cfg WriterConfig, pos int64, s setup) (*BlockWriter, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	pl, err := cfg.connect(ctx, s)
	if err != nil {
		return nil, err
	}
	w := &BlockWriter{cfg: cfg, ctx: ctx, size: s.size, pos: pos, acked: pos}
	w.moved = sync.NewCond(&w.mu)
	w.attach(pl, s)
	return w, nil
}

// attach makes pl the pipeline of w and starts to listen to it.
func (w *BlockWriter) attach(pl *pipeline, s setup) {
	w.adopt(s)
	w.pl = pl
	go w.readAcks(pl)
	go pl.beat(w.cfg.Peers.cfg.Timeout)
}

// adopt takes over the nodes and the generation stamp of a pipeline that came up.
func (w *BlockWriter) adopt(s setup) {
	w.located = proto.Clone(s.located).(*hdfspb.LocatedBlockProto)
	w.located.B.GenerationStamp = proto.Uint64(s.newStamp)
}

// Nodes are the DataNodes of the present pipeline.
func (w *BlockWriter) Nodes() []*hdfspb.DatanodeInfoProto { return w.located.GetLocs() }

// Block is the block with its present generation stamp and the bytes written so far.
func (w *BlockWriter) Block() *hdfspb.ExtendedBlockProto {
	b := proto.Clone(w.located.GetB()).(*hdfspb.ExtendedBlockProto)
	b.NumBytes = proto.Uint64(uint64(w.pos))
	return b
}

// Pos is the length of the block as written, in bytes.
func (w *BlockWriter) Pos() int64 { return w.pos }

// Acked is how many bytes of the block every node of the pipeline has acked.
func (w *BlockWriter) Acked() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.acked
}

// Write takes all of b unless the pipeline breaks. See BlockWriter for errors.
func (w *BlockWriter) Write(b []byte) (int, error) {
	total := 0
	for len(b) > 0 {
		room, err := w.room()
		if err != nil {
			return total, err
		}
		n := copy(room, b)
		b = b[n:]
		total += n
		if err := w.filled(n); err != nil {
			return total, err
		}
	}
	return total, nil
}

// ReadFrom writes what r gives, up to the end of the block, reading straight into
// packets. It stops without an error at the end of r or when the block is full.
func (w *BlockWriter) ReadFrom(r io.Reader) (int64, error) {
	var total int64
	for w.pos < w.size {
		room, err := w.room()
		if err != nil {
			return total, err
		}
		room = room[:min(int64(len(room)), w.size-w.pos)]
		n, err := r.Read(room)
		total += int64(n)
		if e := w.filled(n); e != nil {
			return total, e
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// room returns where the next bytes go in the packet being filled.
func (w *BlockWriter) room() ([]byte, error) {
	if err := w.broken(); err != nil {
		return nil, err
	}
	if w.cur == nil {
		w.startPacket(w.pos)
	}
	return w.cur.Data()[w.n:], nil
}

// startPacket begins a packet at an offset. One that does not start a chunk (an
// append) ends with that chunk, as DataNodes demand.
func (w *BlockWriter) startPacket(offset int64) {
	bpc := int64(w.cfg.Checksum.BytesPerChecksum)
	limit := int64(w.cfg.chunks()) * bpc
	if part := offset % bpc; part != 0 {
		limit = bpc - part
	}
	w.cur, w.n = w.newPacket(), 0
	w.cur.Offset = offset
	w.cur.Frame(w.cfg.Checksum.SumsLen(int(limit)), int(limit))
}

func (w *BlockWriter) newPacket() *Packet {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.free); n > 0 {
		p := w.free[n-1]
		w.free = w.free[:n-1]
		return p
	}
	return packets.Get().(*Packet)
}

// filled notes n more bytes in the packet being filled and sends it when it is full.
func (w *BlockWriter) filled(n int) error {
	w.n += n
	w.pos += int64(n)
	w.fresh = w.fresh || n > 0
	if w.n < len(w.cur.Data()) {
		return nil
	}
	return w.sendCurrent(false)
}

// sendCurrent sums, seals and sends the packet being filled.
func (w *BlockWriter) sendCurrent(sync bool) error {
	p := w.cur
	w.cur, w.fresh = nil, false
	data := p.Data()[:w.n]
	sums := w.cfg.Checksum.SumsLen(w.n)
	w.cfg.Checksum.Sum(data, p.Sums()[:sums])
	p.Shrink(sums, w.n)
	return w.enqueue(p, false, sync)
}

// enqueue numbers, seals and sends a framed packet. From here on the queue holds
// it until it is acked, whether sending succeeds or not.
func (w *BlockWriter) enqueue(p *Packet, last, sync bool) error {
	p.Seqno, p.Last, p.Sync = w.seqno, last, sync
	w.seqno++
	p.Seal()
	w.mu.Lock()
	for len(w.queue) >= w.cfg.MaxInFlight && w.err == nil {
		w.moved.Wait()
	}
	w.queue = append(w.queue, p)
	err := w.err
	w.mu.Unlock()
	if err != nil {
		return err
	}
	return w.transmit(p)
}

// transmit sends a packet. When that fails the acks know best which node is to blame.
func (w *BlockWriter) transmit(p *Packet) error {
	err := w.pl.send(p.Wire())
	if err == nil {
		return nil
	}
	select {
	case <-w.pl.done:
	case <-time.After(blameWait):
		w.fail(w.pl.fault(0, err))
	}
	return w.broken()
}
