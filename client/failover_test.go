package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/protocols/hopsqlpb"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"google.golang.org/protobuf/proto"
)

var errRefused = fmt.Errorf("%w: refused", rpc.ErrConnect)

// listOf is what a NameNode tells: hosts with their ids.
func listOf(ids map[string]int64) *hopsqlpb.GetActiveNamenodesResponseProto {
	resp := &hopsqlpb.GetActiveNamenodesResponseProto{}
	for host, id := range ids {
		resp.Namenodes = append(resp.Namenodes, &hopsqlpb.ActiveNodeProto{Id: proto.Int64(id), RpcHostname: proto.String(host), RpcPort: proto.Int32(8020)})
	}
	return resp
}

// three makes nn1, nn2 and nn3 of nn, all of them alive.
func (nn *fakeNN) three() {
	nn.living = func(string) (*hopsqlpb.GetActiveNamenodesResponseProto, error) {
		return listOf(map[string]int64{"nn1": 1, "nn2": 2, "nn3": 3}), nil
	}
}

func (nn *fakeNN) do(f func()) {
	nn.mu.Lock()
	defer nn.mu.Unlock()
	f()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("did not happen: %s", what)
}

// wantUse waits until the client chooses from these NameNodes.
func wantUse(t *testing.T, c *Client, hosts ...string) {
	t.Helper()
	var want []string
	for _, h := range hosts {
		want = append(want, h+":8020")
	}
	eventually(t, fmt.Sprintf("%v are used", want), func() bool {
		r := c.s.roster
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Equal(slices.Sorted(slices.Values(r.use)), want)
	})
}

// addressed lists where the calls of a method went.
func (nn *fakeNN) addressed(method string) []string {
	nn.mu.Lock()
	defer nn.mu.Unlock()
	var out []string
	for _, c := range nn.calls {
		if rest, ok := strings.CutPrefix(c, method+"@"); ok {
			out = append(out, rest[:strings.Index(rest, ":")])
		}
	}
	return out
}

func TestDiscovery(t *testing.T) {
	nn := newFakeNN(t, nil)
	nn.three()
	c := nn.connect(t, nil)
	if _, err := c.Stat("/"); err != nil { // at nn1, the only one known
		t.Fatal(err)
	}
	wantUse(t, c, "nn1", "nn2", "nn3")
	down := map[string]bool{"nn1:8020": true}
	nn.do(func() {
		nn.calls = nil
		nn.fail = func(addr, _ string, _ int32) error {
			if down[addr] {
				return errRefused
			}
			return nil
		}
		nn.living = func(string) (*hopsqlpb.GetActiveNamenodesResponseProto, error) {
			return listOf(map[string]int64{"nn2": 2, "nn3": 3, "nn4": 4}), nil
		}
		c.s.roster.at = "nn1:8020"
	})
	if _, err := c.Stat("/"); err != nil {
		t.Fatal(err)
	}
	wantUse(t, c, "nn2", "nn3", "nn4") // at once after the failure
	got := nn.addressed("getFileInfo")
	if len(got) != 2 || got[0] != "nn1" || nn.calls[1] != "getFileInfo@"+got[1]+":8020#2/1" {
		t.Errorf("calls %v", nn.calls)
	}
	nn.do(func() { maps.Copy(down, map[string]bool{"nn2:8020": true, "nn3:8020": true}) })
	if _, err := c.Stat("/"); err != nil { // one that was never configured
		t.Error(err)
	}
}

func TestUnknownProtocolIsAskedForOnce(t *testing.T) {
	nn := newFakeNN(t, nil)
	c := nn.connect(t, map[string]string{keyRefresh: "1"})
	for range 50 {
		if _, err := c.Stat("/"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the question", c.s.finder.off)
	if _, err := c.Stat("/"); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if len(nn.asked) != 1 || slices.ContainsFunc(nn.addressed("getFileInfo"), func(h string) bool { return h != "nn1" }) {
		t.Errorf("asked %v, calls %v", nn.asked, nn.calls)
	}
}

func TestSelectorPolicies(t *testing.T) {
	for _, p := range []policy{policySticky, policyRandom, policyRoundRobin} {
		t.Run(string(p), func(t *testing.T) {
			nn := newFakeNN(t, nil)
			nn.three()
			c := nn.connect(t, map[string]string{keyPolicy: strings.ToLower(string(p))})
			if _, err := c.Stat("/"); err != nil {
				t.Fatal(err)
			}
			wantUse(t, c, "nn1", "nn2", "nn3")
			c.s.finder.stop()
			nn.do(func() { nn.calls = nil })
			const n = 600
			for range n {
				if _, err := c.Stat("/"); err != nil {
					t.Fatal(err)
				}
			}
			at := nn.addressed("getFileInfo")
			count := map[string]int{}
			for i, h := range at {
				count[h]++
				if p == policyRoundRobin && i >= 3 && h != at[i-3] {
					t.Fatalf("not in turn: %v", at[:i+1])
				}
			}
			want := 3
			if p == policySticky {
				want = 1
			}
			if len(count) != want {
				t.Errorf("calls went to %v", count)
			}
		})
	}
	_, err := New(conf.New(map[string]string{"fs.defaultFS": "hdfs://h", keyPolicy: "NEAREST"}))
	if err == nil || err.Error() != `dfs.namenode.selector-policy is "NEAREST": want RANDOM_STICKY, RANDOM or ROUND_ROBIN` {
		t.Error(err)
	}
}

// A NameNode that says "later" is asked twice, then the others are.
func TestBusyNameNodeHandsOver(t *testing.T) {
	nn := newFakeNN(t, nil)
	nn.fail = func(addr, _ string, _ int32) error {
		if addr == "nn1:8020" {
			return exception(classRetriable, "the database is away")
		}
		return nil
	}
	if _, err := nn.connect(t, ha(nil)).Stat("/"); err != nil {
		t.Fatal(err)
	}
	want := []string{"getFileInfo@nn1:8020#1/0", "getFileInfo@nn1:8020#1/1", "getFileInfo@nn2:9000#1/2"}
	if !slices.Equal(nn.calls, want) {
		t.Errorf("calls %v, want %v", nn.calls, want)
	}
}

// While all are down a call pauses once for all of them, and gives up in the end.
func TestAllDown(t *testing.T) {
	nn := newFakeNN(t, nil)
	nn.fail = func(string, string, int32) error { return errRefused }
	c := nn.connect(t, ha(map[string]string{"dfs.client.failover.max.attempts": "4"}))
	var pauses int
	c.s.sleep = func(_ context.Context, d time.Duration) error {
		if d > 0 {
			pauses++
		}
		return nil
	}
	_, err := c.Stat("/")
	if ce := (*ConnectError)(nil); !errors.As(err, &ce) || pauses != 4 || len(nn.calls) != 10 {
		t.Errorf("%v after %d pauses and %v", err, pauses, nn.calls)
	}
}

// A NameNode that does not answer is left when the others do not know it any
// more, and not before.
func TestSilentNameNode(t *testing.T) {
	for _, known := range []bool{true, false} { // by the list, before it stopped
		nn := newFakeNN(t, nil)
		nn.three()
		c := nn.connect(t, ha(map[string]string{"hopsql.client.silence": "20", "dfs.namenode.rpc-address.ns.b": "nn2:8020"}))
		c.s.sleep = sleepContext
		if known {
			if _, err := c.Stat("/"); err != nil {
				t.Fatal(err)
			}
			wantUse(t, c, "nn1", "nn2", "nn3")
		}
		nn.do(func() {
			nn.calls, nn.asked = nil, nil
			nn.hang = func(addr, _ string) bool { return addr == "nn1:8020" }
		})
		done := make(chan error, 1)
		go func() {
			_, err := c.Stat("/")
			done <- err
		}()
		eventually(t, "the others are asked, more than once", func() (ok bool) {
			nn.do(func() { ok = len(nn.asked) > 3 })
			return ok
		})
		select {
		case err := <-done:
			t.Fatalf("the call ended (%v) while its NameNode is said to live: %v", err, nn.calls)
		default:
		}
		nn.do(func() {
			nn.living = func(addr string) (*hopsqlpb.GetActiveNamenodesResponseProto, error) {
				if addr == "nn1:8020" {
					return nil, rpc.ErrTimeout
				}
				return listOf(map[string]int64{"nn2": 2, "nn3": 3}), nil
			}
		})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		at := nn.addressed("getFileInfo")
		if len(at) != 2 || at[0] != "nn1" || at[1] == "nn1" || !strings.HasSuffix(nn.calls[1], "/1") || nn.calls[0][len(nn.calls[0])-3:len(nn.calls[0])-1] != nn.calls[1][len(nn.calls[1])-3:len(nn.calls[1])-1] {
			t.Errorf("calls %v", nn.calls)
		}
	}
}

// A listed address that cannot be reached from here is not used.
func TestForeignAddresses(t *testing.T) {
	nn := newFakeNN(t, nil)
	nn.living = func(addr string) (*hopsqlpb.GetActiveNamenodesResponseProto, error) {
		if addr == "inside2:8020" || addr == "inside1:8020" {
			return nil, errRefused
		}
		return listOf(map[string]int64{"inside1": 1, "inside2": 2}), nil
	}
	c := nn.connect(t, map[string]string{keyRefresh: "1"})
	if _, err := c.Stat("/"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the list", func() bool { return c.s.roster.wasListed("inside2:8020") })
	for range 20 {
		if _, err := c.Stat("/"); err != nil {
			t.Fatal(err)
		}
	}
	if at := nn.addressed("getFileInfo"); slices.ContainsFunc(at, func(h string) bool { return h != "nn1" }) {
		t.Errorf("calls went to %v", at)
	}
}

func TestMoreConfiguredNameNodes(t *testing.T) {
	nn := newFakeNN(t, nil)
	c := nn.connect(t, map[string]string{"fs.defaultFS": "hdfs://one.example:8020", "dfs.namenodes.rpc.addresses": "two.example, 192.0.2.3:8020,one.example:8020"})
	if want := []string{"one.example:8020", "two.example:8020", "192.0.2.3:8020"}; !slices.Equal(c.s.roster.configured, want) {
		t.Fatalf("begins with %v", c.s.roster.configured)
	}
	other, err := New(conf.New(map[string]string{"fs.defaultFS": "hdfs://one", "dfs.namenodes.rpc.addresses": "two"}), WithURI("hdfs://elsewhere"))
	if err != nil || len(other.s.roster.configured) != 1 {
		t.Error(other, err)
	}
}

// NameNodes are killed and come back all the time, one of three at a time. No
// call fails, whatever the policy.
func TestRollingKills(t *testing.T) {
	for _, p := range []policy{policySticky, policyRandom, policyRoundRobin} {
		nn := newFakeNN(t, nil)
		var down atomic.Int32
		ids := map[string]int64{"nn1": 1, "nn2": 2, "nn3": 3}
		nn.fail = func(addr, _ string, _ int32) error {
			if addr == fmt.Sprintf("nn%d:8020", down.Load()) {
				return []error{errRefused, rpc.ErrConnectionLost, exception(classStandby, "joining")}[down.Load()%3]
			}
			return nil
		}
		nn.living = func(addr string) (*hopsqlpb.GetActiveNamenodesResponseProto, error) {
			if err := nn.fail(addr, "", 0); err != nil {
				return nil, err
			}
			return listOf(ids), nil // the dead one is named for a while
		}
		c := nn.connect(t, map[string]string{keyPolicy: string(p), keyRefresh: "5"})
		stop := make(chan struct{})
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if _, err := c.Stat("/"); err != nil {
						t.Errorf("%s: %v", p, err)
						return
					}
				}
			})
		}
		wantUse(t, c, "nn1", "nn2", "nn3")
		for i := range 60 {
			down.Store(int32(i%3 + 1))
			nn.do(func() { ids[fmt.Sprintf("nn%d", (i+2)%3+1)] = int64(i + 10) })
			time.Sleep(5 * time.Millisecond)
		}
		close(stop)
		all.Wait()
	}
}

// Each call of a writer and a reader breaks once, at a NameNode that goes away.
func TestFilesSurviveFailover(t *testing.T) {
	nodes := startNodes(t, 3)
	nn := newFakeNN(t, nodes)
	nn.three()
	broken := map[string]bool{}
	nn.fail = func(addr, method string, retry int32) error {
		if key := fmt.Sprint(method, nn.nextID); retry == 0 && !broken[key] {
			broken[key] = true
			return rpc.ErrConnectionLost
		}
		return nil
	}
	nn.completeLater, nn.notReplicated = 3, 2
	c := nn.connect(t, ha(map[string]string{"dfs.namenode.rpc-address.ns.b": "nn2:8020", "dfs.client.block.write.locateFollowingBlock.initial.delay.ms": "1"}))
	data := randomBytes(testBlock * 5 / 2)
	w, err := c.Create("/f", CreateOptions{Replication: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data[:testBlock+10]); err != nil {
		t.Fatal(err)
	}
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data[testBlock+10:]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := c.FS("/").(fsys).ReadFile("f"); err != nil || string(got) != string(data) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	if nn.files["/f"].open {
		t.Error("the file is open")
	}
}

func TestLeaseRenewalFailsOver(t *testing.T) {
	nn := newFakeNN(t, nil)
	nn.fail = func(addr, method string, _ int32) error {
		if addr == "nn1:8020" && method == "renewLease" {
			return errRefused
		}
		return nil
	}
	c := nn.connect(t, ha(nil))
	c.s.leases.every = 5 * time.Millisecond
	w, err := c.Create("/f", CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	eventually(t, "the lease is renewed elsewhere", func() bool { return slices.Contains(nn.addressed("renewLease"), "nn2") })
}
