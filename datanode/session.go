package datanode

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

const (
	readBuffer = 4 << 10 // lengths and headers; packets pass by it
	lingerTime = 3 * time.Second
)

// sessions are the open connections of the data port.
type sessions struct {
	busy atomic.Int32 // in the middle of an operation

	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
	wg     sync.WaitGroup
}

// add admits a connection unless there are too many or the DataNode stops.
func (s *sessions) add(c net.Conn, limit int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || int64(len(s.open)) >= limit {
		return false
	}
	if s.open == nil {
		s.open = make(map[net.Conn]struct{})
	}
	s.open[c] = struct{}{}
	s.wg.Add(1)
	return true
}

func (s *sessions) remove(c net.Conn) {
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
	s.wg.Done()
}

func (s *sessions) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.open {
		c.Close()
	}
}

func (s *sessions) wait() { s.wg.Wait() }

// acceptSessions serves the data port until it is closed.
func (d *DataNode) acceptSessions() error {
	for {
		c, err := d.data.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil { // out of file descriptors, most likely: that passes
			d.log.Warn("accept on the data port", "err", err)
			pause(d.quit, errorPause)
			continue
		}
		if !d.sessions.add(c, d.set.maxTransfers) {
			d.log.Warn("connection refused: dfs.datanode.max.transfer.threads reached", "limit", d.set.maxTransfers, "peer", c.RemoteAddr())
			c.Close()
			continue
		}
		go func() {
			defer d.sessions.remove(c)
			defer c.Close()
			s := &session{d: d, conn: c, br: bufio.NewReaderSize(c, readBuffer)}
			s.serve()
		}()
	}
}

// session is one connection to the data port.
type session struct {
	d    *DataNode
	conn net.Conn
	br   *bufio.Reader
}

// errDone ends a session after an operation whose connection is not used again.
var errDone = errors.New("session is over")

// serve runs one operation after the other.
func (s *session) serve() {
	wait := s.d.set.socketTimeout
	for {
		if s.conn.SetDeadline(time.Now().Add(wait)) != nil {
			return
		}
		op, m, err := datatransfer.ReadOp(s.br)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
				s.d.log.Warn("bad request on the data port", "peer", s.conn.RemoteAddr(), "err", err)
			}
			return
		}
		s.d.sessions.busy.Add(1)
		err = s.run(op, m)
		s.d.sessions.busy.Add(-1)
		if err != nil {
			if !errors.Is(err, errDone) && s.d.quit.Err() == nil {
				s.d.log.Warn("operation failed", "op", op, "peer", s.conn.RemoteAddr(), "err", err)
			}
			return
		}
		if wait = s.d.set.keepAlive; wait <= 0 {
			return
		}
	}
}

// run executes an operation. An error ends the session.
func (s *session) run(op datatransfer.Op, m proto.Message) error {
	if err := s.conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	switch m := m.(type) {
	case *hdfspb.OpReadBlockProto:
		return s.readBlock(m)
	case *hdfspb.OpWriteBlockProto:
		return s.writeBlock(m)
	case *hdfspb.OpBlockChecksumProto:
		return s.blockChecksum(m)
	case *hdfspb.OpTransferBlockProto:
		return s.transferBlock(m)
	case *hdfspb.OpCopyBlockProto:
		return s.copyBlock(m)
	case *hdfspb.OpReplaceBlockProto:
		return s.replaceBlock(m)
	}
	return s.unsupported(op)
}

// unsupported says clearly what this DataNode does not do.
func (s *session) unsupported(op datatransfer.Op) error {
	text := fmt.Sprintf("%s is not supported by this DataNode", op)
	var m proto.Message = &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_ERROR_UNSUPPORTED.Enum(), Message: proto.String(text)}
	switch op {
	case datatransfer.OpReleaseFds:
		m = &hdfspb.ReleaseShortCircuitAccessResponseProto{Status: hdfspb.Status_ERROR_UNSUPPORTED.Enum(), Error: proto.String(text)}
	case datatransfer.OpRequestShm:
		m = &hdfspb.ShortCircuitShmResponseProto{Status: hdfspb.Status_ERROR_UNSUPPORTED.Enum(), Error: proto.String(text)}
	}
	if err := s.send(m); err != nil {
		return err
	}
	s.linger()
	return errors.New(text)
}

// send writes a response.
func (s *session) send(m proto.Message) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.d.set.writeTimeout)); err != nil {
		return err
	}
	return datatransfer.WriteMessage(s.conn, m)
}

// refuse answers with an error and returns it.
func (s *session) refuse(status hdfspb.Status, err error) error {
	resp := &hdfspb.BlockOpResponseProto{Status: status.Enum(), Message: proto.String(err.Error())}
	if e := s.send(resp); e != nil {
		return errors.Join(err, e)
	}
	s.linger()
	return err
}

// linger lets the peer read the last answer: closing a socket with unread input
// resets the connection, and the answer would be lost on the way.
func (s *session) linger() {
	if t, ok := s.conn.(*net.TCPConn); ok {
		if t.CloseWrite() != nil || t.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
			return
		}
		// What comes is of no interest; the deadline bounds it.
		_, _ = io.Copy(io.Discard, t)
	}
}

// blockOf names the replica of an extended block, if its pool is served here.
func (d *DataNode) blockOf(b *hdfspb.ExtendedBlockProto) (replicas.Block, error) {
	return replicas.Block{ID: int64(b.GetBlockId()), Stamp: b.GetGenerationStamp()}, d.store.Serves(b.GetPoolId())
}

// nodeAddr is how pipelines name a DataNode.
func nodeAddr(id *hdfspb.DatanodeIDProto) string { return datatransfer.XferAddr(id) }

// link is a connection to another DataNode.
type link struct {
	net.Conn
	br *bufio.Reader
}

// dial connects to the data port of another DataNode.
func (d *DataNode) dial(ctx context.Context, id *hdfspb.DatanodeIDProto) (*link, error) {
	addr := d.peers.Address(id)
	c, err := (&net.Dialer{Timeout: d.set.socketTimeout}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect to datanode %s: %w", addr, unwrapOp(err))
	}
	return &link{Conn: c, br: bufio.NewReaderSize(c, readBuffer)}, nil
}

// tcpIP is the address of a listener, "" if it listens on all.
func tcpIP(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok && !t.IP.IsUnspecified() {
		return t.IP.String()
	}
	return ""
}
