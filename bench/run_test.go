package bench

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
)

// namenode is a NameNode that says yes to everything, unless a test wants it
// otherwise.
type namenode struct {
	addr string

	mu      sync.Mutex
	stats   int
	deleted []string

	stat func(n int, path string) (*hdfspb.GetFileInfoResponseProto, error) // the n-th one about a file
	list func(after string) *hdfspb.DirectoryListingProto
}

func serve(t *testing.T) *namenode {
	t.Helper()
	s, err := rpc.NewServer(rpc.ServerConfig{Addr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	n := &namenode{addr: s.Addr().String()}
	file := &hdfspb.HdfsFileStatusProto{
		FileType: hdfspb.HdfsFileStatusProto_IS_FILE.Enum(), Path: []byte("f"), Length: proto.Uint64(0), Owner: proto.String("o"), Group: proto.String("g"),
		Permission: &hdfspb.FsPermissionProto{Perm: proto.Uint32(0)}, ModificationTime: proto.Uint64(1), AccessTime: proto.Uint64(1), FileId: proto.Uint64(7),
	}
	n.stat = func(int, string) (*hdfspb.GetFileInfoResponseProto, error) {
		return &hdfspb.GetFileInfoResponseProto{Fs: file}, nil
	}
	n.list = func(string) *hdfspb.DirectoryListingProto {
		return &hdfspb.DirectoryListingProto{RemainingEntries: proto.Uint32(0)}
	}
	s.Register(clientProtocol, map[string]rpc.Method{
		"mkdirs": rpc.Handle(func(context.Context, *rpc.Call, *hdfspb.MkdirsRequestProto) (*hdfspb.MkdirsResponseProto, error) {
			return &hdfspb.MkdirsResponseProto{Result: proto.Bool(true)}, nil
		}),
		"create": rpc.Handle(func(context.Context, *rpc.Call, *hdfspb.CreateRequestProto) (*hdfspb.CreateResponseProto, error) {
			return &hdfspb.CreateResponseProto{Fs: file}, nil
		}),
		"complete": rpc.Handle(func(context.Context, *rpc.Call, *hdfspb.CompleteRequestProto) (*hdfspb.CompleteResponseProto, error) {
			return &hdfspb.CompleteResponseProto{Result: proto.Bool(true)}, nil
		}),
		"delete": rpc.Handle(func(_ context.Context, _ *rpc.Call, q *hdfspb.DeleteRequestProto) (*hdfspb.DeleteResponseProto, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.deleted = append(n.deleted, q.GetSrc())
			return &hdfspb.DeleteResponseProto{Result: proto.Bool(true)}, nil
		}),
		"getListing": rpc.Handle(func(_ context.Context, _ *rpc.Call, q *hdfspb.GetListingRequestProto) (*hdfspb.GetListingResponseProto, error) {
			l := n.list(string(q.StartAfter))
			for range l.PartialListing {
				l.PartialListing[0] = proto.Clone(file).(*hdfspb.HdfsFileStatusProto)
				l.PartialListing[0].Path = []byte("last")
			}
			return &hdfspb.GetListingResponseProto{DirList: l}, nil
		}),
		"getFileInfo": rpc.Handle(func(_ context.Context, _ *rpc.Call, q *hdfspb.GetFileInfoRequestProto) (*hdfspb.GetFileInfoResponseProto, error) {
			if q.GetSrc() == "/bench" {
				return nil, nil
			}
			n.mu.Lock()
			n.stats++
			i := n.stats
			n.mu.Unlock()
			return n.stat(i, q.GetSrc())
		}),
	})
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return n
}

func (n *namenode) options(ops ...string) Options {
	return Options{NameNodes: []string{n.addr}, Ops: ops, Callers: 4, Count: 100, Files: 10, Depth: 3, Fanout: 2}
}

func TestFailuresAreCounted(t *testing.T) {
	n := serve(t)
	good := n.stat
	n.stat = func(i int, path string) (*hdfspb.GetFileInfoResponseProto, error) {
		switch i % 10 {
		case 3:
			return nil, &rpc.Exception{Class: "java.io.IOException", Message: "no luck"}
		case 7:
			return nil, nil // nothing is no exception, but no success
		}
		return good(i, path)
	}
	r, err := Run(t.Context(), n.options("stat", "ls"), nil)
	if err != nil {
		t.Fatal(err)
	}
	stat, ls := &r.Results[0], &r.Results[1]
	if stat.Ops != 100 || stat.Errors != 20 || !strings.Contains(stat.FirstError.Error(), "getFileInfo /bench/d") || r.Errors() != 20 {
		t.Errorf("stat: %d calls, %d errors, the first: %v", stat.Ops, stat.Errors, stat.FirstError)
	}
	if ls.Ops != 100 || ls.Errors != 0 || ls.FirstError != nil {
		t.Errorf("ls: %d calls, %d errors, the first: %v", ls.Ops, ls.Errors, ls.FirstError)
	}
	var text strings.Builder
	if err := r.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	var back struct{ Results []struct{ FirstError string } }
	if err := json.Unmarshal([]byte(text.String()), &back); err != nil || back.Results[0].FirstError != stat.FirstError.Error() {
		t.Errorf("%v, %s", err, text.String())
	}
}

func TestTooManyFailures(t *testing.T) {
	n := serve(t)
	n.stat = func(int, string) (*hdfspb.GetFileInfoResponseProto, error) { return nil, nil }
	o := n.options("stat")
	o.Count = 100_000
	r, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Results[0]; got.Errors < tooMany || got.Errors > tooMany+4 || got.Ops != got.Errors {
		t.Errorf("%d of %d calls failed", got.Errors, got.Ops)
	}
}

// TestInterrupted: what was measured so far is reported, and the tree is removed.
func TestInterrupted(t *testing.T) {
	n := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	good := n.stat
	n.stat = func(i int, path string) (*hdfspb.GetFileInfoResponseProto, error) {
		if i == 150 {
			cancel()
		}
		return good(i, path)
	}
	r, err := Run(ctx, n.options("stat", "stat", "stat"), nil)
	if !errors.Is(err, context.Canceled) || len(r.Results) != 1 {
		t.Errorf("%d results, %v", len(r.Results), err)
	}
	if len(n.deleted) != 1 || n.deleted[0] != "/bench" {
		t.Errorf("removed %v", n.deleted)
	}
}

// TestPages: a listing goes on after the last name, and one that would never end
// is an error.
func TestPages(t *testing.T) {
	n := serve(t)
	endless := false
	n.list = func(after string) *hdfspb.DirectoryListingProto {
		left := uint32(1)
		if after == "last" && !endless {
			left = 0
		}
		return &hdfspb.DirectoryListingProto{PartialListing: make([]*hdfspb.HdfsFileStatusProto, 1), RemainingEntries: &left}
	}
	r, err := Run(t.Context(), n.options("ls"), nil)
	if err != nil || r.Results[0].Errors != 0 {
		t.Fatal(err, r.Results[0].FirstError)
	}
	endless = true
	r, err = Run(t.Context(), n.options("ls"), nil)
	if err != nil || r.Results[0].Errors != 100 {
		t.Errorf("an endless listing: %d errors, %v", r.Results[0].Errors, err)
	}
}

func TestProgress(t *testing.T) {
	n := serve(t)
	var ended []string
	o := n.options("stat", "delete")
	o.WarmupCount = 5
	if _, err := Run(t.Context(), o, func(p Progress) {
		if p.Calls > p.Most || p.Most == 0 {
			t.Errorf("%+v", p)
		}
		if p.Last {
			ended = append(ended, p.Op)
		}
	}); err != nil {
		t.Fatal(err)
	}
	want := "make directories, make files, warm-up of stat, stat, make files, warm-up of delete, delete"
	if got := strings.Join(ended, ", "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	// Each file goes once: 5 in the warm-up, 100 that count, and the tree.
	seen := map[string]bool{}
	for _, path := range n.deleted {
		seen[path] = true
	}
	if len(n.deleted) != 106 || len(seen) != 106 {
		t.Errorf("%d removals of %d paths", len(n.deleted), len(seen))
	}
}

// TestTimedDelete: there are files for as long as it takes.
func TestTimedDelete(t *testing.T) {
	n := serve(t)
	o := n.options("delete")
	o.Count, o.Time = 0, 50*time.Millisecond
	r, err := Run(t.Context(), o, nil)
	if err != nil || r.Results[0].Ops == 0 || r.Results[0].Errors != 0 {
		t.Fatalf("%+v, %v", r.Results, err)
	}
	seen := map[string]bool{}
	for _, path := range n.deleted {
		if seen[path] {
			t.Fatalf("%s is removed twice", path)
		}
		seen[path] = true
	}
}
