package replicas

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

var testIdentity = Identity{ClusterID: "CID-1", NamespaceID: 7, Pool: "BP-1-127.0.0.1-1"}

const disk = hdfspb.StorageTypeProto_DISK

func openStore(t *testing.T, dirs ...string) *Store {
	t.Helper()
	opt := Options{Logger: slog.New(slog.DiscardHandler)}
	for _, d := range dirs {
		opt.Dirs = append(opt.Dirs, Dir{Path: d, Type: disk})
	}
	s, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Attach(testIdentity); err != nil {
		t.Fatal(err)
	}
	return s
}

func bytesOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 31 >> 3)
	}
	return b
}

// put writes data in packets of step bytes, each starting at a chunk as a client's do.
func put(t *testing.T, w *Writer, off int64, data []byte) {
	t.Helper()
	sum := datatransfer.DefaultChecksum
	for len(data) > 0 {
		n := min(len(data), 64512)
		if part := int(off % 512); part != 0 {
			n = min(n, 512-part)
		}
		sums := make([]byte, sum.SumsLen(n))
		sum.Sum(data[:n], sums)
		if err := w.Write(off, data[:n], sums, sum); err != nil {
			t.Fatal(err)
		}
		off, data = off+int64(n), data[n:]
	}
	w.Acked(off)
}

func create(t *testing.T, s *Store, id int64, stamp uint64, data []byte) *Writer {
	t.Helper()
	w, err := s.Create(Block{id, stamp}, Placement{Type: disk, Size: 1 << 20}, datatransfer.DefaultChecksum)
	if err != nil {
		t.Fatal(err)
	}
	put(t, w, 0, data)
	return w
}

func finish(t *testing.T, w *Writer) {
	t.Helper()
	if _, err := w.Finalize(); err != nil {
		t.Fatal(err)
	}
	w.Release()
}

// contents reads a replica and verifies it.
func contents(t *testing.T, s *Store, id int64) []byte {
	t.Helper()
	r, err := s.Open(Block{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data := make([]byte, r.Length)
	sums := make([]byte, r.Sum.SumsLen(len(data)))
	if err := r.Read(0, data, sums); err != nil {
		t.Fatal(err)
	}
	if err := r.Sum.Verify(data, sums); err != nil {
		t.Fatalf("blk_%d: %v", id, err)
	}
	return data
}

func wantInfo(t *testing.T, s *Store, id int64, stamp uint64, length int64, st State) {
	t.Helper()
	i, err := s.Stat(id)
	if err != nil {
		t.Fatal(err)
	}
	if i.Stamp != stamp || i.Length != length || i.State != st {
		t.Errorf("blk_%d is %+v, want stamp %d, %d bytes, %v", id, i, stamp, length, st)
	}
}

func TestWriteFinalizeRestart(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	uuid := s.DatanodeUUID()
	for i, n := range []int{0, 1, 511, 512, 513, 200_000} {
		finish(t, create(t, s, 1<<30+int64(i), 1001, bytesOf(n)))
	}
	used := s.Storages()[0].Used
	if s.Storages()[0].Promised != 0 {
		t.Errorf("%d bytes are still held back", s.Storages()[0].Promised)
	}
	s.Close()
	s = openStore(t, dir)
	if s.DatanodeUUID() != uuid {
		t.Error("the DataNode changed its name")
	}
	if got := s.Storages()[0]; got.Used != used || got.Blocks != 6 {
		t.Errorf("used %d and %d blocks after a restart, %d before", got.Used, got.Blocks, used)
	}
	for i, n := range []int{0, 1, 511, 512, 513, 200_000} {
		wantInfo(t, s, 1<<30+int64(i), 1001, int64(n), Finalized)
		if !bytes.Equal(contents(t, s, 1<<30+int64(i)), bytesOf(n)) {
			t.Errorf("%d bytes came back different", n)
		}
	}
}

// crash takes the files of a store that is still open as kill -9 would leave them.
func crash(t *testing.T, s *Store, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestCrashDuringWrite(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	pool := filepath.Join("current", testIdentity.Pool)
	data := bytesOf(5000)
	w := create(t, s, 5, 1001, data)
	defer w.Release()
	rbwData, rbwMeta := filepath.Join(pool, "rbw", "blk_5"), filepath.Join(pool, "rbw", "blk_5_1001.meta")
	cases := []struct {
		name   string
		damage func(dir string) error
		want   int64 // bytes that survive; -1 = no replica
	}{
		{"nothing lost", func(string) error { return nil }, 5000},
		{"data longer than checksums", func(d string) error { return os.Truncate(filepath.Join(d, rbwMeta), 7+4*3) }, 1536},
		{"checksums longer than data", func(d string) error { return os.Truncate(filepath.Join(d, rbwData), 2048) }, 2048},
		{"data cut inside a chunk", func(d string) error { return os.Truncate(filepath.Join(d, rbwData), 2050) }, 2048},
		{"a byte flipped", func(d string) error { return flip(filepath.Join(d, rbwData), 1000) }, 512},
		{"a checksum flipped", func(d string) error { return flip(filepath.Join(d, rbwMeta), 7+4*4) }, 2048},
		{"only half a checksum header, no data", func(d string) error {
			return errors.Join(os.Truncate(filepath.Join(d, rbwMeta), 3), os.Truncate(filepath.Join(d, rbwData), 0))
		}, -1},
		{"no meta file yet", func(d string) error { return os.Remove(filepath.Join(d, rbwMeta)) }, -1},
		{"between the renames of finalize", func(d string) error {
			fin := filepath.Join(d, pool, "finalized/subdir0/subdir0")
			return errors.Join(os.MkdirAll(fin, 0o700), os.Rename(filepath.Join(d, rbwMeta), filepath.Join(fin, "blk_5_1001.meta")))
		}, 5000},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			copied := crash(t, s, dir)
			if err := c.damage(copied); err != nil {
				t.Fatal(err)
			}
			s2 := openStore(t, copied)
			if c.want < 0 {
				if _, err := s2.Stat(5); !errors.Is(err, ErrNotFound) {
					t.Errorf("replica is there: %v", err)
				}
				return
			}
			wantInfo(t, s2, 5, 1001, c.want, RWR)
			if !bytes.Equal(contents(t, s2, 5), data[:c.want]) {
				t.Error("other bytes than were written")
			}
			if i, _ := s2.Stat(5); i.Readable() {
				t.Error("clients could read it before it is recovered")
			}
		})
	}
}

func flip(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return err
	}
	b[0] ^= 0x10
	_, err = f.WriteAt(b[:], at)
	return err
}

// A finalized replica whose files do not fit any more must not be reported whole.
func TestDamagedFinalized(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	finish(t, create(t, s, 6, 1001, bytesOf(5000)))
	s.Close()
	if err := os.Truncate(filepath.Join(dir, "current", testIdentity.Pool, "finalized/subdir0/subdir0/blk_6"), 3000); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	wantInfo(t, s, 6, 1001, 2560, RWR)
}

func TestAppendAndRecoveries(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	data := bytesOf(3000)
	finish(t, create(t, s, 7, 1001, data[:700]))

	if _, err := s.Append(Block{7, 1001}, 1002, 699, 1<<20); !errors.Is(err, ErrState) {
		t.Errorf("append at a wrong length: %v", err)
	}
	w, err := s.Append(Block{7, 1001}, 1002, 700, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	put(t, w, 700, data[700:900])
	wantInfo(t, s, 7, 1002, 900, RBW)
	w.OnStop(w.Release) // as a receiver does: stopping ends the goroutine, which releases

	// The pipeline broke with 900 bytes acked; more had been written but not acked.
	if err := w.Write(900, data[900:1024], sumOf(data[900:1024]), datatransfer.DefaultChecksum); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RecoverRBW(Block{7, 1002}, 1003, 901, 2000, 1<<20); !errors.Is(err, ErrState) {
		t.Errorf("recovery with less than was acked elsewhere: %v", err)
	}
	w, err = s.RecoverRBW(Block{7, 1002}, 1003, 800, 1024, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if w.Length() != 900 {
		t.Errorf("cut to %d bytes, 900 were acked", w.Length())
	}
	put(t, w, 512, data[512:2000]) // sent again from an earlier chunk
	w.OnStop(w.Release)
	storage, err := s.RecoverClose(Block{7, 1003}, 1004, 2000)
	if err != nil || storage != s.Storages()[0].UUID {
		t.Fatal(storage, err)
	}
	wantInfo(t, s, 7, 1004, 2000, Finalized)
	if !bytes.Equal(contents(t, s, 7), data[:2000]) {
		t.Error("other bytes than were written")
	}
	if got := s.Storages()[0].Used; got != 2000+7+4*4 {
		t.Errorf("%d bytes are counted as used", got)
	}
}

func sumOf(b []byte) []byte {
	sums := make([]byte, datatransfer.DefaultChecksum.SumsLen(len(b)))
	datatransfer.DefaultChecksum.Sum(b, sums)
	return sums
}

func TestBlockRecovery(t *testing.T) {
	s := openStore(t, t.TempDir())
	data := bytesOf(3000)
	w := create(t, s, 8, 1001, data)
	w.OnStop(w.Release)
	i, err := s.BeginRecovery(Block{8, 1001}, 1005)
	if err != nil || i.Length != 3000 || i.State != RBW || i.Stamp != 1001 {
		t.Fatalf("%+v %v", i, err)
	}
	if _, err := s.BeginRecovery(Block{8, 1001}, 1004); !errors.Is(err, ErrRecovering) {
		t.Errorf("an older recovery took it: %v", err)
	}
	if _, err := s.BeginRecovery(Block{8, 1001}, 1006); err != nil {
		t.Errorf("a newer recovery did not get it: %v", err)
	}
	if _, err := s.EndRecovery(8, 3000, 1005, 0, 2000); !errors.Is(err, ErrState) {
		t.Errorf("the older recovery ended it: %v", err)
	}
	if _, err := s.EndRecovery(8, 3000, 1006, 0, 2000); err != nil {
		t.Fatal(err)
	}
	wantInfo(t, s, 8, 1006, 2000, Finalized)
	if !bytes.Equal(contents(t, s, 8), data[:2000]) {
		t.Error("other bytes")
	}
	// Truncate by copy: the old replica stays.
	if _, err := s.BeginRecovery(Block{8, 1006}, 1007); err != nil {
		t.Fatal(err)
	}
	if _, err := s.EndRecovery(8, 2000, 1007, 9, 600); err != nil {
		t.Fatal(err)
	}
	wantInfo(t, s, 8, 1006, 2000, Finalized)
	wantInfo(t, s, 9, 1007, 600, Finalized)
	if !bytes.Equal(contents(t, s, 9), data[:600]) {
		t.Error("other bytes in the copy")
	}
}

func TestTemporary(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	at := Placement{Type: disk, Size: 100}
	w, err := s.CreateTemporary(Block{10, 1001}, at, datatransfer.DefaultChecksum)
	if err != nil {
		t.Fatal(err)
	}
	put(t, w, 0, bytesOf(100))
	if list := s.Report()[s.Storages()[0].UUID]; len(list) != 0 {
		t.Errorf("an unfinished copy is reported: %v", list)
	}
	w.Release()
	if _, err := s.Stat(10); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unfinished copy stayed: %v", err)
	}
	if w, err = s.CreateTemporary(Block{10, 1001}, at, datatransfer.DefaultChecksum); err != nil {
		t.Fatal(err)
	}
	put(t, w, 0, bytesOf(100))
	if err := w.ToRBW(100); err != nil {
		t.Fatal(err)
	}
	i, err := s.Stat(10)
	if err != nil || i.State != RBW || i.Visible != 100 {
		t.Errorf("%+v %v", i, err)
	}
	if _, err := s.Create(Block{10, 1002}, at, datatransfer.DefaultChecksum); !errors.Is(err, ErrExists) {
		t.Errorf("a second replica of a block: %v", err)
	}
}

func TestDelete(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	finish(t, create(t, s, 11, 1001, bytesOf(1000)))
	if _, err := s.Delete(Block{11, 1000}); !errors.Is(err, ErrState) {
		t.Errorf("deleted under another stamp: %v", err)
	}
	if _, err := s.Delete(Block{11, 1001}); err != nil {
		t.Fatal(err)
	}
	finish(t, create(t, s, 11, 1002, bytesOf(500))) // the name is free at once
	s.Close()
	left, err := os.ReadDir(filepath.Join(dir, "current", testIdentity.Pool, "deleted"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	s = openStore(t, dir)
	wantInfo(t, s, 11, 1002, 500, Finalized)
}

// A full disk hurts the block being written and no other.
func TestDiskFull(t *testing.T) {
	s := openStore(t, t.TempDir())
	finish(t, create(t, s, 12, 1001, bytesOf(1000)))
	w := create(t, s, 13, 1001, bytesOf(700))
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	good := w.p.data
	w.p.data = full
	err = w.Write(700, bytesOf(100), sumOf(bytesOf(100)), datatransfer.DefaultChecksum)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "blk_13") {
		t.Errorf("write on a full disk: %v", err)
	}
	w.p.data = good
	full.Close()
	if w.Length() != 700 {
		t.Errorf("length is %d after a failed write", w.Length())
	}
	w.Release()
	wantInfo(t, s, 13, 1001, 700, RBW)
	if !bytes.Equal(contents(t, s, 12), bytesOf(1000)) || !bytes.Equal(contents(t, s, 13), bytesOf(700)) {
		t.Error("other bytes")
	}
	_, err = s.Create(Block{14, 1001}, Placement{Type: disk, Size: 1 << 62}, datatransfer.DefaultChecksum)
	if !errors.Is(err, ErrNoSpace) {
		t.Errorf("promised more than there is: %v", err)
	}
	_, err = s.Create(Block{14, 1001}, Placement{Type: hdfspb.StorageTypeProto_SSD, Size: 1}, datatransfer.DefaultChecksum)
	if !errors.Is(err, ErrNoSpace) {
		t.Errorf("found an SSD: %v", err)
	}
}

func TestRefusedVolumes(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	if _, err := Open(Options{Dirs: []Dir{{dir, disk}}}); !errors.Is(err, ErrVolume) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("two DataNodes on one volume: %v", err)
	}
	s.Close()
	for _, id := range []Identity{
		{ClusterID: "CID-2", NamespaceID: 7, Pool: testIdentity.Pool},
		{ClusterID: "CID-1", NamespaceID: 8, Pool: testIdentity.Pool},
		{ClusterID: "CID-1", NamespaceID: 7, Pool: "BP-2-127.0.0.1-1"},
	} {
		s, err := Open(Options{Dirs: []Dir{{dir, disk}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Attach(id); !errors.Is(err, ErrIdentity) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", id, err)
		}
		s.Close()
	}
	if err := os.WriteFile(filepath.Join(dir, "current", "VERSION"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dirs: []Dir{{dir, disk}}}); !errors.Is(err, ErrVolume) {
		t.Errorf("a damaged VERSION file: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dirs: []Dir{{file, disk}}}); !errors.Is(err, ErrVolume) {
		t.Errorf("a volume that is a file: %v", err)
	}
	good := t.TempDir()
	s, err := Open(Options{Dirs: []Dir{{file, disk}, {good, disk}}, FailedTolerated: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil || len(s.Failed()) != 1 {
		t.Errorf("one failed volume is tolerated: %v", err)
	}
	s.Close()
}

func TestParseDirs(t *testing.T) {
	got, err := ParseDirs([]string{"/a/", "[SSD]file:///b", "[archive] /c", "file:/d"})
	want := []Dir{{"/a", disk}, {"/b", hdfspb.StorageTypeProto_SSD}, {"/c", hdfspb.StorageTypeProto_ARCHIVE}, {"/d", disk}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v %v, want %v", got, err, want)
	}
	for _, bad := range [][]string{nil, {"a"}, {"[TAPE]/a"}, {"[SSD/a"}, {"file://host/a"}, {"/a", "/a"}} {
		if got, err := ParseDirs(bad); err == nil {
			t.Errorf("%v became %v", bad, got)
		}
	}
}
