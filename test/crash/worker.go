package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/testkit/cluster"
)

// maxNodes bounds a worker's tree, so that it can be compared quickly.
const maxNodes = 150

// worker changes its own directory without pause, one operation at a time, and
// remembers what was answered.
type worker struct {
	name    string
	home    string
	addr    string
	client  *rpc.Client
	random  *rand.Rand
	tree    tree
	number  int
	patient bool // repeat a call whose connection broke, as Hadoop's clients do

	// pending is the operation without an answer, if any, under its call id.
	pending *op
	callID  int32

	answered atomic.Int64
}

func newWorker(i int, addr string, seed uint64, patient bool) *worker {
	name := fmt.Sprintf("w%02d", i)
	return &worker{
		name: name, home: "/load/" + name, addr: addr, patient: patient,
		client: rpc.NewClient(rpc.ClientConfig{CallTimeout: 60 * time.Second}),
		random: rand.New(rand.NewPCG(seed, uint64(i))), tree: tree{},
	}
}

// work changes the tree until the context ends or a call stays without an answer.
// The error is that of an answer that should not have been.
func (w *worker) work(ctx context.Context) error {
	if w.pending != nil {
		return fmt.Errorf("%s: an operation is still pending", w.name)
	}
	for ctx.Err() == nil {
		o := w.next()
		w.pending, w.callID = &o, w.client.CallID()
		// The call itself outlives the context: its outcome is wanted.
		done, err := w.send(context.WithoutCancel(ctx), 0)
		if err != nil {
			return fmt.Errorf("%s: %v: %w", w.name, o, err)
		}
		if !done {
			return nil
		}
	}
	return nil
}

// retry sends the pending call once more, with its own id, and wants the answer
// of the first time.
func (w *worker) retry(ctx context.Context) error {
	done, err := w.send(ctx, 1)
	if err == nil && !done {
		err = errors.New("the connection broke again")
	}
	if err != nil {
		return fmt.Errorf("%s: repeated call: %v: %w", w.name, *w.pending, err)
	}
	return nil
}

// settle takes the pending operation as done or not done.
func (w *worker) settle(done bool) {
	if done {
		w.tree = w.tree.after(*w.pending)
	}
	w.pending = nil
}

// send sends the pending call until it has an answer. It returns false when the
// connection broke and the worker is not patient.
func (w *worker) send(ctx context.Context, retry int32) (bool, error) {
	for {
		id, err := w.call(ctx, *w.pending, w.callID, retry)
		var remote *rpc.Exception
		switch {
		case err == nil:
			verb, at := w.pending.verb, w.pending.path
			w.settle(true)
			if verb == create {
				n := w.tree[at]
				n.id = id
				w.tree[at] = n
			}
			w.answered.Add(1)
			return true, nil
		case errors.As(err, &remote) && !comeAgain(remote):
			return false, remote
		case remote == nil && !w.patient:
			return false, nil
		}
		retry++
		time.Sleep(20 * time.Millisecond)
	}
}

// comeAgain says whether the exception asks the client to repeat its call.
func comeAgain(e *rpc.Exception) bool {
	return slices.ContainsFunc([]string{"RetriableException", "StandbyException", "SafeModeException"}, func(class string) bool {
		return strings.HasSuffix(e.Class, "."+class)
	})
}

// call makes the RPC of an operation and checks its answer. It returns the id of
// a new file.
func (w *worker) call(ctx context.Context, o op, callID, retry int32) (uint64, error) {
	send := func(method string, req, resp proto.Message) error {
		return w.client.CallAs(ctx, w.addr, cluster.ClientProtocol, method, callID, retry, req, resp)
	}
	holder := "crash-" + w.name
	perm := &hdfspb.FsPermissionProto{Perm: &o.mode}
	yes := proto.Bool(true)
	result := func(method string, ok bool, err error) error {
		if err == nil && !ok {
			return &rpc.Exception{Class: "test", Message: method + " answered false"}
		}
		return err
	}
	switch o.verb {
	case mkdir:
		var resp hdfspb.MkdirsResponseProto
		err := send("mkdirs", &hdfspb.MkdirsRequestProto{Src: &o.path, Masked: perm, CreateParent: yes}, &resp)
		return 0, result("mkdirs", resp.GetResult(), err)
	case create:
		var resp hdfspb.CreateResponseProto
		req := &hdfspb.CreateRequestProto{Src: &o.path, Masked: perm, ClientName: &holder, CreateFlag: proto.Uint32(1), CreateParent: yes,
			Replication: proto.Uint32(1), BlockSize: proto.Uint64(1 << 20)}
		err := send("create", req, &resp)
		return resp.GetFs().GetFileId(), err
	case complete:
		var resp hdfspb.CompleteResponseProto
		err := send("complete", &hdfspb.CompleteRequestProto{Src: &o.path, ClientName: &holder, FileId: &o.id}, &resp)
		return 0, result("complete", resp.GetResult(), err)
	case rename:
		var resp hdfspb.RenameResponseProto
		err := send("rename", &hdfspb.RenameRequestProto{Src: &o.path, Dst: &o.to}, &resp)
		return 0, result("rename", resp.GetResult(), err)
	case remove:
		var resp hdfspb.DeleteResponseProto
		err := send("delete", &hdfspb.DeleteRequestProto{Src: &o.path, Recursive: yes}, &resp)
		return 0, result("delete", resp.GetResult(), err)
	}
	return 0, send("setPermission", &hdfspb.SetPermissionRequestProto{Src: &o.path, Permission: perm}, &hdfspb.SetPermissionResponseProto{})
}

// next chooses an operation that can succeed on the tree.
func (w *worker) next() op {
	if len(w.tree) == 0 {
		return op{verb: mkdir, path: w.home, mode: 0o755}
	}
	var dirs, others []string
	for p, n := range w.tree {
		if n.dir && strings.Count(p, "/") < 8 {
			dirs = append(dirs, p)
		}
		if p != w.home {
			others = append(others, p)
		}
		if n.open && w.random.IntN(3) > 0 {
			return op{verb: complete, path: p, id: n.id}
		}
	}
	slices.Sort(dirs)
	slices.Sort(others)
	w.number++
	fresh := path.Join(dirs[w.random.IntN(len(dirs))], fmt.Sprintf("n%d", w.number))
	dice := w.random.IntN(100)
	switch {
	case len(others) >= maxNodes:
		return op{verb: remove, path: others[w.random.IntN(len(others))]}
	case len(others) < 5 || dice < 30:
		return op{verb: create, path: fresh, mode: 0o600 + uint32(w.random.IntN(64))}
	case dice < 50:
		return op{verb: mkdir, path: fresh, mode: 0o700 + uint32(w.random.IntN(64))}
	}
	chosen := others[w.random.IntN(len(others))]
	switch {
	case dice < 70 && !below(fresh, chosen):
		return op{verb: rename, path: chosen, to: fresh}
	case dice < 80:
		return op{verb: remove, path: chosen}
	}
	return op{verb: chmod, path: chosen, mode: 0o700 + uint32(w.random.IntN(64))}
}
