package audit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 21, 7, 36, 8, 702e6, time.UTC)

func TestLine(t *testing.T) {
	for _, c := range []struct {
		e    Event
		want string
	}{
		{Event{Time: at, Allowed: true, User: "root", IP: "127.0.0.1", Cmd: "mkdirs", Src: "/d", Perm: "root:supergroup:rwxr-xr-x"},
			"2026-11-21 07:36:08,702 INFO FSNamesystem.audit: allowed=true\tugi=root (auth:SIMPLE)\tip=/127.0.0.1\tcmd=mkdirs\tsrc=/d\tdst=null\tperm=root:supergroup:rwxr-xr-x\tproto=rpc"},
		{Event{Time: at, User: "alice", RealUser: "oozie", IP: "10.0.0.1", Cmd: "rename", Src: "/a\n\tb", Dst: "/ü\"\\𝄞", Context: "job\t1"},
			"2026-11-21 07:36:08,702 INFO FSNamesystem.audit: allowed=false\tugi=alice (auth:PROXY) via oozie (auth:SIMPLE)\tip=/10.0.0.1\tcmd=rename\tsrc=/a\\n\\tb\tdst=/\\u00FC\\\"\\\\\\uD834\\uDD1E\tperm=null\tproto=rpc\tcallerContext=job\\t1"},
	} {
		if got := string(appendLine(nil, &c.e, new(stamp))); got != c.want {
			t.Errorf("line\n%q, want\n%q", got, c.want)
		}
	}
}

// TestStamp: the text of a second is kept, and not for another second or zone.
func TestStamp(t *testing.T) {
	var s stamp
	zone := time.FixedZone("", 3600)
	for _, c := range []struct {
		t    time.Time
		want string
	}{
		{at, "2026-11-21 07:36:08,702"}, {at.Add(3e6), "2026-11-21 07:36:08,705"}, {at.Add(time.Second), "2026-11-21 07:36:09,702"},
		{at.Add(time.Second).In(zone), "2026-11-21 08:36:09,702"}, {time.Unix(0, 0).UTC(), "1970-01-01 00:00:00,000"},
	} {
		if got := string(s.append(nil, c.t)); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestFileIsAppendedTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	for range 2 {
		l, err := Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			l.Write(&Event{Time: at, Cmd: "open"})
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if l.Dropped() != 0 {
			t.Fatalf("%d lines dropped", l.Dropped())
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), "cmd=open\t"); n != 200 {
		t.Errorf("%d lines", n)
	}
}

// stuck blocks its first write until it is let go, and fails all later ones.
type stuck struct{ free, in chan struct{} }

func (s *stuck) Write(p []byte) (int, error) {
	select {
	case <-s.in:
		return 0, errors.New("disk full")
	default:
	}
	close(s.in)
	<-s.free
	return len(p), nil
}

func (s *stuck) Close() error { return nil }

func TestNeverBlocksAndCounts(t *testing.T) {
	s := &stuck{make(chan struct{}), make(chan struct{})}
	l := newLog(s, s, nil)
	l.Write(&Event{Time: at})
	<-s.in // the writer hangs in the file
	for range Queue + 10 {
		l.Write(&Event{Time: at}) // returns, or the test hangs
	}
	if l.Dropped() != 10 {
		t.Errorf("%d dropped, want 10", l.Dropped())
	}
	close(s.free)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l.Dropped() < 11 {
		t.Errorf("%d dropped after failed writes", l.Dropped())
	}
}

func TestOff(t *testing.T) {
	l, err := Open("", nil)
	if err != nil || l != nil {
		t.Fatal(l, err)
	}
	l.Write(&Event{})
	if l.Dropped() != 0 || l.Close() != nil {
		t.Error("a log that is off does something")
	}
	if _, err := Open(t.TempDir(), nil); err == nil {
		t.Error("a folder is accepted as a file")
	}
}
