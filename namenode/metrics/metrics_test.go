package metrics

import (
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/txn"
)

// servedPort is a port with a few methods, whose server does not serve.
func servedPort(tb testing.TB) *Port {
	tb.Helper()
	srv, err := rpc.NewServer(rpc.ServerConfig{Addr: "127.0.0.1:0"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = srv.Shutdown(tb.Context()) })
	methods := map[string]rpc.Method{"getFileInfo": {}}
	for i := range 100 {
		methods[fmt.Sprint("method", i)] = rpc.Method{}
	}
	srv.Register("p", methods)
	p := New().NewPort("8020")
	p.Watch(srv)
	return p
}

func text(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/prom", nil))
	b, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != 200 {
		t.Fatal(w.Code, err)
	}
	return string(b)
}

func wantLines(t *testing.T, all string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(all, l+"\n") {
			t.Errorf("there is no line %q", l)
		}
	}
}

func TestEverythingThatAnEngineTellsIsCounted(t *testing.T) {
	m := New()
	m.Engine.Call(txn.CallStats{Kind: txn.Writes, Runs: 3, HintHits: 5, HintMisses: 2, HintGuesses: 1, Timed: true, Rules: 20 * time.Microsecond})
	m.Engine.Call(txn.CallStats{Kind: txn.Reads, Runs: 2})
	m.Engine.Wait(txn.Reads, 2*time.Millisecond)
	m.Engine.Batch(txn.BatchStats{Kind: txn.Writes, Calls: 7, Rows: 20, Writes: 9, Later: 2, Took: time.Millisecond})
	for _, op := range []string{"read", "fetch", "commit"} {
		m.Engine.Trip(op, time.Millisecond)
	}
	for why := dal.Permanent; why <= dal.Full; why++ {
		m.Engine.Retry(txn.Reads, why)
	}
	wantLines(t, text(t, m),
		`hopsql_call_runs_sum{kind="write"} 3`, `hopsql_call_runs_bucket{kind="read",le="2"} 1`,
		`hopsql_call_rules_seconds_count{kind="write"} 1`, `hopsql_call_rules_seconds_count{kind="read"} 0`,
		`hopsql_hints_total{kind="write",result="hit"} 5`, `hopsql_hints_total{kind="write",result="miss"} 2`,
		`hopsql_hints_total{kind="write",result="absent"} 1`,
		`hopsql_call_wait_seconds_bucket{kind="read",le="0.0025"} 1`, `hopsql_call_wait_seconds_bucket{kind="read",le="0.001"} 0`,
		`hopsql_batch_calls_sum{kind="write"} 7`, `hopsql_batch_rows_sum{kind="write"} 20`, `hopsql_batch_writes_sum 9`,
		`hopsql_batch_later_calls_total 2`, `hopsql_batch_seconds_sum{kind="write"} 0.001`,
		`hopsql_store_seconds_count{op="read"} 1`, `hopsql_store_seconds_count{op="fetch"} 1`, `hopsql_store_seconds_count{op="commit"} 1`,
		`hopsql_batch_failures_total{kind="read",reason="unknown_outcome"} 1`, `hopsql_batch_failures_total{kind="read",reason="full"} 1`,
		`hopsql_batch_failures_total{kind="write",reason="full"} 0`)
}

func TestPortsCountMethodsAndErrors(t *testing.T) {
	p := servedPort(t)
	m := New()
	m.Add(p)
	ok := &rpc.Call{Method: "getFileInfo"}
	p.Observe(ok, time.Millisecond, nil)
	p.Observe(ok, 3*time.Millisecond, &rpc.Exception{Class: "org.apache.hadoop.ipc.RPC$VersionMismatch"})
	p.Observe(ok, 2*time.Millisecond, errors.New("of no class"))
	p.Observe(&rpc.Call{Method: "not registered"}, time.Second, nil)
	all := text(t, m)
	wantLines(t, all, `hopsql_rpc_seconds_count{method="getFileInfo",port="8020"} 3`,
		`hopsql_rpc_error_seconds_count{class="VersionMismatch",port="8020"} 1`, `hopsql_rpc_error_seconds_count{class="IOException",port="8020"} 1`,
		`hopsql_rpc_calls_running{port="8020"} 0`, "# TYPE go_sched_latencies_seconds histogram")
	if strings.Contains(all, "not registered") || strings.Contains(all, "method7") {
		t.Error("methods that nobody called, or that there are none of, are shown")
	}
	queue, processing, failed := p.Calls()
	if queue.Ops != 3 || queue.Milliseconds != 0 || processing.Ops != 3 || processing.Milliseconds < 1.9 || processing.Milliseconds > 2.1 || failed != 2 {
		t.Errorf("%v %v %d", queue, processing, failed)
	}
	names := p.Methods()
	if len(names) < 103 {
		t.Errorf("%d methods and classes", len(names))
	}
	for _, a := range names {
		if want := map[string]uint64{"getFileInfo": 3, "VersionMismatch": 1, "IOException": 1}[a.Name]; a.Ops != want {
			t.Errorf("%+v", a)
		}
	}
}

func TestAveragesAreRecent(t *testing.T) {
	var r recent
	now := time.Unix(1000, 0)
	for _, step := range []struct {
		after   time.Duration
		n       uint64
		seconds float64
		want    float64
	}{
		{0, 2, 0.020, 10},
		{time.Second, 1000, 100, 10}, // the period is not over
		{9 * time.Second, 12, 0.030, 1},
		{period, 12, 0.030, 1}, // nothing happened
		{period, 13, 0.130, 100},
	} {
		now = now.Add(step.after)
		if got := r.of(step.n, step.seconds, now); got < step.want*0.999 || got > step.want*1.001 {
			t.Errorf("%+v: %v", step, got)
		}
	}
}
