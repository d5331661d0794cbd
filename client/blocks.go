package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"google.golang.org/protobuf/proto"
)

// How long a DataNode that failed a Writer is kept out of its new blocks.
const badNodeLife = 10 * time.Minute

// badNodes are the DataNodes that a Writer asks the NameNode to leave out.
type badNodes map[string]badNode

type badNode struct {
	info  *hdfspb.DatanodeInfoProto
	since time.Time
}

func (b *badNodes) add(n *hdfspb.DatanodeInfoProto) {
	if *b == nil {
		*b = badNodes{}
	}
	(*b)[n.GetId().GetDatanodeUuid()] = badNode{n, time.Now()}
}

func (b badNodes) list() []*hdfspb.DatanodeInfoProto {
	var out []*hdfspb.DatanodeInfoProto
	for id, n := range b {
		if time.Since(n.since) > badNodeLife {
			delete(b, id)
			continue
		}
		out = append(out, n.info)
	}
	return out
}

// nextBlock gets a block from the NameNode and sets up its pipeline; a block
// whose pipeline does not come up is given back and the DataNode to blame is
// left out of the next one.
func (w *Writer) nextBlock() error {
	d := &w.c.s.data
	for try := 0; ; try++ {
		lb, err := w.addBlock()
		if err != nil {
			return err
		}
		bw, err := datatransfer.CreateBlock(w.c.ctx, w.cfg, lb, w.blockSize)
		if err == nil {
			w.block, w.nodes, w.known = bw, lb, false
			return nil
		}
		var pe *datatransfer.PipelineError
		if !errors.As(err, &pe) {
			return err
		}
		w.c.s.log.Debug("pipeline of a new block is given up", "path", w.path, "err", err)
		w.bad.add(lb.GetLocs()[pe.Index])
		req := &hdfspb.AbandonBlockRequestProto{B: lb.GetB(), Src: &w.path, Holder: &w.c.s.holder, FileId: &w.id}
		if err := w.c.nn("abandonBlock", req, &hdfspb.AbandonBlockResponseProto{}); err != nil {
			return err
		}
		if try >= d.blockRetries {
			return fmt.Errorf("Unable to create new block: %w", err) //nolint:staticcheck // the words of Apache's client
		}
	}
}

// addBlock waits while the NameNode has not heard of enough replicas of the
// block before.
func (w *Writer) addBlock() (*hdfspb.LocatedBlockProto, error) {
	req := &hdfspb.AddBlockRequestProto{Src: &w.path, ClientName: &w.c.s.holder, Previous: w.last, FileId: &w.id, ExcludeNodes: w.bad.list()}
	for p := w.c.newPatience(); ; {
		resp := &hdfspb.AddBlockResponseProto{}
		err := w.c.nn("addBlock", req, resp)
		if err == nil {
			return resp.GetBlock(), nil
		}
		if !isClass(err, classNotReplicated) || p.over() {
			return nil, err
		}
		if err := p.wait(); err != nil {
			return nil, err
		}
	}
}

// continueBlock sets up the pipeline that appends to the last block of a file.
func (w *Writer) continueBlock(lb *hdfspb.LocatedBlockProto) error {
	lb = proto.Clone(lb).(*hdfspb.LocatedBlockProto)
	for try := 0; ; try++ {
		if len(lb.GetLocs()) == 0 {
			return fmt.Errorf("no DataNode that holds the last block %s can be written to", blockName(lb.GetB()))
		}
		stamp, token, err := w.newStamp(lb.GetB())
		if err != nil {
			return err
		}
		lb.BlockToken = token.GetBlockToken()
		bw, err := datatransfer.AppendBlock(w.c.ctx, w.cfg, lb, w.blockSize, stamp, try > 0)
		if err == nil {
			w.block, w.nodes = bw, lb
			if err := w.commitPipeline(lb, lb.GetB(), bw.Block()); err != nil {
				return err
			}
			return nil
		}
		var pe *datatransfer.PipelineError
		if !errors.As(err, &pe) {
			return err
		}
		w.bad.add(lb.GetLocs()[pe.Index])
		dropNode(lb, pe.Index)
	}
}

func dropNode(lb *hdfspb.LocatedBlockProto, bad int) {
	var keep []int
	for i := range lb.GetLocs() {
		if i != bad {
			keep = append(keep, i)
		}
	}
	keepNodes(lb, keep...)
}

// newStamp asks for a generation stamp: replicas that miss the recovery that
// follows keep the old one and are known to be stale by it.
func (w *Writer) newStamp(b *hdfspb.ExtendedBlockProto) (uint64, *hdfspb.LocatedBlockProto, error) {
	resp := &hdfspb.UpdateBlockForPipelineResponseProto{}
	err := w.c.nn("updateBlockForPipeline", &hdfspb.UpdateBlockForPipelineRequestProto{Block: b, ClientName: &w.c.s.holder}, resp)
	return resp.GetBlock().GetB().GetGenerationStamp(), resp.GetBlock(), err
}

func (w *Writer) commitPipeline(lb *hdfspb.LocatedBlockProto, old, now *hdfspb.ExtendedBlockProto) error {
	req := &hdfspb.UpdatePipelineRequestProto{ClientName: &w.c.s.holder, OldBlock: old, NewBlock: now, StorageIDs: lb.GetStorageIDs()}
	for _, n := range lb.GetLocs() {
		req.NewNodes = append(req.NewNodes, n.GetId())
	}
	return w.c.nn("updatePipeline", req, &hdfspb.UpdatePipelineResponseProto{})
}

// repair goes on with the block after err, if that is a broken pipeline: the
// DataNode to blame goes, another one may come, and what was not acked is sent
// again. Other errors come back.
func (w *Writer) repair(err error) error {
	var pe *datatransfer.PipelineError
	if !errors.As(err, &pe) {
		return err
	}
	nodes := proto.Clone(w.nodes).(*hdfspb.LocatedBlockProto)
	for errors.As(err, &pe) {
		w.c.s.log.Debug("pipeline is repaired", "path", w.path, "err", err)
		w.bad.add(nodes.GetLocs()[pe.Index])
		dropNode(nodes, pe.Index)
		if len(nodes.GetLocs()) == 0 {
			return fmt.Errorf("All datanodes [%s] are bad. Aborting: %w", strings.Join(w.pipelineNames(), ", "), err) //nolint:staticcheck // the words of Apache's client
		}
		if err = w.rebuild(nodes); w.c.ctx.Err() != nil {
			return err
		}
	}
	if err == nil {
		w.nodes = nodes
	}
	return err
}

func (w *Writer) rebuild(nodes *hdfspb.LocatedBlockProto) error {
	old := w.block.Block()
	old.NumBytes = proto.Uint64(uint64(w.block.Acked()))
	if w.wantsReplacement(len(nodes.GetLocs())) {
		if err := w.replace(nodes, old); err != nil && !w.c.s.data.bestEffort {
			return err
		}
	}
	stamp, fresh, err := w.newStamp(old)
	if err != nil {
		return err
	}
	nodes.BlockToken = fresh.GetBlockToken()
	return w.block.Recover(nodes, stamp, func(context.Context) error {
		now := proto.Clone(old).(*hdfspb.ExtendedBlockProto)
		now.GenerationStamp = &stamp
		return w.commitPipeline(nodes, old, now)
	})
}

// wantsReplacement is the rule of dfs.client.block.write.replace-datanode-on-failure.
func (w *Writer) wantsReplacement(left int) bool {
	whole := w.ending && w.block.Acked() == w.block.Pos()
	if whole || left >= w.replication {
		return false // the NameNode mends a block that is written
	}
	switch w.c.s.data.replace {
	case "NEVER":
		return false
	case "ALWAYS":
		return true
	}
	return w.replication >= 3 && (left <= w.replication/2 || w.appends || w.flushed)
}

// replace adds a DataNode to nodes and gives it the bytes that the others have.
func (w *Writer) replace(nodes *hdfspb.LocatedBlockProto, b *hdfspb.ExtendedBlockProto) error {
	req := &hdfspb.GetAdditionalDatanodeRequestProto{
		Src: &w.path, Blk: b, Existings: nodes.GetLocs(), ExistingStorageUuids: nodes.GetStorageIDs(),
		Excludes: w.bad.list(), NumAdditionalNodes: proto.Uint32(1), ClientName: &w.c.s.holder, FileId: &w.id,
	}
	resp := &hdfspb.GetAdditionalDatanodeResponseProto{}
	if err := w.c.nn("getAdditionalDatanode", req, resp); err != nil {
		return err
	}
	got := resp.GetBlock()
	at := newcomer(nodes, got)
	if at < 0 {
		return fmt.Errorf("Failed to replace a bad datanode on the existing pipeline due to no more good datanodes being available to try. (Nodes: [%s])", //nolint:staticcheck // the words of Apache's client
			strings.Join(w.pipelineNames(), ", "))
	}
	one := proto.Clone(got).(*hdfspb.LocatedBlockProto)
	keepNodes(one, at)
	err := w.c.s.data.peers.TransferBlock(w.c.ctx, datatransfer.TransferRequest{
		Node: nodes.GetLocs()[0].GetId(), Block: b, Token: got.GetBlockToken(), ClientName: w.c.s.holder,
		Targets: one.GetLocs(), StorageTypes: one.GetStorageTypes(), StorageIDs: one.GetStorageIDs(),
	})
	if err != nil {
		w.bad.add(got.GetLocs()[at])
		return err
	}
	nodes.Locs = append(nodes.Locs, one.Locs...)
	nodes.StorageIDs = append(nodes.StorageIDs, one.StorageIDs...)
	nodes.StorageTypes = append(nodes.StorageTypes, one.StorageTypes...)
	return nil
}

// newcomer is the place in got of the DataNode that nodes lacks.
func newcomer(nodes, got *hdfspb.LocatedBlockProto) int {
	have := map[string]bool{}
	for _, n := range nodes.GetLocs() {
		have[n.GetId().GetDatanodeUuid()] = true
	}
	for i, n := range got.GetLocs() {
		if !have[n.GetId().GetDatanodeUuid()] {
			return i
		}
	}
	return -1
}

func (w *Writer) pipelineNames() []string {
	var out []string
	for _, n := range w.nodes.GetLocs() {
		out = append(out, datatransfer.XferAddr(n.GetId()))
	}
	return out
}
