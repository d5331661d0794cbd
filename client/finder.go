package client

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/hadoop/discovery"
	"github.com/hopsql/hopsql/hadoop/protocols/hopsqlpb"
)

const keyRefresh = "dfs.client.refresh.namenode.list.ms"

// NameNode is one NameNode that serves the file system, as another or it itself tells.
type NameNode = discovery.NameNode

// NameNodes asks a NameNode for all that serve the file system now, the oldest
// first. The error is errors.ErrUnsupported if it does not know: Apache's do not.
func (c *Client) NameNodes() ([]NameNode, error) {
	resp := &hopsqlpb.GetActiveNamenodesResponseProto{}
	err := c.s.call(c.ctx, discovery.Protocol, discovery.Method, &hopsqlpb.GetActiveNamenodesRequestProto{}, resp)
	return discovery.Decode(resp), err
}

// How long the finder waits at least between two lists, and how soon it looks
// again while NameNodes come and go.
const (
	findPause = 200 * time.Millisecond
	findAgain = 5 * time.Second
)

// finder keeps the roster up to date: in the background, once a call has
// succeeded, then now and then, and when a NameNode failed. A NameNode that does
// not know who else there is ends it: what is configured stays.
type finder struct {
	s       *session
	every   time.Duration // 0 = never
	resolve discovery.Resolver

	started time.Time
	due     atomic.Int64 // since started, when a list is wanted next
	answers atomic.Bool  // a call has succeeded
	running atomic.Bool
	alone   atomic.Bool // NameNodes do not know the protocol

	ctx  context.Context
	quit context.CancelFunc
	mu   sync.Mutex // orders Add and Wait of jobs
	jobs sync.WaitGroup
	last time.Duration // since started, when the last list came; of the running one
}

func newFinder(s *session) (*finder, error) {
	every, err := s.conf.Duration(keyRefresh, time.Minute, time.Millisecond)
	if err != nil {
		return nil, err
	}
	f := &finder{s: s, every: every, resolve: net.DefaultResolver.LookupHost, started: time.Now()}
	f.ctx, f.quit = context.WithCancel(context.Background())
	return f, nil
}

// off tells whether NameNodes are not asked who else there is.
func (f *finder) off() bool { return f.every <= 0 || f.alone.Load() }

// heardOf is told of each call that addr answered.
func (f *finder) heardOf(addr string) {
	f.s.roster.served(addr)
	f.answers.Store(true)
	f.look()
}

// hurry wants a list at once, because a NameNode failed.
func (f *finder) hurry() {
	f.due.Store(0)
	f.look()
}

// look begins to find if it is time. It does not wait.
func (f *finder) look() {
	if f.off() || !f.answers.Load() || time.Since(f.started) < time.Duration(f.due.Load()) || !f.running.CompareAndSwap(false, true) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return
	}
	f.jobs.Go(f.find)
}

func (f *finder) stop() {
	f.mu.Lock()
	f.quit()
	f.mu.Unlock()
	f.jobs.Wait()
}

// find asks one NameNode after the other until one knows.
func (f *finder) find() {
	defer f.running.Store(false)
	if wait := f.last + findPause - time.Since(f.started); f.last > 0 && f.s.sleep(f.ctx, wait) != nil {
		return
	}
	f.due.Store(int64(time.Since(f.started) + f.every)) // a failure from here on wants another list
	next := min(f.every, findAgain)
	for _, addr := range f.s.roster.known("") {
		list, err := f.ask(f.ctx, addr)
		if f.off() {
			return
		}
		if err != nil {
			f.s.log.Debug("NameNode tells no others", "addr", addr, "err", err)
			continue
		}
		f.prove(list)
		if !f.s.roster.learn(addr, list) && !f.s.roster.avoiding() {
			next = f.every
		}
		break
	}
	f.last = time.Since(f.started)
	if f.due.Load() != 0 {
		f.due.Store(int64(f.last + next))
	}
}

// prove tries the NameNodes of a list that were never called from here.
func (f *finder) prove(list map[string]int64) {
	var all sync.WaitGroup
	for _, addr := range f.s.roster.unproven(list) {
		all.Go(func() {
			if _, err := f.ask(f.ctx, addr); err != nil {
				f.s.log.Debug("NameNode cannot be reached from here", "addr", addr, "err", err)
				return
			}
			f.s.roster.served(addr)
		})
	}
	all.Wait()
}

// ask gives the addresses of the NameNodes that the one at addr counts among the
// living, with their ids.
func (f *finder) ask(ctx context.Context, addr string) (map[string]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, max(f.s.retry.silence, time.Second))
	defer cancel()
	list, err := discovery.Ask(ctx, f.s.rpc, addr)
	if err != nil {
		if discovery.Unknown(err) {
			f.alone.Store(true)
		}
		return nil, err
	}
	ids := make(map[string]int64)
	for addr, n := range discovery.Spelled(ctx, f.resolve, addr, f.s.roster.configured, list, func(n NameNode) string { return n.RPCAddr }) {
		ids[addr] = n.ID
	}
	return ids, nil
}

// waitGone asks the others about a silent NameNode, until they do not count it
// among the living any more or ctx ends.
func (f *finder) waitGone(ctx context.Context, addr string) bool {
	for ctx.Err() == nil && !f.off() {
		for _, other := range f.s.roster.known(addr) {
			list, err := f.ask(ctx, other)
			if err != nil {
				continue
			}
			f.s.roster.learn(other, list)
			if _, listed := list[addr]; listed {
				break
			}
			if f.s.roster.wasListed(addr) {
				return true
			}
			// It may have another name on the list: then it answers this.
			own, cancel := context.WithTimeout(ctx, min(f.s.retry.silence, time.Second))
			_, err = f.ask(own, addr)
			cancel()
			if err != nil && ctx.Err() == nil {
				return true
			}
			break
		}
		if f.s.sleep(ctx, min(f.s.retry.silence, time.Second)) != nil {
			return false
		}
	}
	return false
}
