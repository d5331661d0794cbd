// Package namenode is the NameNode as a process: it opens the store, starts the
// engine, the rules, the protocols and the background work in order, and stops them
// in the opposite order. It promises that nothing is served before all of it is
// ready, and that what was answered before a stop is in the store. What the parts
// do it does not know.
package namenode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/hadoop/conf"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/audit"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/election"
	"github.com/hopsql/hopsql/namenode/fsck"
	"github.com/hopsql/hopsql/namenode/groups"
	"github.com/hopsql/hopsql/namenode/hosts"
	"github.com/hopsql/hopsql/namenode/metrics"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/namenode/rpc"
	"github.com/hopsql/hopsql/namenode/topology"
	"github.com/hopsql/hopsql/namenode/web"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Version of this program.
const Version = "0.1.0"

// Options of a process that are not in the configuration.
type Options struct {
	// Reload reads the configuration again, for the calls that refresh a part of it.
	Reload func() (*conf.Config, error)
	Logger *slog.Logger
	// Ready, if not nil, is called once everything is served, with the addresses.
	Ready func(Addresses)
	// Salvage copies what is left of files for `hdfs fsck -move`; nil if nothing can.
	Salvage fsck.Salvage
}

// Addresses are where a running NameNode is reached.
type Addresses struct {
	RPC, Service, HTTP string // host:port; Service may be empty
}

// stopPatience is how long running calls may go on after a stop was asked for.
// Hadoop's scripts kill a daemon that is not gone after 5 s.
const stopPatience = 3 * time.Second

// Run is Start, for a configuration alone.
func Run(ctx context.Context, c *conf.Config) error { return RunWith(ctx, c, Options{}) }

// RunWith serves until ctx ends, and returns nil if everything stopped cleanly. An
// error before it is ready says what an operator can do. A store that cannot be
// reached is waited for.
func RunWith(ctx context.Context, c *conf.Config, opt Options) error {
	began := time.Now()
	log := opt.Logger
	if log == nil {
		log = slog.Default()
	}
	set, err := readSettings(c)
	if err != nil {
		return err
	}
	warnings, err := checkUnserved(c)
	if err != nil {
		return err
	}
	limitMemory(set.memory)
	for _, w := range append(c.Warnings(), warnings...) {
		log.Warn(w)
	}
	p := &process{conf: c, set: set, log: log, opt: opt, metrics: metrics.New()}
	defer p.stop()
	if err := p.start(ctx); err != nil {
		return err
	}
	log.Info(fmt.Sprintf("NameNode up: rpc %s http %s store %s in %d ms",
		p.set.rpc.public, p.set.http.public, storeName(c, p.store), time.Since(began).Milliseconds()))
	if opt.Ready != nil {
		opt.Ready(Addresses{RPC: set.rpc.public, Service: set.service.public, HTTP: set.http.public})
	}
	return p.wait(ctx)
}

// collectAt is how many percent of what is in use may be garbage before it is
// collected, within the memory limit: calls leave much behind, and little is in use.
const collectAt = 400

// limitMemory tells the Go runtime what to stay below, unless GOMEMLIMIT says it, and
// to collect garbage less often than by default, unless GOGC says how often.
func limitMemory(limit int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if limit < 0 {
		if os.Getenv("GOMEMLIMIT") != "" {
			return
		}
		limit = defaultMemory
	}
	if limit > 0 {
		debug.SetMemoryLimit(limit)
	}
}

// process is a NameNode between start and stop. Fields are set as start gets on.
type process struct {
	conf *conf.Config
	set  *settings
	log  *slog.Logger
	opt  Options

	store   dal.Store
	engine  *txn.Engine
	blocks  *blocks.Registry
	safe    *blocks.Safe
	racks   *topology.Mapping
	ns      *namespace.Namespace
	node    *election.Node
	audit   *audit.Log
	groups  *groups.Mapping
	checks  *fsck.Checker
	servers []*ipc.Server
	metrics *metrics.Metrics
	ports   []*metrics.Port // of the servers
	web     *web.Server

	listeners []net.Listener // not yet taken over by a server
	loops     sync.WaitGroup
	quit      context.CancelFunc // of the loops
	broken    chan error         // a part that ended by itself
	taken     broadcast          // of the lead
	clock     *clock
}

func (p *process) start(ctx context.Context) error {
	p.broken = make(chan error, 8)
	// The ports come first: who holds them is the NameNode of that address, and one
	// that is taken shows before anything else is touched.
	ports, err := p.listen()
	if err != nil {
		return err
	}
	id, err := p.openStore(ctx)
	if err != nil {
		return err
	}
	if err := p.startRules(ctx, id); err != nil {
		return err
	}
	svc, err := p.service(id)
	if err != nil {
		return err
	}
	for _, l := range ports.rpc {
		if err := p.serve(svc, l, svc.Register); err != nil {
			return err
		}
	}
	if ports.lifeline != nil {
		if err := p.serve(svc, ports.lifeline, svc.RegisterLifeline); err != nil {
			return err
		}
	}
	counting, _ := p.store.(dal.Counting) // memory does not count
	p.metrics.Add(&metrics.State{Load: p.engine.Load, Store: counting, Leads: p.leads})
	p.web = web.New(web.Config{Conf: p.conf, Identity: id, Blocks: p.blocks, Safe: p.safe, Leader: p.node.Leader, Living: p.node.Living,
		Fsck: p.checks, Groups: p.groups.Of,
		RPCAddress: p.set.rpc.public, Version: rpc.SoftwareVersion + ", hopsql " + Version, Audit: p.audit,
		Metrics: p.metrics, Ports: p.ports, Prometheus: p.set.prometheus, Profile: p.set.profile, Logger: p.log})
	p.listeners = nil // every one has its server now
	go func() { p.broken <- p.web.Serve(ports.http) }()
	p.startLoops()
	return nil
}

// ports are the open ports of a process.
type ports struct {
	rpc            []net.Listener
	http, lifeline net.Listener // lifeline may be nil
}

func (p *process) listen() (ports, error) {
	var out ports
	for _, e := range []*endpoint{&p.set.rpc, &p.set.service, &p.set.lifeline, &p.set.http} {
		if e.public == "" {
			continue
		}
		l, err := e.open()
		if err != nil {
			return out, err
		}
		p.listeners = append(p.listeners, l)
		switch e {
		case &p.set.http:
			out.http = l
		case &p.set.lifeline:
			out.lifeline = l
		default:
			out.rpc = append(out.rpc, l)
		}
	}
	return out, nil
}

// openStore opens the store and checks that this program can serve from it.
func (p *process) openStore(ctx context.Context) (id rpc.Identity, err error) {
	err = persist(ctx, p.log, func() (err error) {
		if p.store == nil {
			if p.store, err = openStore(ctx, p.conf); err != nil {
				p.store = nil
				return err
			}
		}
		id, err = identify(ctx, p.store)
		return err
	})
	return id, err
}

// startRules starts everything between the store and the wire.
func (p *process) startRules(ctx context.Context, id rpc.Identity) error {
	var nodeID int64
	err := persist(ctx, p.log, func() (err error) {
		nodeID, err = election.NewID(ctx, p.store)
		return err
	})
	if err != nil {
		return err
	}
	p.clock = &clock{store: p.store, local: time.Now, wall: time.Now, log: p.log}
	if err := persist(ctx, p.log, func() error { return p.clock.compare(ctx) }); err != nil {
		return fmt.Errorf("read the clock of the store: %w", err)
	}
	p.engine, err = txn.New(p.store, txn.Options{NodeID: nodeID, Now: p.clock.now, Hints: p.set.hints, HintIndexes: blocks.HintIndexes,
		Observer: p.metrics.Engine, Logger: p.log})
	if err != nil {
		return err
	}
	p.set.blocks.Logger, p.set.blocks.Now, p.set.safe.Now = p.log, p.clock.now, p.clock.now
	p.set.blocks.Others = func() bool { return p.node.Others() }
	p.set.blocks.Fence = func(ctx context.Context) context.Context { return p.node.Fence(ctx) }
	if p.racks, err = topology.FromConf(p.conf, p.log); err != nil {
		return err
	}
	if p.set.blocks.Hosts, err = hosts.FromConf(ctx, p.conf, p.log); err != nil {
		return err
	}
	p.set.blocks.Racks = p.racks
	p.blocks = blocks.NewRegistry(p.engine, p.set.blocks)
	if err := persist(ctx, p.log, func() error { return p.blocks.Load(ctx) }); err != nil {
		return fmt.Errorf("load the DataNodes: %w", err)
	}
	p.safe = blocks.NewSafe(p.engine, p.blocks, p.set.safe)
	p.ns = namespace.New(p.engine, p.blocks, p.safe, p.set.namespace)
	if err := persist(ctx, p.log, func() error { return p.join(ctx, id, nodeID) }); err != nil {
		return err
	}
	// A file system without blocks has nothing to wait for, and beside others there is
	// no safe mode of the start.
	if err := persist(ctx, p.log, func() error { return p.safe.Check(ctx) }); err != nil {
		return fmt.Errorf("safe mode: %w", err)
	}
	return nil
}

// join enters the heartbeat table.
func (p *process) join(ctx context.Context, id rpc.Identity, nodeID int64) (err error) {
	p.node, err = election.Join(ctx, election.Config{
		Store: p.store, Engine: p.engine, NamespaceID: id.NamespaceID, Interval: p.set.interval, Missed: p.set.missed,
		Alone: exclusive(p.store), Load: p.load, Logger: p.log,
		OnLead: p.blocks.TakeOver, Leads: p.taken.tell, OnLose: p.blocks.Resign,
		Self: schema.Namenode{ID: nodeID, RPCAddress: p.set.rpc.public, ServiceAddress: p.set.service.public,
			HTTPAddress: p.set.http.public, Version: Version, Started: time.Now().UnixMilli()},
	})
	return err
}

func (p *process) leads() bool {
	leads, _ := p.node.Leader()
	return leads
}

// load is the number of calls in progress.
func (p *process) load() (n int64) {
	for _, s := range p.servers {
		n += int64(s.Stats().Running)
	}
	return n
}

// service makes the protocols.
func (p *process) service(id rpc.Identity) (*rpc.Service, error) {
	var err error
	if p.audit, err = audit.Open(p.set.audit, p.log); err != nil {
		return nil, fmt.Errorf("%s: %w", keyAuditLog, err)
	}
	p.set.groups.Logger = p.log
	p.groups = groups.New(p.set.groups)
	p.checks = p.checker(id)
	return rpc.New(rpc.Config{
		Namespace: p.ns, Blocks: p.blocks, Safe: p.safe, Groups: p.groups, Racks: p.racks, Audit: p.audit, Identity: id,
		Defaults: p.set.namespace.Defaults, Leader: p.node.Leader, Living: p.node.Living, Serve: p.node.Serve,
		Conf: p.conf, Reload: p.opt.Reload, MetaSave: p.metaSave,
		Build: "hopsql " + Version, Logger: p.log,
	})
}

// serve answers calls on one port, those that register adds.
func (p *process) serve(svc *rpc.Service, l net.Listener, register func(*ipc.Server)) error {
	_, number, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	port := p.metrics.NewPort(number)
	srv, err := ipc.NewServer(ipc.ServerConfig{Listener: l, Handlers: p.set.calls, MaxRequest: p.set.maxRequest,
		MaxConnections: p.set.maxConnections, Logger: p.log, Authorize: svc.Authorize, Observe: port.Observe})
	if err != nil {
		return err
	}
	register(srv)
	port.Watch(srv)
	p.servers, p.ports = append(p.servers, srv), append(p.ports, port)
	go func() { p.broken <- srv.Serve() }()
	return nil
}

// wait returns when ctx ends (nil) or a part breaks (its error).
func (p *process) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-p.broken:
		if err == nil {
			err = errors.New("a server ended by itself")
		}
		return err
	}
}

// stop takes down what start brought up, in the opposite order.
func (p *process) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	for _, l := range p.listeners {
		l.Close()
	}
	if p.web != nil {
		p.web.Shutdown(ctx)
	}
	var wg sync.WaitGroup
	if p.node != nil {
		// At once: the next leader need not wait until the last call is answered.
		wg.Go(p.leave)
	}
	for _, s := range p.servers {
		wg.Go(func() {
			if err := s.Shutdown(ctx); err != nil {
				p.log.Warn("calls were broken off by the stop", "err", err)
			}
		})
	}
	wg.Wait()
	if p.quit != nil {
		p.quit()
	}
	p.loops.Wait()
	if p.engine != nil {
		p.engine.Close()
	}
	if err := p.audit.Close(); err != nil {
		p.log.Warn("the audit log could not be closed", "err", err)
	}
	if p.store != nil {
		if err := p.store.Close(); err != nil {
			p.log.Warn("the metadata store could not be closed", "err", err)
		}
	}
}

func (p *process) leave() {
	flush, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := p.blocks.Flush(flush); err != nil {
		p.log.Warn("reports that were left to this NameNode could not be written; the next leader asks for them", "err", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := p.node.Leave(ctx); err != nil {
		p.log.Warn("the heartbeat row of this NameNode could not be removed", "err", err)
	}
}
