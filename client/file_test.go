package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1, 2, 3})
	r.Read(b)
	return b
}

func writeFile(t *testing.T, c *Client, name string, data []byte, step int) {
	t.Helper()
	w, err := c.Create(name, CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for b := data; len(b) > 0; {
		n, err := w.Write(b[:min(step, len(b))])
		if err != nil {
			t.Fatal(err)
		}
		b = b[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, c *Client, name string) []byte {
	t.Helper()
	r, err := c.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWriteAndRead(t *testing.T) {
	nn := newFakeNN(t, startNodes(t, 3))
	c := nn.connect(t, nil)
	data := randomBytes(3*testBlock + 777)
	nn.completeLater, nn.notReplicated = 2, 1
	writeFile(t, c, "/f", data, 70001)
	if got := readFile(t, c, "/f"); !bytes.Equal(got, data) {
		t.Fatalf("read %d bytes, not those of %d written", len(got), len(data))
	}
	if n := nn.count("complete"); n != 3 {
		t.Errorf("complete was called %d times, want 3", n)
	}
	r, err := c.Open("/f")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, at := range []int64{0, 1, testBlock - 3, 2*testBlock + 5, int64(len(data)) - 9} {
		b := make([]byte, 9)
		if n, err := r.ReadAt(b, at); n != 9 || err != nil || !bytes.Equal(b, data[at:at+9]) {
			t.Errorf("ReadAt %d: %d, %v", at, n, err)
		}
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, b); err != nil || !bytes.Equal(b, data[at:at+9]) {
			t.Errorf("Seek to %d and read: %v", at, err)
		}
	}
	if n, err := r.ReadAt(make([]byte, 10), int64(len(data))-4); n != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("ReadAt over the end: %d, %v", n, err)
	}
	var out bytes.Buffer
	if _, err := r.Seek(-100, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if n, err := r.WriteTo(&out); n != 100 || err != nil || !bytes.Equal(out.Bytes(), data[len(data)-100:]) {
		t.Errorf("WriteTo: %d, %v", n, err)
	}
}

func TestPatience(t *testing.T) {
	nn := newFakeNN(t, startNodes(t, 1))
	c := nn.connect(t, map[string]string{"dfs.client.block.write.locateFollowingBlock.retries": "3"})
	var waits []time.Duration
	c.s.sleep = func(_ context.Context, d time.Duration) error { waits = append(waits, d/time.Millisecond); return nil }
	nn.completeLater = 1000
	w, err := c.Create("/f", CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err == nil {
		t.Error("a file that was never complete was closed")
	}
	if want := []time.Duration{5, 10, 20, 40, 80, 160, 320, 400, 800, 1600}; !slices.Equal(waits, want) {
		t.Errorf("waited %v ms, want %v", waits, want)
	}
}

func TestReadFromAndAppend(t *testing.T) {
	nn := newFakeNN(t, startNodes(t, 1))
	c := nn.connect(t, map[string]string{"dfs.replication": "1"})
	data := randomBytes(2*testBlock + 100)
	w, err := c.Create("/f", CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.ReadFrom(bytes.NewReader(data)); n != int64(len(data)) || err != nil {
		t.Fatal(n, err)
	}
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	a, err := c.Append("/f", false)
	if err != nil {
		t.Fatal(err)
	}
	if a.Size() != int64(len(data)) {
		t.Errorf("append starts at %d", a.Size())
	}
	if _, err := a.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got := readFile(t, c, "/f"); !bytes.Equal(got, append(slices.Clone(data), data...)) {
		t.Error("what was appended is not there")
	}
	if nn.count("fsync") != 1 || nn.count("updatePipeline") != 1 {
		t.Errorf("calls %v", nn.calls)
	}
}

func TestDamagedReplicaIsReportedAndPassedOver(t *testing.T) {
	dns := startNodes(t, 3)
	nn := newFakeNN(t, dns)
	c := nn.connect(t, nil)
	data := randomBytes(10000)
	writeFile(t, c, "/f", data, len(data))
	dns.bad["dn0"] = true
	if got := readFile(t, c, "/f"); !bytes.Equal(got, data) {
		t.Fatal("wrong bytes")
	}
	if len(nn.reported) != 1 || len(nn.reported[0].GetLocs()) != 1 || nn.reported[0].GetLocs()[0].GetId().GetDatanodeUuid() != "dn0" {
		t.Errorf("reported %v", nn.reported)
	}
	r, err := c.OpenUnverified("/f")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || bytes.Equal(b, data) {
		t.Error("without verification the damage must come through", err)
	}
	dns.bad["dn1"], dns.bad["dn2"] = true, true
	all, err := c.Open("/f")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	if _, err := io.ReadAll(all); !errors.Is(err, datatransfer.ErrChecksum) {
		t.Errorf("all replicas are damaged: %v", err)
	}
}

func TestNewBlockLeavesOutTheNodeThatRefused(t *testing.T) {
	dns := startNodes(t, 4)
	dns.refuse = func(node string) bool { return node == "dn1" }
	nn := newFakeNN(t, dns)
	c := nn.connect(t, nil)
	data := randomBytes(5000)
	writeFile(t, c, "/f", data, 1000)
	if nn.abandoned != 1 || len(nn.excluded) != 2 || !slices.Equal(nn.excluded[1], []string{"dn1"}) {
		t.Errorf("abandoned %d, excluded %v", nn.abandoned, nn.excluded)
	}
	if got := readFile(t, c, "/f"); !bytes.Equal(got, data) {
		t.Error("wrong bytes")
	}
}

func TestWriterGivesUpWhenNoNodeTakesTheBlock(t *testing.T) {
	dns := startNodes(t, 2)
	dns.refuse = func(string) bool { return true }
	nn := newFakeNN(t, dns)
	c := nn.connect(t, nil)
	w, err := c.Create("/f", CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("the write succeeded")
	}
	if err := w.Close(); err == nil {
		t.Error("the file was closed as whole")
	}
}

func TestPipelineIsRepaired(t *testing.T) {
	for name, at := range map[string]int64{"in the middle": 5 * 64512, "at the end": -1} {
		t.Run(name, func(t *testing.T) {
			dns := startNodes(t, 3)
			done := false
			dns.broken = func(names []string, p *datatransfer.Packet) int {
				if done || (at >= 0 && p.Offset < at) || (at < 0 && !p.Last) || !slices.Contains(names, "dn1") {
					return -1
				}
				done = true
				return slices.Index(names, "dn1")
			}
			nn := newFakeNN(t, dns)
			c := nn.connect(t, nil)
			data := randomBytes(testBlock - 1000)
			writeFile(t, c, "/f", data, 100000)
			if got := readFile(t, c, "/f"); !bytes.Equal(got, data) {
				t.Error("wrong bytes")
			}
			if len(nn.pipelines) != 1 || !slices.Equal(nn.pipelines[0], []string{"dn0", "dn2"}) {
				t.Errorf("pipelines %v", nn.pipelines)
			}
		})
	}
}

// With one of three nodes left another one joins and gets the bytes.
func TestNodeIsReplaced(t *testing.T) {
	dns := startNodes(t, 5)
	lost := map[string]bool{}
	dns.broken = func(names []string, p *datatransfer.Packet) int {
		for _, dn := range []string{"dn1", "dn2"} {
			if i := slices.Index(names, dn); i >= 0 && p.Offset > 100000 && !lost[dn] {
				lost[dn] = true
				return i
			}
		}
		return -1
	}
	nn := newFakeNN(t, dns)
	c := nn.connect(t, nil)
	data := randomBytes(testBlock - 1000)
	writeFile(t, c, "/f", data, 100000)
	want := [][]string{{"dn0", "dn2"}, {"dn0", "dn3"}}
	if !slices.EqualFunc(nn.pipelines, want, slices.Equal) || dns.transfer != 1 {
		t.Errorf("pipelines %v, %d replicas copied", nn.pipelines, dns.transfer)
	}
	if got := readFile(t, c, "/f"); !bytes.Equal(got, data) {
		t.Error("wrong bytes")
	}
}

func TestLeaseIsRenewedWhileFilesAreOpen(t *testing.T) {
	nn := newFakeNN(t, startNodes(t, 1))
	c := nn.connect(t, nil)
	c.s.leases.every = time.Millisecond
	w, err := c.Create("/f", CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); nn.count("renewLease") < 3; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no renewal")
		}
	}
	done := c.s.leases.done
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("renewing goes on with no file open")
	}
}

func TestOSLikeErrors(t *testing.T) {
	nn := newFakeNN(t, startNodes(t, 1))
	c := nn.connect(t, nil)
	writeFile(t, c, "/f", nil, 1)
	if err := c.Mkdir("/f", 0o755); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if _, err := c.Create("/f", CreateOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if _, err := c.Open("/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := c.ReadDir("/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := c.Remove("/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := c.RemoveAll("/none"); err != nil {
		t.Error(err)
	}
	if _, err := c.Truncate("/f", 0); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

func TestWalkAndPages(t *testing.T) {
	nn := newFakeNN(t, startNodes(t, 1))
	c := nn.connect(t, nil)
	for _, d := range []string{"/d", "/d/a", "/d/b", "/d/c", "/d/b/x", "/d/e"} {
		if err := c.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err := c.Walk("/d", func(f *FileInfo, err error) error {
		if err != nil {
			return err
		}
		got = append(got, f.Path)
		if f.Path == "/d/b" {
			return fs.SkipDir
		}
		return nil
	})
	if want := []string{"/d", "/d/a", "/d/b", "/d/c", "/d/e"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("walked %v, %v", got, err)
	}
	if n := nn.count("getListing"); n < 2 {
		t.Errorf("%d pages", n)
	}
}

func TestFS(t *testing.T) {
	nn := newFakeNN(t, startNodes(t, 1))
	c := nn.connect(t, nil)
	for _, d := range []string{"/top", "/top/d", "/top/d/e"} {
		if err := c.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, c, "/top/f", []byte("hello"), 5)
	writeFile(t, c, "/top/d/g", randomBytes(3000), 1000)
	writeFile(t, c, "/top/d/empty", nil, 1)
	if err := fstest.TestFS(c.FS("/top"), "f", "d/g", "d/empty", "d/e"); err != nil {
		t.Error(err)
	}
}
