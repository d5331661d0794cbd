package client

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"google.golang.org/protobuf/proto"
)

// Writer writes one file from its end on. One goroutine uses it at a time. The
// file is whole when Close has returned nil; before that readers see what Flush
// has sent.
type Writer struct {
	c           *Client
	name, path  string
	id          uint64
	blockSize   int64
	replication int
	appends     bool
	cfg         datatransfer.WriterConfig

	size    int64 // bytes of the file so far
	block   *datatransfer.BlockWriter
	nodes   *hdfspb.LocatedBlockProto // the pipeline of block
	ending  bool                      // block is being finished
	flushed bool                      // Flush was called: readers rely on the pipeline
	known   bool                      // the NameNode was told by fsync of block
	last    *hdfspb.ExtendedBlockProto
	bad     badNodes
	err     error
	closed  bool
}

// Name is the name given to Create or Append.
func (w *Writer) Name() string { return w.name }

// Size is the length of the file with all that was written, in bytes.
func (w *Writer) Size() int64 { return w.size }

// Write appends b. A DataNode that fails is left out and replaced, so an error
// here is final.
func (w *Writer) Write(b []byte) (int, error) {
	if err := w.usable(); err != nil {
		return 0, pathError("write", w.name, err)
	}
	n, err := w.write(b)
	if err != nil {
		w.err = err
	}
	return n, pathError("write", w.name, err)
}

func (w *Writer) write(b []byte) (total int, err error) {
	for len(b) > 0 {
		if err := w.ready(); err != nil {
			return total, err
		}
		part := b[:min(int64(len(b)), w.blockSize-w.block.Pos())]
		n, err := w.block.Write(part)
		total += n
		w.size += int64(n)
		b = b[n:]
		if err = w.repair(err); err != nil {
			return total, err
		}
	}
	return total, w.endFull()
}

// ReadFrom appends what r gives, reading straight into packets.
func (w *Writer) ReadFrom(r io.Reader) (total int64, err error) {
	if err := w.usable(); err != nil {
		return 0, pathError("write", w.name, err)
	}
	src := &eofReader{r: r}
	for !src.done {
		if err := w.ready(); err != nil {
			w.err = err
			return total, pathError("write", w.name, err)
		}
		n, err := w.block.ReadFrom(src)
		total += n
		w.size += n
		if src.err != nil {
			return total, src.err
		}
		if err = w.repair(err); err == nil {
			err = w.endFull()
		}
		if err != nil {
			w.err = err
			return total, pathError("write", w.name, err)
		}
	}
	return total, nil
}

// eofReader remembers how its reader ended, because ReadFrom of a block ends
// without an error both there and at the end of the block.
type eofReader struct {
	r    io.Reader
	done bool
	err  error
}

func (e *eofReader) Read(b []byte) (int, error) {
	n, err := e.r.Read(b)
	if errors.Is(err, io.EOF) {
		e.done = true
	} else if err != nil {
		e.err = err
	}
	return n, err
}

func (w *Writer) usable() error {
	if w.closed {
		return fs.ErrClosed
	}
	return w.err
}

// ready makes sure that there is a block with room.
func (w *Writer) ready() error {
	if err := w.endFull(); err != nil {
		return err
	}
	if w.block != nil {
		return nil
	}
	return w.nextBlock()
}

// endFull ends the block if it is full.
func (w *Writer) endFull() error {
	if w.block == nil || w.block.Pos() < w.blockSize {
		return nil
	}
	return w.endBlock()
}

// endBlock waits until all DataNodes have the block.
func (w *Writer) endBlock() error {
	w.ending = true
	defer func() { w.ending = false }()
	for {
		err := w.block.Close()
		if err == nil {
			break
		}
		if err := w.repair(err); err != nil {
			return err
		}
	}
	w.last, w.block, w.known = w.block.Block(), nil, false
	return nil
}

// Flush makes what was written visible to readers who open the file from now on
// (hflush); it does not wait for disks.
func (w *Writer) Flush() error { return pathError("flush", w.name, w.flush(false)) }

// Sync is Flush with the data on the disks of all DataNodes (hsync), and the
// length known to the NameNode.
func (w *Writer) Sync() error { return pathError("sync", w.name, w.flush(true)) }

func (w *Writer) flush(sync bool) error {
	if err := w.usable(); err != nil {
		return err
	}
	w.flushed = true
	if w.block == nil {
		return nil
	}
	for {
		f := w.block.Flush
		if sync {
			f = w.block.Sync
		}
		err := f()
		if err == nil {
			break
		}
		if err := w.repair(err); err != nil {
			w.err = err
			return err
		}
	}
	if w.known && !sync {
		return nil
	}
	req := &hdfspb.FsyncRequestProto{Src: &w.path, Client: &w.c.s.holder, FileId: &w.id, LastBlockLength: proto.Int64(-1)}
	if sync {
		req.LastBlockLength = proto.Int64(w.block.Pos())
	}
	if err := w.c.nn("fsync", req, &hdfspb.FsyncResponseProto{}); err != nil {
		return err
	}
	w.known = true
	return nil
}

// Close ends the last block and the file. After an error the file is left to
// the NameNode's lease recovery; Close must not be called again.
func (w *Writer) Close() error {
	if w.closed {
		return pathError("close", w.name, fs.ErrClosed)
	}
	err := w.err
	if err == nil && w.block != nil {
		err = w.endBlock()
	}
	if err == nil {
		err = w.complete()
	}
	w.abandon()
	return pathError("close", w.name, err)
}

// Abort gives the file up as it is: what readers see of it is undefined until
// the NameNode has recovered it or somebody deletes it.
func (w *Writer) Abort() {
	if !w.closed {
		w.abandon()
	}
}

func (w *Writer) abandon() {
	if w.block != nil {
		w.block.Abort()
		w.block = nil
	}
	w.closed = true
	w.c.s.leases.release()
}

// complete asks the NameNode to close the file, again and again while the last
// block has too few replicas that were reported.
func (w *Writer) complete() error {
	req := &hdfspb.CompleteRequestProto{Src: &w.path, ClientName: &w.c.s.holder, Last: w.last, FileId: &w.id}
	for p := w.c.newPatience(); ; {
		resp := &hdfspb.CompleteResponseProto{}
		if err := w.c.nn("complete", req, resp); err != nil {
			return err
		}
		if resp.GetResult() {
			return nil
		}
		if p.over() {
			return fmt.Errorf("Unable to close file because the last block %s does not have enough number of replicas.", blockName(w.last)) //nolint:staticcheck // the words of Apache's client
		}
		if err := p.wait(); err != nil {
			return err
		}
	}
}

// patience is how long a writer waits for the NameNode to hear of replicas that
// DataNodes have already: they report within milliseconds as a rule, so the
// first pauses are short and not counted; those that follow are the ones of
// Apache's client, dfs.client.block.write.locateFollowingBlock.retries times,
// each twice as long as the one before. It begins anew when NameNodes were
// changed meanwhile, because the next one may have to be told first.
type patience struct {
	c     *Client
	next  time.Duration
	left  int
	moves int64
}

const (
	firstLocateDelay = 5 * time.Millisecond
	maxLocateDelay   = time.Minute
)

func (c *Client) newPatience() *patience {
	return &patience{c: c, next: min(firstLocateDelay, c.s.data.locateDelay), left: c.s.data.locateRetries, moves: c.s.moves.Load()}
}

func (p *patience) over() bool {
	if moves := p.c.s.moves.Load(); moves != p.moves {
		p.left, p.moves = p.c.s.data.locateRetries, moves
	}
	return p.left <= 0
}

func (p *patience) wait() error {
	now, full := p.next, p.c.s.data.locateDelay
	if now >= full {
		p.left--
	}
	p.next = min(2*now, maxLocateDelay)
	if now < full {
		p.next = min(p.next, full)
	}
	return p.c.s.sleep(p.c.ctx, now)
}

func blockName(b *hdfspb.ExtendedBlockProto) string {
	if b == nil {
		return "(none)"
	}
	return fmt.Sprintf("%s:blk_%d_%d", b.GetPoolId(), b.GetBlockId(), b.GetGenerationStamp())
}
