package namenode

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/rpc"
)

// scrape reads a page of metrics with Prometheus's own parser.
func scrape(t *testing.T, r *running, path string) map[string]*dto.MetricFamily {
	t.Helper()
	resp, err := http.Get("http://" + r.addr.HTTP + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%s: %s %s", path, resp.Status, resp.Header.Get("Content-Type"))
	}
	p := expfmt.NewTextParser(model.LegacyValidation)
	all, err := p.TextToMetricFamilies(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return all
}

// pick returns the one metric of a family that has all the given labels.
func pick(t *testing.T, all map[string]*dto.MetricFamily, name string, labels ...string) *dto.Metric {
	t.Helper()
	var found []*dto.Metric
	for _, m := range all[name].GetMetric() {
		have := map[string]string{}
		for _, l := range m.GetLabel() {
			have[l.GetName()] = l.GetValue()
		}
		ok := true
		for i := 0; i < len(labels); i += 2 {
			ok = ok && have[labels[i]] == labels[i+1]
		}
		if ok {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d metrics are %s %v", len(found), name, labels)
	}
	return found[0]
}

// series counts the lines of a page, without those of the Go runtime.
func series(all map[string]*dto.MetricFamily) (n int) {
	for name, f := range all {
		if !strings.HasPrefix(name, "go_") {
			n += len(f.GetMetric())
		}
	}
	return n
}

// stats asks for a file from many callers at once, as many users.
func stats(t *testing.T, r *running, callers, each int, path func(caller, i int) string) {
	t.Helper()
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			c := ipc.NewClient(ipc.ClientConfig{User: fmt.Sprint("user", n), CallTimeout: 20 * time.Second, Logger: slog.New(slog.DiscardHandler)})
			defer c.Close()
			for i := range each {
				var resp hdfspb.GetFileInfoResponseProto
				req := &hdfspb.GetFileInfoRequestProto{Src: proto.String(path(n, i))}
				if err := c.Call(t.Context(), r.addr.RPC, rpc.ClientProtocol, "getFileInfo", req, &resp); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestMetricsTellHowCallsShareBatches(t *testing.T) {
	c := processConf(t, nil)
	mustFormat(t, c)
	r := run(t, c)
	defer r.end()
	_, port, err := net.SplitHostPort(r.addr.RPC)
	if err != nil {
		t.Fatal(err)
	}
	r.mkdirs("/a/b/c")
	const callers, each = 64, 20
	before := scrape(t, r, "/prom")
	stats(t, r, callers, each, func(int, int) string { return "/a/b/c" })
	after := scrape(t, r, "/prom")

	histogram := func(all map[string]*dto.MetricFamily, name string, labels ...string) (n, sum float64) {
		h := pick(t, all, name, labels...).GetHistogram()
		return float64(h.GetSampleCount()), h.GetSampleSum()
	}
	moved := func(name string, labels ...string) (n, sum float64) {
		n0, sum0 := histogram(before, name, labels...)
		n1, sum1 := histogram(after, name, labels...)
		return n1 - n0, sum1 - sum0
	}
	counted := func(name string, labels ...string) float64 {
		return pick(t, after, name, labels...).GetCounter().GetValue() - pick(t, before, name, labels...).GetCounter().GetValue()
	}
	if n, sum := histogram(after, "hopsql_rpc_seconds", "method", "getFileInfo", "port", port); n != callers*each || sum <= 0 {
		t.Errorf("%v calls in %v s, want %d", n, sum, callers*each)
	}
	// The background of the NameNode reads and writes too, so these are lower bounds. What
	// nobody changed is not read again.
	batches, inThem := moved("hopsql_batch_calls", "kind", "read")
	known := counted("hopsql_known_calls_total")
	if inThem+known < callers*each || known < callers*(each-1) || batches > inThem {
		t.Errorf("%v calls in %v batches of reads, and %v that were known, of %d", inThem, batches, known, callers*each)
	}
	if n, sum := moved("hopsql_call_runs", "kind", "read"); n < callers*each || sum < n || sum > n+1.2*inThem {
		t.Errorf("%v calls with %v runs, %v calls were not known", n, sum, inThem)
	}
	if hits := counted("hopsql_hints_total", "kind", "read", "result", "hit"); hits < 3*callers*each {
		t.Errorf("%v hints were hit; a path of 3 names has 3 or more", hits)
	}
	// A batch of the background may be on its way at either reading.
	if n, _ := moved("hopsql_call_wait_seconds", "kind", "read"); math.Abs(n-inThem) > 20 {
		t.Errorf("%v waits of %v calls", n, inThem)
	}
	if n, _ := moved("hopsql_call_rules_seconds", "kind", "read"); n == 0 || n > callers*each/4 {
		t.Errorf("%v of %v calls were timed", n, callers*each)
	}
	if trips, _ := moved("hopsql_store_seconds", "op", "read"); trips < batches {
		t.Errorf("%v trips for %v batches", trips, batches)
	}
	if n := counted("hopsql_store_statements_total"); n < batches {
		t.Errorf("%v statements for %v batches", n, batches)
	}
	if n := pick(t, after, "hopsql_store_round_trips_total").GetCounter().GetValue(); n != 0 {
		t.Errorf("%v round trips to SQLite", n)
	}
	if n, sum := histogram(after, "hopsql_batch_writes"); n == 0 || sum < 3 {
		t.Errorf("%v rows in %v batches for 3 directories", sum, n)
	}
	if v := pick(t, after, "hopsql_leader").GetGauge().GetValue(); v != 1 {
		t.Errorf("leader is %v", v)
	}
	// The same under the names of Hadoop.
	if n := pick(t, after, "rpcdetailed_get_file_info_num_ops", "port", port).GetCounter().GetValue(); n != callers*each {
		t.Errorf("rpcdetailed_get_file_info_num_ops is %v", n)
	}
	pick(t, after, "fs_namesystem_capacity_total")
	pick(t, after, "jvm_metrics_mem_heap_used_m")

	manual, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range after {
		if short, ok := strings.CutPrefix(name, "hopsql_"); ok && !regexp.MustCompile("`"+short+"[`{]").Match(manual) {
			t.Errorf("docs/operations.md does not say what %s tells", name)
		}
	}
}

// TestLabelsAreBounded: who asks, for what, and for which unknown method makes no new
// time series.
func TestLabelsAreBounded(t *testing.T) {
	c := processConf(t, nil)
	mustFormat(t, c)
	r := run(t, c)
	defer r.end()
	wave := func(n int) {
		stats(t, r, 8, 4, func(caller, i int) string { return fmt.Sprintf("/%d/%d/%d", n, caller, i) })
		path := fmt.Sprint("/nothing", n)
		if err := r.call("getListing", &hdfspb.GetListingRequestProto{Src: &path, StartAfter: []byte{}, NeedLocation: proto.Bool(false)}, &hdfspb.GetListingResponseProto{}); err != nil {
			t.Error(err)
		}
		if err := r.call("getContentSummary", &hdfspb.GetContentSummaryRequestProto{Path: &path}, &hdfspb.GetContentSummaryResponseProto{}); err == nil {
			t.Error("the size of nothing is known")
		}
		if err := r.call(fmt.Sprint("noMethod", n), &hdfspb.GetFileInfoRequestProto{Src: &path}, &hdfspb.GetFileInfoResponseProto{}); err == nil {
			t.Error("an unknown method was called")
		}
	}
	wave(0)
	first := scrape(t, r, "/metrics")
	for n := range 20 {
		wave(n + 1)
	}
	second := scrape(t, r, "/metrics")
	if a, b := series(first), series(second); a != b || a > 600 {
		t.Errorf("%d time series, then %d", a, b)
	}
	if n := pick(t, second, "hopsql_rpc_error_seconds", "class", "FileNotFoundException").GetHistogram().GetSampleCount(); n != 21 {
		t.Errorf("%d errors of 21", n)
	}
}

func TestBeansOfMethods(t *testing.T) {
	c := processConf(t, map[string]string{"dfs.namenode.servicerpc-address": "127.0.0.1:0", keyPrometheus: "false"})
	mustFormat(t, c)
	r := run(t, c)
	defer r.end()
	r.mkdirs("/a")
	for range 5 {
		r.exists("/a")
	}
	for _, path := range []string{"/prom", "/metrics"} {
		resp, err := http.Get("http://" + r.addr.HTTP + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 404 {
			t.Errorf("%s is switched off and answers %s", path, resp.Status)
		}
	}
	_, port, _ := net.SplitHostPort(r.addr.RPC)
	_, service, _ := net.SplitHostPort(r.addr.Service)
	detailed := oneBean(t, r, "RpcDetailedActivityForPort"+port)
	if detailed["GetFileInfoNumOps"] != 5.0 || detailed["MkdirsNumOps"] != 1.0 || detailed["RenameNumOps"] != 0.0 || detailed["RenameAvgTime"] != 0.0 {
		t.Errorf("methods %v", detailed)
	}
	if avg, ok := detailed["GetFileInfoAvgTime"].(float64); !ok || avg <= 0 || avg > 20_000 {
		t.Errorf("average %v ms", detailed["GetFileInfoAvgTime"])
	}
	activity := oneBean(t, r, "RpcActivityForPort"+port)
	if activity["RpcProcessingTimeNumOps"] != 6.0 || activity["RpcCallSuccesses"] != 6.0 || activity["RpcQueueTimeAvgTime"] != 0.0 || activity["ReceivedBytes"] == 0.0 {
		t.Errorf("activity %v", activity)
	}
	if other := oneBean(t, r, "RpcDetailedActivityForPort"+service); other["GetFileInfoNumOps"] != 0.0 {
		t.Errorf("the port of the services: %v", other)
	}
}

// oneBean asks for one bean by its name.
func oneBean(t *testing.T, r *running, name string) map[string]any {
	t.Helper()
	resp, err := http.Get("http://" + r.addr.HTTP + "/jmx?qry=Hadoop:service=NameNode,name=" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var v struct{ Beans []map[string]any }
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil || len(v.Beans) != 1 {
		t.Fatalf("%d beans are %s, %v", len(v.Beans), name, err)
	}
	return v.Beans[0]
}
