package failover

import (
	"fmt"
	"testing"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/testkit/proxy"
)

const cutFor = 15 * time.Second

// TestCutFromDatabase takes the database away from the leader: another one leads and
// clients go on. When the database is back, so is the NameNode.
func TestCutFromDatabase(t *testing.T) {
	t.Parallel()
	c, p := startBehind(t, 3, 2, nil, 0)
	seen := observe(t, c)
	old := seen.last()
	if old.NameNode != 0 {
		t.Fatalf("NameNode %d leads, not the first one", old.NameNode+1)
	}
	l := startLoad(t, c, 8)
	l.wantProgress("before the cut")
	began := time.Now()
	p.Cut()
	took := seen.wantNext(old, began)
	t.Logf("a new leader after %v", took.Round(time.Millisecond))
	if took > takeover {
		t.Errorf("a new leader after %v, which is more than %v", took, takeover)
	}
	l.wantProgress("during the cut")
	time.Sleep(time.Until(began.Add(cutFor)))
	if c.NameNodeAt(0).Ended() {
		t.Fatalf("the NameNode without a database ended:\n%s", c.NameNodeAt(0).Tail())
	}
	if err := p.Mend(); err != nil {
		t.Fatal(err)
	}
	if err := only(t, c, 0).MkdirAll("/back", 0o755); err != nil {
		t.Errorf("the database is back: %v", err)
	}
	wantLog(t, c, 0, "does not lead any more")
	l.wantProgress("after the cut")
	l.end()
	c.CheckStore(t)
	t.Logf("clients of ours:\n%v", l.times.after([]event{{at: began, leader: true}}, cutFor))
}

// TestOneOfTwoLosesTheDatabase cuts the other one of two NameNodes off, and then
// makes its connections silent.
func TestOneOfTwoLosesTheDatabase(t *testing.T) {
	t.Parallel()
	c, p := startBehind(t, 2, 2, nil, 1)
	seen := observe(t, c)
	l := startLoad(t, c, 8)
	leader := seen.last()
	var events []event
	for _, way := range []struct {
		name string
		lose func()
	}{{"cut", p.Cut}, {"silent", p.Stall}} {
		l.wantProgress(way.name + ": before")
		began := time.Now()
		events = append(events, event{at: began})
		way.lose()
		l.wantProgress(way.name)
		time.Sleep(time.Until(began.Add(cutFor / 2)))
		if err := p.Mend(); err != nil {
			t.Fatal(err)
		}
		if err := only(t, c, 1).MkdirAll("/"+way.name, 0o755); err != nil {
			t.Errorf("%s: the database is back: %v", way.name, err)
		}
		l.wantProgress(way.name + ": after")
	}
	if last := seen.last(); last.Epoch != leader.Epoch {
		t.Errorf("epoch %d after the other NameNode lost the database, want %d still", last.Epoch, leader.Epoch)
	}
	l.end()
	c.CheckStore(t)
	t.Logf("clients of ours:\n%v", l.times.after(events, cutFor/2))
}

// TestLostCommitAnswer loses the database's answer to the COMMIT of one call of each
// kind. The call is answered as if nothing had happened, and done once.
func TestLostCommitAnswer(t *testing.T) {
	t.Parallel()
	c, p := startBehind(t, 2, 2, nil, 0)
	cl := only(t, c, 0)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, data string, open func() (*client.Writer, error)) error {
		f, err := open()
		if err != nil {
			return err
		}
		if _, err := f.Write([]byte(data)); err != nil {
			f.Abort()
			return err
		}
		return f.Close()
	}
	for i, x := range []struct {
		verb    string
		prepare func(name string) error
		call    func(name string) error
	}{
		{"mkdirs", nil, func(name string) error { return cl.MkdirAll(name, 0o755) }},
		{"create", nil, func(name string) error {
			return write(name, "once", func() (*client.Writer, error) { return cl.Create(name, client.CreateOptions{}) })
		}},
		{"rename", func(name string) error { return cl.MkdirAll("/old-"+name[1:], 0o755) }, func(name string) error {
			return cl.Rename("/old-"+name[1:], name, client.NoReplace)
		}},
		{"delete", func(name string) error { return cl.MkdirAll(name, 0o755) }, func(name string) error {
			if removed, err := cl.Delete(name, true); err != nil || !removed {
				return fmt.Errorf("the answer is %v: %w", removed, err)
			}
			return cl.MkdirAll(name, 0o755) // for the check below
		}},
	} {
		for try := range 3 {
			name := fmt.Sprintf("/lost-answer-%d-%d", i, try)
			if x.prepare != nil {
				must(x.prepare(name))
			}
			lost := p.LoseAnswer(name[1:], "COMMIT")
			began := time.Now()
			if err := x.call(name); err != nil {
				t.Errorf("%s %s: %v", x.verb, name, err)
			}
			took := time.Since(began)
			if err := proxy.WaitLost(lost, 10*time.Second); err != nil {
				t.Errorf("%s: %v: the test tests nothing", x.verb, err)
			}
			t.Logf("%s: answered after %v", x.verb, took.Round(time.Millisecond))
			if _, err := cl.Stat(name); err != nil {
				t.Errorf("%s %s: %v", x.verb, name, err)
			}
		}
	}
	entries, err := cl.ReadDir("/")
	must(err)
	if len(entries) != 12 {
		t.Errorf("%d entries in the root directory, want the 12 that were made", len(entries))
	}
	c.CheckStore(t)
}
