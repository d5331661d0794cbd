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
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
)

// progressEvery is how often a balancer that waits for a copy is told that it goes on.
const progressEvery = 10 * time.Second

// copyBlock sends a whole replica to another DataNode, for the balancer.
func (s *session) copyBlock(m *hdfspb.OpCopyBlockProto) error {
	eb := m.GetHeader().GetBlock()
	r, err := s.d.openRange(eb, 0, 0)
	if err == nil && r.State != replicas.Finalized {
		r.Close()
		err = fmt.Errorf("%w: it is being written", replicas.ErrState)
	}
	if err != nil {
		return s.refuse(hdfspb.Status_ERROR, fmt.Errorf("copy of %s: %w", datatransfer.BlockName(eb), err))
	}
	defer r.Close()
	if err := s.send(announce(r.Sum, 0)); err != nil {
		return err
	}
	snd := sender{d: s.d, r: r, wire: r.Sum, conn: s.conn, strict: true, pace: s.d.balance}
	if err := snd.run(0, r.Length); err != nil {
		return fmt.Errorf("copy of %s: %w", datatransfer.BlockName(eb), err)
	}
	return errDone
}

// replaceBlock fetches a replica from another DataNode, for the balancer.
func (s *session) replaceBlock(m *hdfspb.OpReplaceBlockProto) error {
	eb := m.GetHeader().GetBlock()
	stop := s.progress()
	err := s.d.fetch(m)
	stop()
	if err != nil {
		return s.refuse(hdfspb.Status_ERROR, fmt.Errorf("replace of %s: %w", datatransfer.BlockName(eb), err))
	}
	s.d.log.Info("replica moved here", "block", datatransfer.BlockName(eb), "from", nodeAddr(m.GetSource().GetId()))
	if err := s.send(&hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum(), FirstBadLink: proto.String("")}); err != nil {
		return err
	}
	return errDone
}

// progress says now and then that the operation goes on, until stop is called.
func (s *session) progress() (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(progressEvery)
		defer t.Stop()
		for {
			select {
			case <-quit:
				return
			case <-t.C:
			}
			if s.send(&hdfspb.BlockOpResponseProto{Status: hdfspb.Status_IN_PROGRESS.Enum()}) != nil {
				return // the balancer is gone; the copy may as well end
			}
		}
	}()
	return func() { close(quit); <-done }
}

func (d *DataNode) fetch(m *hdfspb.OpReplaceBlockProto) error {
	eb := m.GetHeader().GetBlock()
	b, err := d.blockOf(eb)
	if err != nil {
		return err
	}
	if m.GetSource().GetId().GetDatanodeUuid() == d.UUID() {
		return errors.New("moving a replica between the volumes of one DataNode is not supported")
	}
	c, err := d.peers.ConnectCopy(d.quit, m.GetSource().GetId(), eb, m.GetHeader().GetToken())
	if err != nil {
		return err
	}
	defer c.Close()
	w, err := d.store.CreateTemporary(b, replicas.Placement{Type: m.GetStorageType(), StorageID: m.GetStorageId(), Size: int64(eb.GetNumBytes())}, c.Checksum)
	if err != nil {
		return err
	}
	defer w.Release()
	w.OnStop(func() { c.Close() })
	p := packets.Get().(*datatransfer.Packet)
	defer packets.Put(p)
	for {
		if err := c.Next(p); err != nil {
			return err
		}
		if p.Last {
			break
		}
		if err := c.Checksum.Verify(p.Data(), p.Sums()); err != nil {
			return err
		}
		if err := w.Write(p.Offset, p.Data(), p.Sums(), c.Checksum); err != nil {
			return err
		}
		d.balance.wait(d.quit, len(p.Wire()))
	}
	n, err := w.Finalize()
	if err != nil {
		return err
	}
	d.tell(w.StorageUUID(), b, n, datanodepb.ReceivedDeletedBlockInfoProto_RECEIVED, m.GetDelHint())
	return nil
}

func emptyToken() *ipcpb.TokenProto {
	return &ipcpb.TokenProto{Identifier: []byte{}, Password: []byte{}, Kind: proto.String(""), Service: proto.String("")}
}
