package datanode

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// connect sets up the rest of the pipeline and acks the connection.
func (wr *write) connect() error {
	if len(wr.m.GetTargets()) == 0 {
		return wr.ackConnect(&hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum(), FirstBadLink: proto.String("")})
	}
	next := wr.m.GetTargets()[0]
	resp, err := wr.connectMirror(next)
	if err != nil && wr.transfer {
		return wr.spoiled(err)
	}
	if err != nil && !wr.client {
		// Whoever replicates hears nothing of the nodes behind: keep this copy at least.
		wr.s.d.log.Warn("next node of a copy is out of reach", "block", wr.name, "node", nodeAddr(next.GetId()), "err", err)
		if wr.mirror != nil {
			wr.mirror.Close()
			wr.mirror = nil
		}
		return nil
	}
	if err != nil {
		resp = &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_ERROR.Enum(), FirstBadLink: proto.String(nodeAddr(next.GetId())), Message: proto.String(err.Error())}
	}
	if resp.GetStatus() != hdfspb.Status_SUCCESS {
		wr.abandon()
		text := fmt.Errorf("next node %s: %s %s", nodeAddr(next.GetId()), resp.GetStatus(), resp.GetMessage())
		resp.FirstBadLink = proto.String(wr.badLink(resp.GetFirstBadLink()))
		if err := wr.s.send(resp); err != nil {
			return errors.Join(text, err)
		}
		wr.s.linger()
		return text
	}
	return wr.ackConnect(resp)
}

// badLink makes sure that the client recognizes the node to blame: one behind this
// one that names itself in another way is taken for the next one.
func (wr *write) badLink(named string) string {
	for _, t := range wr.m.GetTargets() {
		if nodeAddr(t.GetId()) == named {
			return named
		}
	}
	return nodeAddr(wr.m.GetTargets()[0].GetId())
}

func (wr *write) ackConnect(resp *hdfspb.BlockOpResponseProto) error {
	if !wr.client {
		return nil
	}
	return wr.s.send(resp)
}

// abandon drops a new replica of a pipeline that did not come up: the client will
// ask for another block.
func (wr *write) abandon() {
	if wr.mirror != nil {
		wr.mirror.Close()
	}
	if wr.w == nil {
		return
	}
	wr.w.Release()
	if wr.m.GetStage() == stageCreate {
		if _, err := wr.s.d.store.Delete(wr.block); err != nil && !errors.Is(err, replicas.ErrNotFound) {
			wr.s.d.log.Warn("empty replica left behind", "block", wr.name, "err", err)
		}
	}
}

// connectMirror passes the request on, with one target less.
func (wr *write) connectMirror(next *hdfspb.DatanodeInfoProto) (*hdfspb.BlockOpResponseProto, error) {
	d := wr.s.d
	c, err := d.dial(d.quit, next.GetId())
	if err != nil {
		return nil, err
	}
	wr.mirror = c
	m := proto.Clone(wr.m).(*hdfspb.OpWriteBlockProto)
	m.Targets = m.Targets[1:]
	if len(m.TargetStorageTypes) > 0 {
		m.StorageType, m.TargetStorageTypes = m.TargetStorageTypes[0].Enum(), m.TargetStorageTypes[1:]
	}
	m.StorageId = nil
	if len(m.TargetStorageIds) > 0 {
		m.StorageId, m.TargetStorageIds = proto.String(m.TargetStorageIds[0]), m.TargetStorageIds[1:]
	}
	if len(m.TargetPinnings) > 0 {
		m.Pinning, m.TargetPinnings = proto.Bool(m.TargetPinnings[0]), m.TargetPinnings[1:]
	}
	if err := c.SetDeadline(time.Now().Add(wr.mirrorWait())); err != nil {
		return nil, err
	}
	if err := datatransfer.WriteOp(c, datatransfer.OpWriteBlock, m); err != nil {
		return nil, err
	}
	if !wr.client {
		return &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum()}, nil
	}
	return datatransfer.ReadResponse(c.br)
}

// mirrorWait is how long the next node may take.
func (wr *write) mirrorWait() time.Duration {
	return wr.s.d.set.socketTimeout + time.Duration(len(wr.m.GetTargets()))*perNode
}
