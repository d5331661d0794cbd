package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/hopsql/hopsql/hadoop/rpc"
	"google.golang.org/protobuf/proto"
)

// errGone: the NameNode does not answer, and others do not count it among the living.
var errGone = errors.New("the NameNode is silent, and another one says that it is gone")

// call sends one logical call. Repetitions keep the call id, so that servers
// which ran the call but could not answer run it once. A NameNode that cannot be
// reached, is in standby or is gone hands over to the next one, at once while
// there are some not yet tried. One that says "later" is asked again, and then
// another one.
func (s *session) call(ctx context.Context, protocol, method string, req, resp proto.Message) error {
	if s.closed.Load() {
		return ErrClosed
	}
	id := s.rpc.CallID()
	t := tries{s: s}
	for retry := int32(0); ; retry++ {
		addr := t.addr()
		err := s.send(ctx, addr, protocol, method, id, retry, req, resp)
		if err == nil {
			s.finder.heardOf(addr)
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		wait, again := t.after(addr, err)
		if !again {
			return s.unreachable(addr, err)
		}
		s.log.Debug("call is repeated", "method", method, "addr", addr, "retry", retry+1, "after", wait, "err", err)
		if err := s.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// send is one try of a call. If there are other NameNodes, they are asked about
// one that stays silent.
func (s *session) send(ctx context.Context, addr, protocol, method string, id, retry int32, req, resp proto.Message) error {
	if s.retry.silence <= 0 || !s.roster.several() || s.finder.off() {
		return s.rpc.CallAs(ctx, addr, protocol, method, id, retry, req, resp)
	}
	c, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t := time.AfterFunc(s.retry.silence, func() {
		if s.finder.waitGone(c, addr) {
			cancel(errGone)
		}
	})
	defer t.Stop()
	err := s.rpc.CallAs(c, addr, protocol, method, id, retry, req, resp)
	if err != nil && ctx.Err() == nil && context.Cause(c) != nil {
		return errGone
	}
	return err
}

// tries is how a call went so far.
type tries struct {
	s      *session
	tried  []string // since the last pause
	stay   string   // the NameNode to ask again, "" to pick one
	failed int      // pauses because no NameNode could serve
	busy   int      // pauses because all said "later"
}

func (t *tries) addr() string {
	if t.stay != "" {
		return t.stay
	}
	if addr := t.s.roster.pick(t.tried); addr != "" {
		return addr
	}
	t.tried = nil // the roster shrank meanwhile
	return t.s.roster.pick(nil)
}

// after says whether a call that failed at addr is repeated, and after which pause.
func (t *tries) after(addr string, err error) (wait time.Duration, again bool) {
	down, later := isDown(err), isClass(err, classRetriable)
	r, alone := &t.s.retry, !t.s.roster.several()
	t.stay = ""
	switch {
	case !down && !later:
		return 0, false
	case alone && down:
		t.failed++
		return r.interval, t.failed <= r.connects
	case later && (alone || t.busy == 0):
		t.busy++
		t.stay = addr
		return backoff(t.busy, r.base, r.max), t.busy <= r.busy
	}
	t.s.roster.fail(addr)
	t.s.moves.Add(1)
	t.s.finder.hurry()
	t.tried = append(t.tried, addr)
	if t.s.roster.left(t.tried) {
		return 0, true
	}
	t.tried = nil
	if later {
		t.busy++
		return backoff(t.busy, r.base, r.max), t.busy <= r.busy
	}
	t.failed++
	return backoff(t.failed, r.base, r.max), t.failed <= r.failovers
}

// isDown tells whether a failed call says that its NameNode cannot serve now.
func isDown(err error) bool {
	return errors.Is(err, rpc.ErrConnect) || errors.Is(err, rpc.ErrConnectionLost) || errors.Is(err, rpc.ErrTimeout) ||
		errors.Is(err, errGone) || isClass(err, classStandby)
}

// backoff doubles from base to max and takes a random half away, so that many
// clients of a restarted NameNode come back spread out.
func backoff(n int, base, max time.Duration) time.Duration {
	d := base << min(n-1, 20)
	if d > max || d <= 0 {
		d = max
	}
	return d/2 + rand.N(d/2+1)
}

func (s *session) unreachable(addr string, err error) error {
	if errors.Is(err, rpc.ErrConnect) {
		return &ConnectError{Local: localName(), Addr: addr, Err: err}
	}
	return classified(err)
}

func localName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	ip := "127.0.0.1"
	if addrs, err := net.LookupHost(host); err == nil && len(addrs) > 0 {
		ip = addrs[0]
	}
	return host + "/" + ip
}

func sleepContext(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
