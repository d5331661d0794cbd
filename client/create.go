package client

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"google.golang.org/protobuf/proto"
)

// CreateOptions says how a file is made. The zero value takes everything from
// the configuration, as a stock client does.
type CreateOptions struct {
	Overwrite   bool        // replace a file of that name; without it, it is fs.ErrExist
	NoParents   bool        // fail if the parent directory is missing instead of making it
	LazyPersist bool        // let DataNodes hold the data in memory for a while
	Replication int         // replicas of each block; 0 = dfs.replication
	BlockSize   int64       // bytes; 0 = dfs.blocksize
	Perm        fs.FileMode // before umask; 0 = 0666
}

// Create makes a file and opens it for writing. Nobody else can write it until
// the Writer is closed.
func (c *Client) Create(name string, o CreateOptions) (*Writer, error) {
	w, err := c.create(name, o)
	return w, pathError("create", name, err)
}

func (c *Client) create(name string, o CreateOptions) (*Writer, error) {
	p, err := c.Resolve(name)
	if err != nil {
		return nil, err
	}
	d := &c.s.data
	if o.Replication == 0 {
		o.Replication = d.replication
	}
	if o.BlockSize == 0 {
		o.BlockSize = d.blockSize
	}
	if o.Perm == 0 {
		o.Perm = 0o666
	}
	if o.BlockSize <= 0 || o.BlockSize%int64(d.checksum.BytesPerChecksum) != 0 {
		return nil, fmt.Errorf("block size %d is no multiple of dfs.bytes-per-checksum %d: %w", o.BlockSize, d.checksum.BytesPerChecksum, fs.ErrInvalid)
	}
	flags := hdfspb.CreateFlagProto_CREATE
	if o.Overwrite {
		flags |= hdfspb.CreateFlagProto_OVERWRITE
	}
	if o.LazyPersist {
		flags |= hdfspb.CreateFlagProto_LAZY_PERSIST
	}
	perm := permBits(o.Perm)
	req := &hdfspb.CreateRequestProto{
		Src: &p, ClientName: &c.s.holder, CreateFlag: proto.Uint32(uint32(flags)),
		Masked:                &hdfspb.FsPermissionProto{Perm: proto.Uint32(perm &^ c.s.umask)},
		Unmasked:              &hdfspb.FsPermissionProto{Perm: proto.Uint32(perm)},
		CreateParent:          proto.Bool(!o.NoParents),
		Replication:           proto.Uint32(uint32(o.Replication)),
		BlockSize:             proto.Uint64(uint64(o.BlockSize)),
		CryptoProtocolVersion: []hdfspb.CryptoProtocolVersionProto{hdfspb.CryptoProtocolVersionProto_ENCRYPTION_ZONES},
	}
	resp := &hdfspb.CreateResponseProto{}
	if err := c.nn("create", req, resp); err != nil {
		return nil, err
	}
	if resp.Fs == nil {
		return nil, errors.New("the NameNode made the file and did not describe it")
	}
	if resp.Fs.GetFileEncryptionInfo() != nil || resp.Fs.GetEcPolicy() != nil {
		return nil, fmt.Errorf("the directory wants encrypted or erasure-coded files: %w", errors.ErrUnsupported)
	}
	return c.newWriter(name, p, resp.Fs), nil
}

// Append opens a file for writing at its end. With newBlock the bytes begin a
// block of their own even if the last one has room.
func (c *Client) Append(name string, newBlock bool) (*Writer, error) {
	w, err := c.append(name, newBlock)
	return w, pathError("append", name, err)
}

func (c *Client) append(name string, newBlock bool) (*Writer, error) {
	p, err := c.Resolve(name)
	if err != nil {
		return nil, err
	}
	flags := hdfspb.CreateFlagProto_APPEND
	if newBlock {
		flags |= hdfspb.CreateFlagProto_NEW_BLOCK
	}
	resp := &hdfspb.AppendResponseProto{}
	req := &hdfspb.AppendRequestProto{Src: &p, ClientName: &c.s.holder, Flag: proto.Uint32(uint32(flags))}
	if err := c.nn("append", req, resp); err != nil {
		return nil, err
	}
	st := resp.Stat
	if st == nil { // servers of old leave it out
		if st, err = c.status(p); err != nil {
			return nil, err
		}
	}
	w := c.newWriter(name, p, st)
	w.appends = true
	switch {
	case resp.Block == nil:
	case newBlock:
		w.last = resp.Block.GetB()
	default:
		if err := w.continueBlock(resp.Block); err != nil {
			w.abandon()
			return nil, err
		}
	}
	return w, nil
}

func (c *Client) status(p string) (*hdfspb.HdfsFileStatusProto, error) {
	resp := &hdfspb.GetFileInfoResponseProto{}
	if err := c.nn("getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: &p}, resp); err != nil {
		return nil, err
	}
	if resp.Fs == nil {
		return nil, fs.ErrNotExist
	}
	return resp.Fs, nil
}

func (c *Client) newWriter(name, p string, st *hdfspb.HdfsFileStatusProto) *Writer {
	c.s.leases.acquire()
	d := &c.s.data
	return &Writer{
		c: c, name: name, path: p, id: st.GetFileId(), size: int64(st.GetLength()),
		blockSize: int64(st.GetBlocksize()), replication: int(st.GetBlockReplication()),
		cfg: datatransfer.WriterConfig{Peers: d.peers, ClientName: c.s.holder, Checksum: d.checksum,
			PacketSize: d.packet, MaxInFlight: d.inFlight},
	}
}
