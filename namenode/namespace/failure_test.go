package namespace_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/testkit/fsck"
)

// operations are run one by one on a tree that setup made; each has the command
// that shows its effect.
var operations = []struct{ cmd, show string }{
	{"mkdirs /d/new/er", "stat /d/new/er"},
	{"create /d/g call=1,0", "stat /d/g"},
	{"create /d/f overwrite=yes call=1,0", "stat /d/f"},
	{"delete /d/f call=1,0", "stat /d/f"},
	{"delete /d recursive=yes call=1,0", "stat /d"},
	{"rename /d/f /e/f call=1,0", "stat /e/f"},
	{"rename2 /d /e/d call=1,0", "stat /e/d/f"},
	{"rename2 /d/f /e/h overwrite=yes call=1,0", "stat /e/h"},
	{"chmod 700 /d/f", "stat /d/f"},
	{"chown alice:users /d", "stat /d"},
	{"settimes /d", "stat /d"},
	{"addblock /d/f", "open /d/f"},
	{"received /e/h", "open /e/h"},
	{"complete /e/k", "open /e/k"},
	{"append /e/closed", "open /e/closed"},
	{"setrep /e/closed", "stat /e/closed"},
}

const setup = "$ mkdirs /d\n$ mkdirs /e\n$ create /d/f\n$ create /e/h\n"

// data goes on with files in every state of writing.
const data = "$ datanode\n$ addblock /e/h\n" +
	"$ create /e/k\n$ addblock /e/k\n$ received /e/k\n" +
	"$ create /e/closed\n$ addblock /e/closed\n$ received /e/closed\n$ complete /e/closed\n"

// TestEveryStatementFails fails the i-th round trip of every operation, i = 1, 2, …
// until none is left to fail. A failure that passes must not be seen by the caller;
// one that does not must leave everything as it was.
func TestEveryStatementFails(t *testing.T) {
	kinds := []faulty.Fault{{Kind: dal.Permanent}, {Kind: dal.Conflict}, {Kind: dal.Unavailable},
		{Kind: dal.UnknownOutcome}, {Kind: dal.UnknownOutcome, Done: true}}
	for name, open := range testStores() {
		for _, op := range operations {
			t.Run(name+"/"+strings.ReplaceAll(op.cmd, "/", "_"), func(t *testing.T) {
				good := newScenario(t, open(t))
				good.run(setup+data, false)
				before := good.show(op.show)
				answer := good.run("$ "+op.cmd+"\n", false)
				after := good.show(op.show)
				for _, f := range kinds {
					if f.Kind == dal.UnknownOutcome && !good.store.Traits().Markers {
						continue // this store always knows
					}
					for i := 1; ; i++ {
						s := newScenario(t, open(t))
						s.run(setup+data, false)
						hit := s.failAt(i, f)
						got := s.run("$ "+op.cmd+"\n", false)
						s.store.Reset()
						if !*hit {
							break
						}
						where := fmt.Sprintf("%v (done %v) at %d", f.Kind, f.Done, i)
						want := after
						if f.Kind == dal.Permanent {
							want = before
							if !strings.Contains(got, "error") {
								t.Errorf("%s: no error: %s", where, got)
							}
						} else if got != answer {
							t.Errorf("%s: answered %swant %s", where, got, answer)
						}
						if got := s.show(op.show); got != want {
							t.Errorf("%s: then %s\nwant %s", where, got, want)
						}
						s.check(where)
					}
				}
			})
		}
	}
}

// show is the answer to one command, without the inode ids and times that differ
// between runs.
func (s *scenario) show(cmd string) string {
	return s.do("", strings.Fields(cmd))
}

// failAt fails the i-th round trip from now on; hit tells whether it came to that.
func (s *scenario) failAt(i int, f faulty.Fault) (hit *bool) {
	hit = new(bool)
	n := 0
	s.store.Fail(func(c faulty.Call) *faulty.Fault {
		if f.Kind == dal.UnknownOutcome && c.Op != faulty.Commit {
			return nil
		}
		if n++; n != i {
			return nil
		}
		*hit = true
		return &f
	})
	return hit
}

// check runs the consistency check over all tables.
func (s *scenario) check(where string) {
	s.t.Helper()
	bad, err := fsck.Check(context.Background(), s.store)
	if err != nil || len(bad) > 0 {
		s.t.Errorf("%s: the rows do not fit together: %v\n%s", where, err, strings.Join(bad, "\n"))
	}
}
