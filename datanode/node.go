package datanode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
)

// Version is the Hadoop release whose DataNode this one behaves like; NameNodes
// compare it with their least supported version.
const Version = "3.4.3"

// stopWait is how long a stop waits for calls in progress.
const stopWait = 5 * time.Second

// DataNode is one DataNode process.
type DataNode struct {
	set   *settings
	log   *slog.Logger
	ready func(*DataNode)
	start time.Time

	store  *replicas.Store
	client *rpc.Client
	claims *claims
	crew   *crew
	peers  *datatransfer.Peers
	data   net.Listener
	ipc    *rpc.Server
	web    *http.Server
	webLn  net.Listener

	self       atomic.Pointer[hdfspb.DatanodeIDProto] // as the NameNode that registered it last sees it
	sessions   sessions
	writers    writers
	xmits      atomic.Int32 // replicas being sent to other nodes
	registered sync.Once

	// jobs are the copies and recoveries in the background; quit tells them to end.
	jobs     sync.WaitGroup
	quit     context.Context
	end      context.CancelFunc // makes Run return
	balance  *throttle
	identity sync.Mutex // orders first contacts with NameNodes
}

// Option changes how New builds a DataNode.
type Option func(*DataNode)

// WithLogger logs to l instead of slog.Default().
func WithLogger(l *slog.Logger) Option { return func(d *DataNode) { d.log = l } }

// WithReady calls f once, when the first NameNode has registered the DataNode.
func WithReady(f func(*DataNode)) Option { return func(d *DataNode) { d.ready = f } }

// New reads the configuration. It touches no file and no port: Run does.
func New(cfg *conf.Config, opts ...Option) (*DataNode, error) {
	set, err := readSettings(cfg)
	if err != nil {
		return nil, err
	}
	d := &DataNode{set: set, log: slog.Default(), start: time.Now()}
	for _, o := range opts {
		o(d)
	}
	d.claims = newClaims(d.log)
	d.crew = newCrew(d)
	d.balance = newThrottle(set.bandwidth)
	return d, nil
}

// Run serves until ctx ends or a superuser has it stop; then it closes its connections and returns nil.
// Replicas being written stay as they are on disk. An error says why it cannot
// serve: a folder or port that cannot be used, a NameNode of another cluster, or
// NameNodes that all refused it.
func (d *DataNode) Run(ctx context.Context) error {
	store, err := replicas.Open(replicas.Options{Dirs: d.set.dirs, Reserved: d.set.reserved,
		SyncOnClose: d.set.syncOnClose, FailedTolerated: int(d.set.failedTolerated), Logger: d.log})
	if err != nil {
		return fmt.Errorf("dfs.datanode.data.dir: %w", err)
	}
	d.store = store
	ctx, d.end = context.WithCancel(ctx)
	defer d.end()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	d.quit = ctx
	err = d.listen()
	if err == nil {
		err = d.serve(ctx, stop)
	}
	d.shutdown()
	return errors.Join(err, store.Close())
}

// listen binds the three ports.
func (d *DataNode) listen() (err error) {
	if d.data, err = bind("dfs.datanode.address", d.set.dataAddr); err != nil {
		return err
	}
	if d.webLn, err = bind("dfs.datanode.http.address", d.set.httpAddr); err != nil {
		return err
	}
	ln, err := bind("dfs.datanode.ipc.address", d.set.ipcAddr)
	if err != nil {
		return err
	}
	d.ipc, err = rpc.NewServer(rpc.ServerConfig{Listener: ln, Handlers: int(d.set.handlers), Logger: d.log})
	if err != nil {
		ln.Close()
		return err
	}
	d.registerProtocols()
	return nil
}

// bind listens on the address of a key; the error names both.
func bind(key, addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s (%s): %w", addr, key, unwrapOp(err))
	}
	return ln, nil
}

// unwrapOp drops "listen tcp ADDR:" which the caller has said already.
func unwrapOp(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// serve runs the servers and the actors until ctx ends or no NameNode is left.
func (d *DataNode) serve(ctx context.Context, stop context.CancelCauseFunc) error {
	d.client = rpc.NewClient(rpc.ClientConfig{Logger: d.log, Lost: d.crew.lost})
	d.peers = datatransfer.NewPeers(datatransfer.PeerConfig{Timeout: d.set.socketTimeout,
		UseHostname: d.set.useHostname, KeepAlive: -1})
	d.web = &http.Server{Handler: d.webHandler(), ReadHeaderTimeout: time.Minute}

	for name, f := range map[string]func() error{
		"data port": d.acceptSessions,
		"ipc port":  d.ipc.Serve,
		"http port": func() error { return d.web.Serve(d.webLn) },
	} {
		d.jobs.Go(func() {
			if err := f(); err != nil && ctx.Err() == nil && !errors.Is(err, http.ErrServerClosed) {
				stop(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	d.log.Info("DataNode waits for its NameNode", "namenodes", len(d.set.namenodes), "first", d.set.namenodes[0].addr)
	d.crew.run(ctx, stop)
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

// attached tells whether a NameNode's block pool is being served.
func (d *DataNode) attached() bool {
	d.identity.Lock()
	defer d.identity.Unlock()
	return d.store.Serving()
}

// shutdown closes everything that listen and serve opened, and waits.
func (d *DataNode) shutdown() {
	if d.data != nil {
		d.data.Close()
	}
	d.sessions.closeAll()
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	if d.web != nil {
		d.web.Close()
	}
	if d.webLn != nil {
		d.webLn.Close()
	}
	if d.ipc != nil {
		if err := d.ipc.Shutdown(ctx); err != nil {
			d.log.Warn("ipc server", "err", err)
		}
	}
	if d.client != nil {
		d.client.Close()
		d.peers.Close()
	}
	d.sessions.wait()
	d.jobs.Wait()
}

// up says once that the DataNode is registered.
func (d *DataNode) up() {
	d.registered.Do(func() {
		d.log.Info(fmt.Sprintf("DataNode up: data %s, ipc %s, http %s, DatanodeUuid %s, %d blocks in %d volumes", d.DataAddr(), d.ipc.Addr(),
			d.webLn.Addr(), d.store.DatanodeUUID(), d.store.Blocks(), len(d.store.Storages())))
		if d.ready != nil {
			d.ready(d)
		}
	})
}

// DataAddr is the address of the data port.
func (d *DataNode) DataAddr() net.Addr { return d.data.Addr() }

// IPCAddr is the address of the ipc port.
func (d *DataNode) IPCAddr() net.Addr { return d.ipc.Addr() }

// HTTPAddr is the address of the http port.
func (d *DataNode) HTTPAddr() net.Addr { return d.webLn.Addr() }

// UUID names the DataNode for ever.
func (d *DataNode) UUID() string { return d.store.DatanodeUUID() }

func port(a net.Addr) uint32 {
	if t, ok := a.(*net.TCPAddr); ok {
		return uint32(t.Port)
	}
	return 0
}
