package repeated

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal/faulty"
)

// each runs a test with every operation, in a directory of its own.
func each(t *testing.T, test func(t *testing.T, s *system, op operation, dir string)) {
	onStores(t, func(t *testing.T, s *system) {
		for i, op := range operations {
			t.Run(strings.ReplaceAll(op.name, " ", "-"), func(t *testing.T) {
				dir := fmt.Sprintf("/%d", i)
				s.mkdirs(dir)
				test(t, s, op, dir)
			})
		}
	})
}

// TestAnswerLost: the first NameNode has done the call, but its answer is lost.
func TestAnswerLost(t *testing.T) {
	each(t, func(t *testing.T, s *system, op operation, dir string) {
		c, id := op.prepare(s, dir), s.client.CallID()
		first := s.send(0, c, id, 0)
		before := s.rows()
		s.Pass(time.Second)
		same(t, "lost", first, s.send(1, c, id, 1))
		same(t, "lost twice", first, s.send(0, c, id, 2))
		if d := differences(before, s.rows()); len(d) > 0 {
			t.Errorf("the repetition changed %v", d)
		}
	})
}

// TestBothAtOnce: the first NameNode is about to commit when the second one gets the
// repetition.
func TestBothAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s *system, op operation, dir string) {
		c, id := op.prepare(s, dir), s.client.CallID()
		before := s.counts()
		reached, release := s.hold(0, faulty.Commit)
		defer release()
		replies := make(chan reply, 2)
		go func() { replies <- s.send(0, c, id, 0) }()
		<-reached
		asked, goOn := s.hold(1, faulty.Fetch)
		goOn()
		go func() { replies <- s.send(1, c, id, 1) }()
		// The second one now waits for a row of the first one, or is ahead of it.
		<-asked
		time.Sleep(20 * time.Millisecond)
		release()
		same(t, "at once", <-replies, <-replies)
		both := s.growth(before)

		s.mkdirs(dir + "-once")
		c = op.prepare(s, dir+"-once")
		before = s.counts()
		if r := s.send(0, c, s.client.CallID(), 0); r.err != nil {
			t.Fatal(r.err)
		}
		if once := s.growth(before); !maps.Equal(both, once) {
			t.Errorf("done by two the tables grew by %v, done by one by %v", both, once)
		}
	})
}

// TestFirstComesLate: the repetition is answered before the first call begins its
// transaction, and the client goes on with its work. Then nothing must be done.
func TestFirstComesLate(t *testing.T) {
	each(t, func(t *testing.T, s *system, op operation, dir string) {
		c, id := op.prepare(s, dir), s.client.CallID()
		reached, release := s.hold(0, faulty.Fetch)
		defer release()
		late := make(chan reply, 1)
		go func() { late <- s.send(0, c, id, 0) }()
		<-reached
		second := s.send(1, c, id, 1)
		if second.err != nil {
			t.Fatal(second.err)
		}
		if op.meanwhile != nil {
			// At the second NameNode: the first one is held.
			ns := s.NS
			s.NS, s.NN[0].Deaf = s.NN[1].NS, true
			err := op.meanwhile(s, dir)
			s.NS, s.NN[0].Deaf = ns, false
			if err != nil {
				t.Fatal(err)
			}
		}
		before := s.rows()
		release()
		<-late // nobody waits for this answer: its client has the other one
		if d := differences(before, s.rows()); len(d) > 0 {
			t.Errorf("the late call changed %v", d)
		}
	})
}
