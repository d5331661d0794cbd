package calls

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// patience is how long a NameNode may take to hear of a replica.
const patience = 20 * time.Second

// A handle is what a writer knows of a file that it has open.
type handle struct {
	fileID    uint64
	blockSize uint64
	blocks    []*hdfspb.LocatedBlockProto
	reopened  bool // nobody will report the last block, until it grows
}

// last is the block that the writer is at, nil for none.
func (h *handle) last() *hdfspb.LocatedBlockProto {
	if len(h.blocks) == 0 {
		return nil
	}
	return h.blocks[len(h.blocks)-1]
}

// handle is what a writer knows of a path: nothing, if it has not opened it.
func (s *Server) handle(holder, path string) *handle {
	if h := s.open[holder+" "+path]; h != nil {
		return h
	}
	return &handle{blockSize: 1}
}

// Forget lets all writers forget their files.
func (s *Server) Forget() { s.open = map[string]*handle{} }

// writes are the commands of writers. HOLDER is the name of a client.
func writes(c *call, w []string) (answer string, known bool, err error) {
	switch w[0] {
	case "new": // HOLDER MODES FLAGS REPLICATION BLOCKSIZE PATH PARENT POLICY
		answer, err = c.begin(w)
	case "write": // HOLDER PATH full|half
		answer, err = c.write(w[1], w[2], w[3])
	case "grow": // HOLDER PATH: the last block, after an append, gets one byte more
		answer, err = c.grow(w[1], w[2])
	case "close": // HOLDER PATH
		answer, err = c.close(w[1], w[2])
	case "abandon": // HOLDER PATH
		answer, err = c.abandon(w[1], w[2])
	case "fsync": // HOLDER PATH LENGTH
		answer, err = "ok", c.send("fsync", &hdfspb.FsyncRequestProto{Client: &w[1], Src: &w[2], LastBlockLength: proto.Int64(int64(number(w[3]))),
			FileId: &c.handle(w[1], w[2]).fileID}, &hdfspb.FsyncResponseProto{})
	case "reopen": // HOLDER PATH [newblock]
		answer, err = c.reopen(w[1], w[2], w[3] == "newblock")
	case "append": // PATH
		if answer, err = c.reopen("writer", w[1], false); err == nil {
			_, err = c.close("writer", w[1])
		}
	case "truncate": // PATH [LENGTH HOLDER]
		answer, err = c.truncate(w)
	case "recover": // HOLDER PATH
		answer, err = c.recover(w[1], w[2])
	case "renew": // HOLDER
		answer, err = "ok", c.send("renewLease", &hdfspb.RenewLeaseRequestProto{ClientName: &w[1]}, &hdfspb.RenewLeaseResponseProto{})
	case "concat": // TARGET SOURCE...
		srcs := slices.DeleteFunc(slices.Clone(w[2:]), func(s string) bool { return s == "" })
		answer, err = "ok", c.send("concat", &hdfspb.ConcatRequestProto{Trg: &w[1], Srcs: srcs}, &hdfspb.ConcatResponseProto{})
	case "openfiles": // PATH
		answer, err = c.openFiles(w[1])
	default:
		return "", false, nil
	}
	return answer, true, err
}

func (c *call) begin(w []string) (string, error) {
	masked, unmasked := modes(w[2])
	q := &hdfspb.CreateRequestProto{Src: &w[6], ClientName: &w[1], Masked: masked, Unmasked: unmasked, CreateFlag: proto.Uint32(uint32(number(w[3]))),
		Replication: proto.Uint32(uint32(number(w[4]))), BlockSize: proto.Uint64(number(w[5])), CreateParent: proto.Bool(w[7] != "noparent")}
	if w[8] != "" {
		q.StoragePolicy = &w[8]
	}
	r := &hdfspb.CreateResponseProto{}
	err := c.send("create", q, r)
	if err == nil {
		c.open[w[1]+" "+w[6]] = &handle{fileID: r.GetFs().GetFileId(), blockSize: r.GetFs().GetBlocksize()}
	}
	return status(r.GetFs()), err
}

// replicated repeats a call that comes too early as long as the NameNode has not heard
// of the replicas.
func replicated(try func() (again bool, err error)) error {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		again, err := try()
		if !again || time.Now().After(end) {
			return err
		}
	}
}

func (c *call) write(holder, path, size string) (string, error) {
	h := c.handle(holder, path)
	q := &hdfspb.AddBlockRequestProto{Src: &path, ClientName: &holder, FileId: &h.fileID}
	if h.last() != nil {
		q.Previous = h.last().GetB()
	}
	r := &hdfspb.AddBlockResponseProto{}
	err := replicated(func() (bool, error) {
		err := c.send("addBlock", q, r)
		return err != nil && len(h.blocks) > 0 && strings.Contains(err.Error(), "NotReplicatedYetException"), err
	})
	if err != nil {
		return "", err
	}
	b := r.GetBlock()
	n := h.blockSize
	if size == "half" {
		n = (n + 1) / 2
	}
	b.B.NumBytes = &n
	h.blocks = append(h.blocks, b)
	return fmt.Sprintf("%d+%d×%d", b.GetOffset(), n, len(b.GetLocs())), c.nodes.received(b)
}

func (c *call) grow(holder, path string) (string, error) {
	h := c.handle(holder, path)
	if h.last() == nil {
		return "nothing", nil
	}
	old := h.last().GetB()
	r := &hdfspb.UpdateBlockForPipelineResponseProto{}
	if err := c.send("updateBlockForPipeline", &hdfspb.UpdateBlockForPipelineRequestProto{Block: old, ClientName: &holder}, r); err != nil {
		return "", err
	}
	b := proto.Clone(h.last()).(*hdfspb.LocatedBlockProto)
	b.B.GenerationStamp = r.GetBlock().GetB().GenerationStamp
	q := &hdfspb.UpdatePipelineRequestProto{ClientName: &holder, OldBlock: old, NewBlock: b.B, StorageIDs: b.GetStorageIDs()}
	for _, d := range b.GetLocs() {
		q.NewNodes = append(q.NewNodes, d.GetId())
	}
	if err := c.send("updatePipeline", q, &hdfspb.UpdatePipelineResponseProto{}); err != nil {
		return "", err
	}
	h.reopened = false
	b.B.NumBytes = proto.Uint64(min(old.GetNumBytes()+1, h.blockSize))
	h.blocks[len(h.blocks)-1] = b
	return fmt.Sprintf("%d+%d×%d", b.GetOffset(), b.GetB().GetNumBytes(), len(b.GetLocs())), c.nodes.received(b)
}

func (c *call) close(holder, path string) (string, error) {
	h := c.handle(holder, path)
	q := &hdfspb.CompleteRequestProto{Src: &path, ClientName: &holder, FileId: &h.fileID}
	if h.last() != nil {
		q.Last = h.last().GetB()
	}
	r := &hdfspb.CompleteResponseProto{}
	err := replicated(func() (bool, error) {
		err := c.send("complete", q, r)
		return err == nil && !r.GetResult() && !h.reopened, err
	})
	if err == nil && r.GetResult() {
		delete(c.open, holder+" "+path)
	}
	return fmt.Sprint(r.GetResult()), err
}

func (c *call) abandon(holder, path string) (string, error) {
	h := c.handle(holder, path)
	if h.last() == nil {
		return "nothing", nil
	}
	err := c.send("abandonBlock", &hdfspb.AbandonBlockRequestProto{B: h.last().GetB(), Src: &path, Holder: &holder, FileId: &h.fileID}, &hdfspb.AbandonBlockResponseProto{})
	if err == nil {
		h.blocks = h.blocks[:len(h.blocks)-1]
	}
	return "ok", err
}

func (c *call) reopen(holder, path string, newBlock bool) (string, error) {
	q := &hdfspb.AppendRequestProto{Src: &path, ClientName: &holder, Flag: proto.Uint32(4)}
	if newBlock {
		*q.Flag |= 0x20
	}
	r := &hdfspb.AppendResponseProto{}
	if err := c.send("append", q, r); err != nil {
		return "", err
	}
	h := &handle{fileID: r.GetStat().GetFileId(), blockSize: r.GetStat().GetBlocksize()}
	c.open[holder+" "+path] = h
	answer := status(r.GetStat())
	if b := r.Block; b != nil {
		h.blocks, h.reopened = append(h.blocks, b), !newBlock
		answer += fmt.Sprintf(" %d+%d×%d", b.GetOffset(), b.GetB().GetNumBytes(), len(b.GetLocs()))
	}
	return answer, nil
}

func (c *call) truncate(w []string) (string, error) {
	q := &hdfspb.TruncateRequestProto{Src: &w[1], NewLength: proto.Uint64(0), ClientName: proto.String("writer")}
	if w[2] != "" {
		*q.NewLength, *q.ClientName = number(w[2]), w[3]
	}
	r := &hdfspb.TruncateResponseProto{}
	if err := c.send("truncate", q, r); err != nil {
		return "", err
	}
	return c.settled(r.GetResult(), w[1])
}

func (c *call) recover(holder, path string) (string, error) {
	r := &hdfspb.RecoverLeaseResponseProto{}
	if err := c.send("recoverLease", &hdfspb.RecoverLeaseRequestProto{Src: &path, ClientName: &holder}, r); err != nil {
		return "", err
	}
	return c.settled(r.GetResult(), path)
}

// settled answers whether a file is closed, now or when its DataNodes have recovered the
// last block.
func (c *call) settled(now bool, path string) (string, error) {
	if now || c.nodes == nil {
		return fmt.Sprint(now), nil
	}
	super := call{Server: c.Server, client: c.as(Superuser)}
	r := &hdfspb.IsFileClosedResponseProto{}
	err := replicated(func() (bool, error) {
		if err := c.nodes.Beat(); err != nil {
			return false, err
		}
		err := super.send("isFileClosed", &hdfspb.IsFileClosedRequestProto{Src: &path}, r)
		return err == nil && !r.GetResult(), err
	})
	return fmt.Sprintf("later %t", r.GetResult()), err
}

// openFiles lists who has which file open.
func (c *call) openFiles(path string) (string, error) {
	r := &hdfspb.ListOpenFilesResponseProto{}
	err := c.send("listOpenFiles", &hdfspb.ListOpenFilesRequestProto{Id: proto.Int64(0), Path: &path,
		Types: []hdfspb.OpenFilesTypeProto{hdfspb.OpenFilesTypeProto_ALL_OPEN_FILES}}, r)
	var out []string
	for _, e := range r.GetEntries() {
		out = append(out, e.GetPath()+" "+e.GetClientName())
	}
	slices.Sort(out)
	return strings.Join(out, ", "), err
}
