package datanode

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// perNode is what a wait is longer for each node further down a pipeline.
const perNode = 5 * time.Second

// Short names of the stages of a write.
const (
	stageAppend        = hdfspb.OpWriteBlockProto_PIPELINE_SETUP_APPEND
	stageAppendAgain   = hdfspb.OpWriteBlockProto_PIPELINE_SETUP_APPEND_RECOVERY
	stageStreamAgain   = hdfspb.OpWriteBlockProto_PIPELINE_SETUP_STREAMING_RECOVERY
	stageCloseAgain    = hdfspb.OpWriteBlockProto_PIPELINE_CLOSE_RECOVERY
	stageCreate        = hdfspb.OpWriteBlockProto_PIPELINE_SETUP_CREATE
	stageTransferRBW   = hdfspb.OpWriteBlockProto_TRANSFER_RBW
	stageTransferFinal = hdfspb.OpWriteBlockProto_TRANSFER_FINALIZED
)

// write is one WRITE_BLOCK operation.
type write struct {
	s     *session
	m     *hdfspb.OpWriteBlockProto
	name  string // of the block, for messages
	block replicas.Block
	wire  datatransfer.Checksum
	// client: a client waits for acks. transfer: a DataNode sends a copy for a
	// client's pipeline. Neither: a DataNode replicates, nobody is told anything.
	client, transfer bool

	w      *replicas.Writer // nil for stage CLOSE_RECOVERY
	mirror *link            // next node of the pipeline, nil if this is the last one
}

// writeBlock receives a replica and passes it on down the pipeline.
func (s *session) writeBlock(m *hdfspb.OpWriteBlockProto) error {
	base := m.GetHeader().GetBaseHeader()
	wr := &write{s: s, m: m, name: datatransfer.BlockName(base.GetBlock())}
	wr.transfer = m.GetStage() == stageTransferRBW || m.GetStage() == stageTransferFinal
	wr.client = m.GetHeader().GetClientName() != "" && !wr.transfer
	err := wr.open()
	if err != nil {
		return wr.refuse(fmt.Errorf("write of %s: %w", wr.name, err))
	}
	if wr.w != nil {
		wr.w.OnStop(func() { s.conn.Close() })
		defer s.d.writers.add(s.conn)()
		defer wr.w.Release()
	}
	if err := wr.connect(); err != nil {
		return fmt.Errorf("write of %s: %w", wr.name, err)
	}
	if wr.mirror != nil {
		defer wr.mirror.Close()
	}
	if wr.w == nil { // the replica is whole already, only its close had to be repeated
		return errDone
	}
	wr.tellReceiving()
	if err := wr.receive(); err != nil {
		return fmt.Errorf("write of %s: %w", wr.name, err)
	}
	return errDone
}

// open makes or reopens the replica, as the stage says.
func (wr *write) open() (err error) {
	d, m := wr.s.d, wr.m
	eb := m.GetHeader().GetBaseHeader().GetBlock()
	if wr.block, err = d.blockOf(eb); err != nil {
		return err
	}
	if wr.wire, err = datatransfer.ParseChecksum(m.GetRequestedChecksum()); err != nil {
		return err
	}
	stamp, lo, hi, size := m.GetLatestGenerationStamp(), int64(m.GetMinBytesRcvd()), int64(m.GetMaxBytesRcvd()), int64(eb.GetNumBytes())
	if size < 0 || lo < 0 || hi < 0 {
		return errors.New("negative sizes")
	}
	at := replicas.Placement{Type: m.GetStorageType(), StorageID: m.GetStorageId(), Size: size}
	switch stage := m.GetStage(); {
	case wr.transfer || !wr.client:
		wr.w, err = d.store.CreateTemporary(wr.block, at, wr.wire)
	case stage == stageCreate:
		wr.w, err = d.store.Create(wr.block, at, wr.wire)
	case stage == stageAppend:
		wr.w, err = d.store.Append(wr.block, stamp, lo, size)
	case stage == stageAppendAgain:
		wr.w, err = d.store.RecoverAppend(wr.block, stamp, lo, size)
	case stage == stageStreamAgain:
		wr.w, err = d.store.RecoverRBW(wr.block, stamp, lo, hi, size)
	case stage == stageCloseAgain:
		var storage string
		if storage, err = d.store.RecoverClose(wr.block, stamp, lo); err == nil {
			d.tell(storage, replicas.Block{ID: wr.block.ID, Stamp: stamp}, lo, datanodepb.ReceivedDeletedBlockInfoProto_RECEIVED, "")
		}
	default:
		err = fmt.Errorf("stage %s cannot begin a write", stage)
	}
	return err
}

// tellReceiving notes for the NameNodes that a replica is being written here.
func (wr *write) tellReceiving() {
	switch wr.m.GetStage() {
	case stageCreate, stageAppend, stageAppendAgain:
		if wr.client {
			wr.s.d.tell(wr.w.StorageUUID(), replicas.Block{ID: wr.block.ID, Stamp: wr.w.Stamp()}, wr.w.Length(),
				datanodepb.ReceivedDeletedBlockInfoProto_RECEIVING, "")
		}
	}
}

// refuse answers that this node cannot take part. A node in the middle names
// itself, so that the client leaves out the right one; only the first is blamed
// by naming nobody. A replicating DataNode waits for no answer.
func (wr *write) refuse(err error) error {
	if !wr.client && !wr.transfer {
		return err
	}
	resp := &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_ERROR.Enum(), FirstBadLink: proto.String(""), Message: proto.String(err.Error())}
	if len(wr.m.GetTargets())+1 < int(wr.m.GetPipelineSize()) {
		resp.FirstBadLink = proto.String(wr.s.conn.LocalAddr().String())
	}
	if e := wr.s.send(resp); e != nil {
		return errors.Join(err, e)
	}
	wr.s.linger()
	return err
}

// receive takes the packets of the replica, up to the last one.
func (wr *write) receive() error {
	if wr.client {
		return newResponder(wr).receive()
	}
	d := wr.s.d
	p := packets.Get().(*datatransfer.Packet)
	defer packets.Put(p)
	for {
		err := wr.next(p)
		if err == nil {
			err = wr.verify(p)
		}
		if err == nil {
			err = wr.pass(p)
		}
		if err == nil {
			err = wr.keep(p)
		}
		if err != nil {
			return wr.spoiled(err)
		}
		if p.Last {
			break
		}
	}
	if wr.m.GetStage() == stageTransferRBW {
		if err := wr.w.ToRBW(wr.w.Length()); err != nil {
			return wr.spoiled(err)
		}
		return wr.closeAck()
	}
	n, err := wr.w.Finalize()
	if err != nil {
		return wr.spoiled(err)
	}
	if wr.transfer {
		return wr.closeAck()
	}
	d.tell(wr.w.StorageUUID(), wr.block, n, datanodepb.ReceivedDeletedBlockInfoProto_RECEIVED, "")
	d.log.Info("replica received", "block", wr.name, "bytes", n, "from", wr.s.conn.RemoteAddr())
	return nil
}

// spoiled tells the sender of a copy for a client's pipeline that it failed.
func (wr *write) spoiled(err error) error {
	if !wr.transfer {
		return err
	}
	return wr.s.refuse(hdfspb.Status_ERROR, err)
}

// closeAck tells the sender of a copy for a client's pipeline that it is here,
// and on the nodes behind if there are any.
func (wr *write) closeAck() error {
	if wr.mirror != nil {
		if err := wr.mirror.SetReadDeadline(time.Now().Add(wr.mirrorWait())); err != nil {
			return err
		}
		resp, err := datatransfer.ReadResponse(wr.mirror.br)
		if err == nil && resp.GetStatus() != hdfspb.Status_SUCCESS {
			err = fmt.Errorf("next node: %s %s", resp.GetStatus(), resp.GetMessage())
		}
		if err != nil {
			return wr.s.refuse(hdfspb.Status_ERROR, err)
		}
	}
	return wr.s.send(&hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum()})
}

// next reads a packet. A sender that is silent for too long is gone: a client
// sends a packet now and then even if it has nothing to say.
func (wr *write) next(p *datatransfer.Packet) error {
	if err := wr.s.conn.SetReadDeadline(time.Now().Add(wr.s.d.set.socketTimeout)); err != nil {
		return err
	}
	return datatransfer.ReadPacket(wr.s.br, p)
}

// forward passes a packet on as it came.
func (wr *write) forward(p *datatransfer.Packet) error {
	if err := wr.mirror.SetWriteDeadline(time.Now().Add(wr.s.d.set.writeTimeout)); err != nil {
		return err
	}
	_, err := wr.mirror.Write(p.Wire())
	return err
}

// pass forwards a packet of a copy. A replication goes on without the next node:
// this copy is still worth having.
func (wr *write) pass(p *datatransfer.Packet) error {
	if wr.mirror == nil {
		return nil
	}
	err := wr.forward(p)
	if err == nil || wr.transfer {
		return err
	}
	wr.s.d.log.Warn("next node of a copy failed", "block", wr.name, "err", err)
	wr.mirror.Close()
	wr.mirror = nil
	return nil
}

// keep writes a verified packet.
func (wr *write) keep(p *datatransfer.Packet) error {
	if len(p.Data()) > 0 {
		if err := wr.w.Write(p.Offset, p.Data(), p.Sums(), wr.wire); err != nil {
			return err
		}
	}
	if p.Sync {
		return wr.w.Sync()
	}
	return nil
}

func (wr *write) verify(p *datatransfer.Packet) error {
	err := wr.wire.Verify(p.Data(), p.Sums())
	var bad *datatransfer.ChecksumError
	if errors.As(err, &bad) {
		bad.Offset += p.Offset
	}
	return err
}
