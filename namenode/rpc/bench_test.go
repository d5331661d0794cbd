package rpc_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/election"
	"github.com/hopsql/hopsql/namenode/rpc"
	"github.com/hopsql/hopsql/schema"
)

// callersOf, if set, makes this program the callers of a benchmark, for the server
// at that address.
const callersOf = "HOPSQL_BENCH_SERVER"

func TestMain(m *testing.M) {
	if addr := os.Getenv(callersOf); addr != "" {
		serveOrders(addr)
		return
	}
	m.Run()
}

// benchCalls are the calls measured. before are the calls that make what one of them
// needs; they are not measured.
var benchCalls = []struct {
	name   string
	before []string
}{
	{"msync", nil}, {"getFileInfo", nil}, {"getBlockLocations", nil}, {"getListing", nil}, {"mkdirs", nil},
	{"create", nil}, {"complete", []string{"create"}}, {"rename", []string{"create", "complete"}}, {"delete", []string{"create", "complete"}},
}

// BenchmarkCalls measures calls over connections. The callers are another process,
// so allocations and server-µs/op (CPU) are the server's alone; client-µs/op is the CPU
// of the callers. msync does nothing: it is the price of a call as such.
func BenchmarkCalls(b *testing.B) {
	for _, load := range []load{{64, 8}, {1, 1}} {
		for _, op := range benchCalls {
			b.Run(fmt.Sprintf("%s/%d", op.name, load.callers), func(b *testing.B) { benchmarkCall(b, op.name, op.before, load) })
		}
	}
}

// load is how many callers there are, on how many connections.
type load struct{ callers, conns int }

func benchmarkCall(b *testing.B, op string, before []string, load load) {
	s := startWith(b, nil, 1000, func(s *server) func(context.Context) func() (context.Context, error) {
		n, err := election.Join(b.Context(), election.Config{Store: s.store, Engine: s.engine, NamespaceID: identity.NamespaceID, Self: schema.Namenode{ID: 1}})
		must(b, err)
		return n.Serve
	})
	u := s.as("hdfs")
	u.mkdirs("/d/e")
	u.create("/d/e/f", "c")
	for i := range 100 {
		u.mkdirs(fmt.Sprintf("/d/%d", i))
	}
	if op == "getListing" {
		for i := range 1000 {
			u.create(fmt.Sprintf("/l/a-name-of-a-file-%04d", i), "c")
		}
	}
	p := startCallers(b, s.addr)
	for _, op := range before {
		p.order(b, op, b.N, load)
	}
	p.order(b, "msync", 64, load) // connects
	b.ReportAllocs()
	b.ResetTimer()
	server := cpu()
	client := p.order(b, op, b.N, load)
	b.StopTimer()
	b.ReportMetric(float64(cpu()-server)/1e3/float64(b.N), "server-µs/op")
	b.ReportMetric(float64(client)/1e3/float64(b.N), "client-µs/op")
}

// cpu is what this process used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// callers is the process that calls.
type callers struct {
	in  io.Writer
	out *bufio.Reader
}

func startCallers(b *testing.B, addr string) *callers {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), callersOf+"="+addr)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	must(b, err)
	out, err := c.StdoutPipe()
	must(b, err)
	must(b, c.Start())
	b.Cleanup(func() {
		in.Close()
		must(b, c.Wait())
	})
	return &callers{in, bufio.NewReader(out)}
}

// order has n calls made and returns the CPU time that this took the callers.
func (c *callers) order(b *testing.B, op string, n int, load load) time.Duration {
	b.Helper()
	_, err := fmt.Fprintln(c.in, op, n, load.callers, load.conns)
	must(b, err)
	line, err := c.out.ReadString('\n')
	must(b, err)
	used, err := time.ParseDuration(strings.TrimSpace(line))
	if err != nil {
		b.Fatal(line)
	}
	return used
}

// serveOrders is the other side of order.
func serveOrders(addr string) {
	var conns []*ipc.Client
	for in := bufio.NewReader(os.Stdin); ; {
		var op string
		var n int
		var l load
		if _, err := fmt.Fscanln(in, &op, &n, &l.callers, &l.conns); err != nil {
			return
		}
		for len(conns) < l.conns {
			conns = append(conns, ipc.NewClient(ipc.ClientConfig{User: "hdfs", Logger: slog.New(slog.DiscardHandler)}))
		}
		began := cpu()
		var next atomic.Int64
		var failed atomic.Value
		var wg sync.WaitGroup
		for i := range l.callers {
			wg.Go(func() {
				for k := next.Add(1); k <= int64(n); k = next.Add(1) {
					req, resp := benchRequest(op, k)
					if err := conns[i%l.conns].Call(context.Background(), addr, rpc.ClientProtocol, op, req, resp); err != nil {
						failed.Store(fmt.Sprintf("%s: %v", op, err))
					}
				}
			})
		}
		wg.Wait()
		if text := failed.Load(); text != nil {
			fmt.Println(text)
		} else {
			fmt.Println(cpu() - began)
		}
	}
}

// benchRequest is the k-th request of an operation, and where its answer goes.
func benchRequest(op string, k int64) (req, resp proto.Message) {
	path := fmt.Sprintf("/d/%d/%d", k%100, k)
	file, client, yes := "/d/e/f", "c", true
	switch op {
	case "getFileInfo":
		return &hdfspb.GetFileInfoRequestProto{Src: &file}, &hdfspb.GetFileInfoResponseProto{}
	case "getBlockLocations":
		return &hdfspb.GetBlockLocationsRequestProto{Src: &file, Offset: proto.Uint64(0), Length: proto.Uint64(16)}, &hdfspb.GetBlockLocationsResponseProto{}
	case "getListing":
		return &hdfspb.GetListingRequestProto{Src: proto.String("/l"), StartAfter: []byte{}, NeedLocation: proto.Bool(false)}, &hdfspb.GetListingResponseProto{}
	case "mkdirs":
		return &hdfspb.MkdirsRequestProto{Src: &path, Masked: perm(0o755), CreateParent: &yes}, &hdfspb.MkdirsResponseProto{}
	case "create":
		return createRequest(path, client), &hdfspb.CreateResponseProto{}
	case "complete":
		return &hdfspb.CompleteRequestProto{Src: &path, ClientName: &client}, &hdfspb.CompleteResponseProto{}
	case "rename":
		return &hdfspb.RenameRequestProto{Src: &path, Dst: proto.String(path + "r")}, &hdfspb.RenameResponseProto{}
	case "delete":
		return &hdfspb.DeleteRequestProto{Src: &path, Recursive: &yes}, &hdfspb.DeleteResponseProto{}
	}
	return &hdfspb.MsyncRequestProto{}, &hdfspb.MsyncResponseProto{}
}
