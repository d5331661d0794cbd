package datatransfer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// transferWait is how long a DataNode may be silent while it copies a replica.
const transferWait = 10 * time.Minute

// perNode is what a wait is longer for each node of a pipeline, as in Java.
const perNode = 5 * time.Second

// setup is a request for a pipeline.
type setup struct {
	located  *hdfspb.LocatedBlockProto
	stage    hdfspb.OpWriteBlockProto_BlockConstructionStage
	newStamp uint64 // latestGenerationStamp
	size     int64  // of the block when full, in bytes; lets DataNodes look for room
	min, max int64  // bytes known to be acked, bytes sent
}

// pipeline is a connection to the first of the DataNodes that write a block.
type pipeline struct {
	c       *peer
	nodes   []*hdfspb.DatanodeInfoProto
	timeout time.Duration // for an ack
	stop    func() bool   // stops watching the context

	sendMu   sync.Mutex
	lastSent time.Time
	done     chan struct{} // closed when the reader of acks has ended
	quit     chan struct{} // ends the sender of heartbeats
	quitOnce sync.Once
}

// connect sets up a pipeline. The error is a *PipelineError unless ctx ended.
func (cfg *WriterConfig) connect(ctx context.Context, s setup) (*pipeline, error) {
	nodes := s.located.GetLocs()
	block := s.located.GetB()
	if len(nodes) == 0 {
		return nil, fmt.Errorf("write of %s: no datanode to write to", BlockName(block))
	}
	fail := func(index int, err error) (*pipeline, error) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, &PipelineError{Index: index, Node: XferAddr(nodes[index].GetId()), Setup: true, Err: err}
	}
	timeout := cfg.Peers.cfg.Timeout + time.Duration(len(nodes))*perNode
	c, err := cfg.Peers.dial(ctx, cfg.Peers.Address(nodes[0].GetId()))
	if err != nil {
		return fail(0, err)
	}
	c.timeout = timeout
	stop := context.AfterFunc(ctx, func() { c.Close() })
	resp, err := c.ask(OpWriteBlock, cfg.writeOp(s))
	if err == nil && resp.GetStatus() != hdfspb.Status_SUCCESS {
		err = refusal(OpWriteBlock, c.addr, block, resp)
	}
	if err != nil {
		stop()
		c.Close()
		return fail(badLink(nodes, resp.GetFirstBadLink()), fmt.Errorf("write of %s: %w", BlockName(block), err))
	}
	return &pipeline{c: c, nodes: nodes, timeout: timeout, stop: stop, lastSent: time.Now(),
		done: make(chan struct{}), quit: make(chan struct{})}, nil
}

// badLink finds the node that a response blames; the first one if it names none.
func badLink(nodes []*hdfspb.DatanodeInfoProto, addr string) int {
	for i, n := range nodes {
		if addr != "" && XferAddr(n.GetId()) == addr {
			return i
		}
	}
	return 0
}

// writeOp builds the request: the first node's own storage stands apart from its targets'.
func (cfg *WriterConfig) writeOp(s setup) *hdfspb.OpWriteBlockProto {
	lb := s.located
	block := proto.Clone(lb.GetB()).(*hdfspb.ExtendedBlockProto)
	block.NumBytes = proto.Uint64(uint64(s.size))
	m := &hdfspb.OpWriteBlockProto{
		Header:                clientHeader(block, lb.GetBlockToken(), cfg.ClientName),
		Targets:               lb.GetLocs()[1:],
		Stage:                 s.stage.Enum(),
		PipelineSize:          proto.Uint32(uint32(len(lb.GetLocs()))),
		MinBytesRcvd:          proto.Uint64(uint64(s.min)),
		MaxBytesRcvd:          proto.Uint64(uint64(s.max)),
		LatestGenerationStamp: proto.Uint64(s.newStamp),
		RequestedChecksum:     cfg.Checksum.Proto(),
		CachingStrategy:       &hdfspb.CachingStrategyProto{},
		Pinning:               proto.Bool(false),
		AllowLazyPersist:      proto.Bool(false),
	}
	types := make([]hdfspb.StorageTypeProto, len(lb.GetLocs()))
	for i := range types {
		types[i] = hdfspb.StorageTypeProto_DISK
		if i < len(lb.GetStorageTypes()) {
			types[i] = lb.GetStorageTypes()[i]
		}
	}
	m.StorageType, m.TargetStorageTypes = types[0].Enum(), types[1:]
	m.TargetPinnings = make([]bool, len(types)-1)
	if ids := lb.GetStorageIDs(); len(ids) == len(types) {
		m.StorageId, m.TargetStorageIds = proto.String(ids[0]), ids[1:]
	}
	return m
}

// send writes one sealed packet.
func (pl *pipeline) send(wire []byte) error {
	pl.sendMu.Lock()
	defer pl.sendMu.Unlock()
	pl.lastSent = time.Now()
	if err := pl.c.SetWriteDeadline(pl.lastSent.Add(pl.timeout)); err != nil {
		return err
	}
	_, err := pl.c.Write(wire)
	return err
}

// beat keeps an idle pipeline alive: its DataNodes give up when nothing comes.
func (pl *pipeline) beat(every time.Duration) {
	t := time.NewTicker(every / 2)
	defer t.Stop()
	var p Packet
	for {
		select {
		case <-pl.quit:
			return
		case <-t.C:
		}
		pl.sendMu.Lock()
		idle := time.Since(pl.lastSent) >= every/2
		pl.sendMu.Unlock()
		if !idle {
			continue
		}
		p.Seqno = HeartbeatSeqno
		p.Frame(0, 0)
		p.Seal()
		if pl.send(p.Wire()) != nil {
			return // the reader of acks learns it too, and says so
		}
	}
}

// close ends the connection and waits for the reader of acks.
func (pl *pipeline) close() {
	pl.stop()
	pl.quitOnce.Do(func() { close(pl.quit) })
	pl.c.Close()
	<-pl.done
}

func (pl *pipeline) fault(index int, err error) *PipelineError {
	return &PipelineError{Index: index, Node: XferAddr(pl.nodes[index].GetId()), Err: err}
}
