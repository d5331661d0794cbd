package client

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/discovery"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/hopsqlpb"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"google.golang.org/protobuf/proto"
)

const testBlock = 1 << 20

// fakeNN is a NameNode with just enough behaviour for files to be written and
// read. It stands in for the connection, so that tests can make calls fail.
type fakeNN struct {
	t   *testing.T
	dns *fakeNodes

	mu     sync.Mutex
	nextID int32
	calls  []string // method@addr#id/retry
	fail   func(addr, method string, retry int32) error
	hang   func(addr, method string) bool
	living func(addr string) (*hopsqlpb.GetActiveNamenodesResponseProto, error)
	asked  []string // for the list of the living
	files  map[string]*fakeFile
	blocks uint64
	stamp  uint64
	// completeLater is how many times complete answers false.
	completeLater int
	notReplicated int
	reported      []*hdfspb.LocatedBlockProto
	excluded      [][]string // of each addBlock
	abandoned     int
	pipelines     [][]string // of each updatePipeline
}

type fakeFile struct {
	dir    bool
	open   bool
	blocks []*hdfspb.LocatedBlockProto
	size   uint64 // of a block
	repl   uint32
}

func newFakeNN(t *testing.T, dns *fakeNodes) *fakeNN {
	return &fakeNN{t: t, dns: dns, files: map[string]*fakeFile{"/": {dir: true}}, stamp: 1000}
}

// connect makes a Client of nn with what set changes in its configuration.
func (nn *fakeNN) connect(t *testing.T, set map[string]string) *Client {
	kv := map[string]string{"fs.defaultFS": "hdfs://nn1:8020", "dfs.blocksize": "1m", "dfs.client.socket-timeout": "5000",
		"ipc.client.connect.max.retries": "2"}
	for k, v := range set {
		kv[k] = v
	}
	c, err := New(conf.New(kv), WithUser("alice"), func(o *options) { o.caller = nn })
	if err != nil {
		t.Fatal(err)
	}
	c.s.sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	t.Cleanup(func() { c.Close() })
	return c
}

func (nn *fakeNN) CallID() int32 {
	nn.mu.Lock()
	defer nn.mu.Unlock()
	nn.nextID++
	return nn.nextID
}

func (nn *fakeNN) Close() error { return nil }

func exception(class, text string) error { return &rpc.Exception{Class: class, Message: text} }

func (nn *fakeNN) CallAs(ctx context.Context, addr, protocol, method string, id, retry int32, req, resp proto.Message) error {
	nn.mu.Lock()
	defer nn.mu.Unlock()
	nn.calls = append(nn.calls, fmt.Sprintf("%s@%s#%d/%d", method, addr, id, retry))
	if err := ctx.Err(); err != nil {
		return err
	}
	if nn.hang != nil && nn.hang(addr, method) {
		nn.mu.Unlock()
		<-ctx.Done()
		nn.mu.Lock()
		return ctx.Err()
	}
	if nn.fail != nil {
		if err := nn.fail(addr, method, retry); err != nil {
			return err
		}
	}
	answer, err := nn.handle(req)
	if err == nil {
		proto.Merge(resp, answer)
	}
	return err
}

// Call is what NameNodes are asked behind the calls of a Client: who else lives.
func (nn *fakeNN) Call(ctx context.Context, addr, protocol, _ string, _, resp proto.Message) error {
	nn.mu.Lock()
	defer nn.mu.Unlock()
	nn.asked = append(nn.asked, addr)
	if err := ctx.Err(); err != nil {
		return err
	}
	if protocol != discovery.Protocol || nn.living == nil {
		return exception("org.apache.hadoop.ipc.RpcNoSuchProtocolException", "Unknown protocol: "+protocol)
	}
	list, err := nn.living(addr)
	if err == nil {
		proto.Merge(resp, list)
	}
	return err
}

func (nn *fakeNN) handle(req proto.Message) (proto.Message, error) {
	switch q := req.(type) {
	case *hdfspb.GetFileInfoRequestProto:
		return &hdfspb.GetFileInfoResponseProto{Fs: nn.status(q.GetSrc(), "")}, nil
	case *hdfspb.GetListingRequestProto:
		return nn.list(q), nil
	case *hdfspb.MkdirsRequestProto:
		nn.files[q.GetSrc()] = &fakeFile{dir: true}
		return &hdfspb.MkdirsResponseProto{Result: proto.Bool(true)}, nil
	case *hdfspb.DeleteRequestProto:
		had := nn.files[q.GetSrc()] != nil
		delete(nn.files, q.GetSrc())
		return &hdfspb.DeleteResponseProto{Result: &had}, nil
	case *hdfspb.CreateRequestProto:
		if nn.files[q.GetSrc()] != nil && q.GetCreateFlag()&2 == 0 {
			return nil, exception("org.apache.hadoop.fs.FileAlreadyExistsException", q.GetSrc()+" already exists\n\tat Java")
		}
		nn.files[q.GetSrc()] = &fakeFile{open: true, size: q.GetBlockSize(), repl: q.GetReplication()}
		return &hdfspb.CreateResponseProto{Fs: nn.status(q.GetSrc(), "")}, nil
	case *hdfspb.GetBlockLocationsRequestProto:
		return nn.locations(q)
	case *hdfspb.ReportBadBlocksRequestProto:
		nn.reported = append(nn.reported, q.GetBlocks()...)
		return &hdfspb.ReportBadBlocksResponseProto{}, nil
	}
	return nn.write(req)
}

func (nn *fakeNN) write(req proto.Message) (proto.Message, error) {
	switch q := req.(type) {
	case *hdfspb.AppendRequestProto:
		f := nn.files[q.GetSrc()]
		f.open = true
		resp := &hdfspb.AppendResponseProto{Stat: nn.status(q.GetSrc(), "")}
		if n := len(f.blocks); n > 0 && f.blocks[n-1].GetB().GetNumBytes() < f.size {
			resp.Block = f.blocks[n-1]
		}
		return resp, nil
	case *hdfspb.AddBlockRequestProto:
		return nn.addBlock(q)
	case *hdfspb.AbandonBlockRequestProto:
		nn.abandoned++
		f := nn.files[q.GetSrc()]
		f.blocks = f.blocks[:len(f.blocks)-1]
		return &hdfspb.AbandonBlockResponseProto{}, nil
	case *hdfspb.CompleteRequestProto:
		done := nn.completeLater == 0
		if !done {
			nn.completeLater--
		} else {
			nn.commit(nn.files[q.GetSrc()], q.GetLast())
			nn.files[q.GetSrc()].open = false
		}
		return &hdfspb.CompleteResponseProto{Result: &done}, nil
	case *hdfspb.UpdateBlockForPipelineRequestProto:
		nn.stamp++
		b := proto.Clone(q.GetBlock()).(*hdfspb.ExtendedBlockProto)
		b.GenerationStamp = proto.Uint64(nn.stamp)
		return &hdfspb.UpdateBlockForPipelineResponseProto{Block: nn.located(b, nil)}, nil
	case *hdfspb.UpdatePipelineRequestProto:
		var ids []string
		for _, n := range q.GetNewNodes() {
			ids = append(ids, n.GetDatanodeUuid())
		}
		nn.pipelines = append(nn.pipelines, ids)
		return &hdfspb.UpdatePipelineResponseProto{}, nil
	case *hdfspb.GetAdditionalDatanodeRequestProto:
		return nn.additional(q), nil
	case *hdfspb.FsyncRequestProto:
		return &hdfspb.FsyncResponseProto{}, nil
	case *hdfspb.RenewLeaseRequestProto:
		return &hdfspb.RenewLeaseResponseProto{}, nil
	case *ipcpb.GetServiceStatusRequestProto:
		return &ipcpb.GetServiceStatusResponseProto{State: ipcpb.HAServiceStateProto_ACTIVE.Enum()}, nil
	}
	return nil, exception("java.lang.UnsupportedOperationException", fmt.Sprintf("%T", req))
}

func (nn *fakeNN) located(b *hdfspb.ExtendedBlockProto, nodes []*hdfspb.DatanodeInfoProto) *hdfspb.LocatedBlockProto {
	lb := &hdfspb.LocatedBlockProto{B: b, Offset: proto.Uint64(0), Locs: nodes, Corrupt: proto.Bool(false),
		BlockToken: &ipcpb.TokenProto{Identifier: []byte{}, Password: []byte{}, Kind: proto.String(""), Service: proto.String("")}}
	for _, n := range nodes {
		lb.StorageIDs = append(lb.StorageIDs, "DS-"+n.GetId().GetDatanodeUuid())
		lb.StorageTypes = append(lb.StorageTypes, hdfspb.StorageTypeProto_DISK)
	}
	return lb
}

func (nn *fakeNN) commit(f *fakeFile, last *hdfspb.ExtendedBlockProto) {
	if last != nil {
		f.blocks[len(f.blocks)-1].B = last
	}
}

func (nn *fakeNN) addBlock(q *hdfspb.AddBlockRequestProto) (proto.Message, error) {
	if nn.notReplicated > 0 {
		nn.notReplicated--
		return nil, exception(classNotReplicated, "Not replicated yet: "+q.GetSrc())
	}
	f := nn.files[q.GetSrc()]
	nn.commit(f, q.GetPrevious())
	var skip []string
	for _, n := range q.GetExcludeNodes() {
		skip = append(skip, n.GetId().GetDatanodeUuid())
	}
	nn.excluded = append(nn.excluded, skip)
	var nodes []*hdfspb.DatanodeInfoProto
	for _, n := range nn.dns.nodes {
		if !slices.Contains(skip, n.GetId().GetDatanodeUuid()) && len(nodes) < int(f.repl) {
			nodes = append(nodes, n)
		}
	}
	if len(nodes) == 0 {
		return nil, exception("java.io.IOException", "File "+q.GetSrc()+" could only be written to 0 of the 1 minReplication nodes.")
	}
	nn.blocks++
	lb := nn.located(&hdfspb.ExtendedBlockProto{PoolId: proto.String("BP-1"), BlockId: proto.Uint64(nn.blocks),
		GenerationStamp: proto.Uint64(nn.stamp), NumBytes: proto.Uint64(0)}, nodes)
	lb.Offset = proto.Uint64(uint64(len(f.blocks)) * f.size)
	f.blocks = append(f.blocks, lb)
	return &hdfspb.AddBlockResponseProto{Block: lb}, nil
}

func (nn *fakeNN) additional(q *hdfspb.GetAdditionalDatanodeRequestProto) proto.Message {
	var taken []string
	for _, n := range append(q.GetExistings(), q.GetExcludes()...) {
		taken = append(taken, n.GetId().GetDatanodeUuid())
	}
	nodes := slices.Clone(q.GetExistings())
	for _, n := range nn.dns.nodes {
		if !slices.Contains(taken, n.GetId().GetDatanodeUuid()) {
			nodes = append(nodes, n)
			break
		}
	}
	return &hdfspb.GetAdditionalDatanodeResponseProto{Block: nn.located(q.GetBlk(), nodes)}
}

func (nn *fakeNN) locations(q *hdfspb.GetBlockLocationsRequestProto) (proto.Message, error) {
	f := nn.files[q.GetSrc()]
	if f == nil || f.dir {
		return nil, exception("java.io.FileNotFoundException", "File does not exist: "+q.GetSrc())
	}
	l := &hdfspb.LocatedBlocksProto{FileLength: proto.Uint64(0), UnderConstruction: proto.Bool(f.open), IsLastBlockComplete: proto.Bool(true)}
	for _, b := range f.blocks {
		*l.FileLength += b.GetB().GetNumBytes()
		l.LastBlock = b
		if b.GetOffset()+b.GetB().GetNumBytes() > q.GetOffset() && b.GetOffset() < q.GetOffset()+q.GetLength() && len(l.Blocks) < 2 {
			l.Blocks = append(l.Blocks, b)
		}
	}
	return &hdfspb.GetBlockLocationsResponseProto{Locations: l}, nil
}

func (nn *fakeNN) status(p, local string) *hdfspb.HdfsFileStatusProto {
	f := nn.files[p]
	if f == nil {
		return nil
	}
	st := &hdfspb.HdfsFileStatusProto{
		FileType: hdfspb.HdfsFileStatusProto_IS_FILE.Enum(), Path: []byte(local), Length: proto.Uint64(0),
		Permission: &hdfspb.FsPermissionProto{Perm: proto.Uint32(0o644)}, Owner: proto.String("alice"), Group: proto.String("users"),
		ModificationTime: proto.Uint64(1700000000000), AccessTime: proto.Uint64(0), FileId: proto.Uint64(16385),
		BlockReplication: proto.Uint32(f.repl), Blocksize: proto.Uint64(f.size),
	}
	for _, b := range f.blocks {
		*st.Length += b.GetB().GetNumBytes()
	}
	if f.dir {
		st.FileType, st.Permission.Perm = hdfspb.HdfsFileStatusProto_IS_DIR.Enum(), proto.Uint32(0o755)
	}
	return st
}

// list answers pages of two names.
func (nn *fakeNN) list(q *hdfspb.GetListingRequestProto) proto.Message {
	if f := nn.files[q.GetSrc()]; f == nil {
		return &hdfspb.GetListingResponseProto{}
	} else if !f.dir {
		return &hdfspb.GetListingResponseProto{DirList: &hdfspb.DirectoryListingProto{
			PartialListing: []*hdfspb.HdfsFileStatusProto{nn.status(q.GetSrc(), "")}, RemainingEntries: proto.Uint32(0)}}
	}
	var names []string
	for p := range nn.files {
		if p != "/" && path.Dir(p) == q.GetSrc() && path.Base(p) > string(q.GetStartAfter()) {
			names = append(names, path.Base(p))
		}
	}
	slices.Sort(names)
	page := names[:min(2, len(names))]
	d := &hdfspb.DirectoryListingProto{RemainingEntries: proto.Uint32(uint32(len(names) - len(page)))}
	for _, n := range page {
		d.PartialListing = append(d.PartialListing, nn.status(path.Join(q.GetSrc(), n), n))
	}
	return &hdfspb.GetListingResponseProto{DirList: d}
}

// count is how often a method was called.
func (nn *fakeNN) count(method string) int {
	nn.mu.Lock()
	defer nn.mu.Unlock()
	n := 0
	for _, c := range nn.calls {
		if strings.HasPrefix(c, method+"@") {
			n++
		}
	}
	return n
}
