package client

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// openAt opens a replica of the block that holds off, for the bytes up to limit
// or the block's end. It tries each replica, then asks the NameNode anew.
func (r *Reader) openAt(off, limit int64) (*watchedReader, int64, error) {
	lb, err := r.blocks.at(off)
	if err != nil {
		return nil, 0, err
	}
	for round := 0; ; round++ {
		start := int64(lb.GetOffset())
		end := min(limit, start+int64(lb.GetB().GetNumBytes()))
		var last error
		for i, node := range lb.GetLocs() {
			if r.isDead(node) {
				continue
			}
			br, err := r.c.s.data.peers.OpenBlock(r.c.ctx, datatransfer.ReadRequest{
				Node: node.GetId(), Block: lb.GetB(), Token: lb.GetBlockToken(), ClientName: r.c.s.holder,
				Offset: off - start, Length: end - off, SkipChecksums: !r.verify,
			})
			if err == nil {
				return r.watch(br, lb, i), end, nil
			}
			if r.c.ctx.Err() != nil {
				return nil, 0, err
			}
			last = err
			r.failed(lb, i, err)
		}
		if round >= r.c.s.data.readRounds {
			return nil, 0, r.missing(lb, last)
		}
		if err := r.c.s.sleep(r.c.ctx, time.Duration(round)*readPause); err != nil {
			return nil, 0, err
		}
		r.forgive()
		if lb, err = r.blocks.refresh(off); err != nil {
			return nil, 0, err
		}
	}
}

func (r *Reader) missing(lb *hdfspb.LocatedBlockProto, last error) error {
	b := lb.GetB()
	text := fmt.Sprintf("Could not obtain block: %s:blk_%d_%d file=%s", b.GetPoolId(), b.GetBlockId(), b.GetGenerationStamp(), r.blocks.path)
	if last == nil {
		return errors.New(text)
	}
	return fmt.Errorf("%s: %w", text, last)
}

func (r *Reader) isDead(n *hdfspb.DatanodeInfoProto) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dead[r.c.s.data.peers.Address(n.GetId())]
}

func (r *Reader) forgive() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.dead)
}

// failed leaves a DataNode out of this reader and reports a damaged replica.
func (r *Reader) failed(lb *hdfspb.LocatedBlockProto, i int, err error) {
	addr := r.c.s.data.peers.Address(lb.GetLocs()[i].GetId())
	r.mu.Lock()
	again := r.dead[addr]
	r.dead[addr] = true
	r.mu.Unlock()
	r.c.s.log.Debug("replica cannot be read", "datanode", addr, "block", lb.GetB().GetBlockId(), "err", err)
	if errors.Is(err, datatransfer.ErrChecksum) && !again {
		r.c.reportBad(lb, i)
	}
}

// watchedReader tells its Reader when the replica fails, so that the next try
// goes to another one.
type watchedReader struct {
	*datatransfer.BlockReader
	fail func(error)
}

func (r *Reader) watch(br *datatransfer.BlockReader, lb *hdfspb.LocatedBlockProto, i int) *watchedReader {
	return &watchedReader{br, func(err error) { r.failed(lb, i, err) }}
}

func (w *watchedReader) Read(b []byte) (int, error) {
	n, err := w.BlockReader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		w.fail(err)
	}
	return n, err
}

func (w *watchedReader) WriteTo(out io.Writer) (int64, error) {
	n, err := w.BlockReader.WriteTo(out)
	if e, ok := out.(*errWriter); err != nil && !(ok && e.err != nil) {
		w.fail(err)
	}
	return n, err
}
