package datanode

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/discovery"
)

const (
	lookTimeout = 2 * time.Second // for one NameNode to tell who else there is
	lookPause   = 5 * time.Second // at most, between two questions
)

// crew is the actors, one for each NameNode that is configured or that another
// one tells of.
type crew struct {
	d        *DataNode
	resolve  discovery.Resolver
	goneFor  time.Duration // a NameNode of nobody's list for so long is left
	soon     chan struct{} // look at once
	empty    chan struct{} // closed when the last actor has ended
	actors   atomic.Pointer[[]*actor]
	running  sync.WaitGroup
	mu       sync.Mutex // of what follows, and of changes of actors
	refusals []error    // of configured NameNodes
	members  map[*actor]*member
	refused  map[string]int64 // NameNodes found that refused this node, with their ids
}

// member is what the crew knows of an actor.
type member struct {
	end   context.CancelFunc
	found bool      // not configured
	id    int64     // as the last list has it
	seen  time.Time // on a list
	mute  bool      // it does not know the protocol
}

func newCrew(d *DataNode) *crew {
	c := &crew{d: d, resolve: net.DefaultResolver.LookupHost, goneFor: 30 * time.Second, soon: make(chan struct{}, 1), empty: make(chan struct{}),
		members: make(map[*actor]*member), refused: make(map[string]int64)}
	c.actors.Store(new([]*actor))
	return c
}

// all is the actors of now. It must not be changed.
func (c *crew) all() []*actor { return *c.actors.Load() }

// run starts an actor for each configured NameNode, and others as they are
// found. It returns when ctx has ended, which it does itself when all NameNodes
// have refused this DataNode.
func (c *crew) run(ctx context.Context, stop context.CancelCauseFunc) {
	c.mu.Lock()
	for _, nn := range c.d.set.namenodes {
		c.add(ctx, nn, &member{}, stop)
	}
	c.mu.Unlock()
	c.running.Go(func() { c.look(ctx, stop) })
	select {
	case <-ctx.Done():
	case <-c.empty:
		c.mu.Lock()
		stop(errors.Join(c.refusals...))
		c.mu.Unlock()
	}
	c.running.Wait()
}

// add starts an actor. The caller holds mu.
func (c *crew) add(ctx context.Context, nn namenode, m *member, stop context.CancelCauseFunc) {
	a := newActor(c.d, nn)
	ctx, m.end = context.WithCancel(ctx)
	c.members[a] = m
	c.actors.Store(new(append(slices.Clone(c.all()), a)))
	c.running.Go(func() {
		defer m.end()
		c.left(a, a.run(ctx), stop)
	})
}

// left takes an actor out that ended, with the NameNode's refusal if it was one.
func (c *crew) left(a *actor, err error, stop context.CancelCauseFunc) {
	c.d.claims.leave(a)
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[a]
	delete(c.members, a)
	rest := slices.DeleteFunc(slices.Clone(c.all()), func(o *actor) bool { return o == a })
	c.actors.Store(&rest)
	if err != nil {
		if m.found {
			c.refused[a.nn.addr] = m.id
		} else {
			c.refusals = append(c.refusals, err)
		}
		if errors.Is(err, replicas.ErrIdentity) && !c.d.attached() {
			stop(err)
		} else if len(rest) > 0 || m.found {
			c.d.log.Error("NameNode given up", "namenode", a.nn.name, "err", err)
		}
	}
	if len(rest) == 0 {
		close(c.empty)
	}
}

// lost is told of each connection that broke.
func (c *crew) lost(addr string) {
	for _, a := range c.all() {
		if a.nn.addr == addr {
			a.broken.Store(true)
			a.out.ring()
		}
	}
}

// enrolled is told of each registration: time to ask who else there is.
func (c *crew) enrolled(a *actor) {
	c.mu.Lock()
	if m := c.members[a]; m != nil {
		m.mute = false // it may be a newer one
	}
	c.mu.Unlock()
	select {
	case c.soon <- struct{}{}:
	default: // it will anyway
	}
}

// look asks for all NameNodes again and again.
func (c *crew) look(ctx context.Context, stop context.CancelCauseFunc) {
	t := time.NewTicker(min(c.d.set.heartbeat, lookPause))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.empty:
			return
		case <-t.C:
		case <-c.soon:
		}
		if list := c.list(ctx); len(list) > 0 {
			c.learn(ctx, list, stop)
		}
	}
}

// list asks the NameNodes that are live, the active one first, until one tells.
func (c *crew) list(ctx context.Context) map[string]discovery.NameNode {
	asked, known := slices.Clone(c.all()), []string(nil)
	for _, a := range asked {
		known = append(known, a.nn.addr)
	}
	active := c.d.claims.current()
	slices.SortStableFunc(asked, func(a, b *actor) int {
		switch {
		case a == active:
			return -1
		case b == active:
			return 1
		}
		return 0
	})
	for _, a := range asked {
		if !a.live.Load() || c.isMute(a) {
			continue
		}
		call, cancel := context.WithTimeout(ctx, lookTimeout)
		list, err := discovery.Ask(call, c.d.client, a.nn.addr)
		cancel()
		if err == nil {
			return discovery.Spelled(ctx, c.resolve, a.nn.addr, known, list, func(n discovery.NameNode) string { return n.ServiceAddr })
		}
		if discovery.Unknown(err) {
			c.mute(a)
		}
		c.d.log.Debug("NameNode does not tell of others", "namenode", a.nn.name, "err", err)
	}
	return nil
}

func (c *crew) isMute(a *actor) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[a]
	return m == nil || m.mute
}

func (c *crew) mute(a *actor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.members[a]; m != nil {
		m.mute = true
	}
}

// learn starts actors for NameNodes that are new, and ends those of NameNodes
// that were found once and are on no list any more.
func (c *crew) learn(ctx context.Context, list map[string]discovery.NameNode, stop context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.members) == 0 {
		return // this is the end
	}
	now := time.Now()
	for a, m := range c.members {
		n, listed := list[a.nn.addr]
		switch {
		case listed:
			m.seen, m.id = now, n.ID
			delete(list, a.nn.addr)
		case m.found && now.Sub(m.seen) >= c.goneFor:
			c.d.log.Info("NameNode is gone", "namenode", a.nn.name)
			m.end()
		}
	}
	for addr, n := range list {
		if id, no := c.refused[addr]; no && id == n.ID || ctx.Err() != nil {
			continue
		}
		delete(c.refused, addr)
		c.d.log.Info("another NameNode was found", "namenode", addr, "id", n.ID)
		c.add(ctx, namenode{name: addr, addr: addr}, &member{found: true, id: n.ID, seen: now}, stop)
	}
}
