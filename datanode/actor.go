package datanode

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/blockreport"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
)

const datanodeProtocol = "org.apache.hadoop.hdfs.server.protocol.DatanodeProtocol"

const (
	awayPause  = 500 * time.Millisecond // between tries of a NameNode that is out of reach
	errorPause = time.Second            // after a call that it answered with an error
)

// The answers of a NameNode after which its actor ends for good.
var fatalClasses = map[string]bool{
	"org.apache.hadoop.hdfs.protocol.UnregisteredNodeException":          true,
	"org.apache.hadoop.hdfs.server.protocol.DisallowedDatanodeException": true,
	"org.apache.hadoop.hdfs.server.common.IncorrectVersionException":     true,
}

// actor speaks to one NameNode. run is its only goroutine; others leave notes in
// its outbox and wake it.
type actor struct {
	d   *DataNode
	nn  namenode
	out *outbox

	live   atomic.Bool // registered, and the last call was answered
	slow   atomic.Bool // it takes long to hear of changes
	broken atomic.Bool // its connection broke

	reg        *datanodepb.DatanodeRegistrationProto
	buffers    bool // the NameNode understands byte buffers in reports
	registered bool
	complained bool // the NameNode is known to be out of reach
	nextBeat   time.Time
	nextFull   time.Time
	nextIncr   time.Time
	firstFull  bool
	lease      uint64
}

func newActor(d *DataNode, nn namenode) *actor {
	return &actor{d: d, nn: nn, out: newOutbox()}
}

// run returns when ctx ends, or with the NameNode's final refusal.
func (a *actor) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if !a.registered {
			if err := a.register(ctx); err != nil {
				return err
			}
			continue
		}
		err := a.step(ctx)
		if err == nil {
			a.rest(ctx)
			continue
		}
		if fatal(err) {
			return fmt.Errorf("NameNode %s: %w", a.nn.name, err)
		}
		pause(ctx, a.complain(ctx, err))
	}
	return nil
}

func fatal(err error) bool {
	var e *rpc.Exception
	return errors.As(err, &e) && fatalClasses[e.Class] || errors.Is(err, replicas.ErrIdentity)
}

// complain logs a failed call; while a NameNode is away only the first time. It
// answers how long to wait before the next one.
func (a *actor) complain(ctx context.Context, err error) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	var answer *rpc.Exception
	if away := !errors.As(err, &answer); away {
		if !a.complained {
			a.d.log.Warn("NameNode is out of reach, trying on", "namenode", a.nn.name, "err", err)
		}
		a.complained = true
		a.live.Store(false)
		return awayPause
	}
	a.d.log.Warn("NameNode answered with an error", "namenode", a.nn.name, "class", answer.Class, "err", err)
	return errorPause
}

func (a *actor) reached() {
	a.live.Store(a.registered)
	if a.complained {
		a.d.log.Info("NameNode is back", "namenode", a.nn.name)
	}
	a.complained = false
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (a *actor) call(ctx context.Context, method string, req, resp proto.Message) error {
	err := a.d.client.Call(ctx, a.nn.addr, datanodeProtocol, method, req, resp)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	a.reached()
	return nil
}

// register greets the NameNode, checks that it is of this DataNode's cluster, and
// registers. It tries until it succeeds, ctx ends or the NameNode refuses.
func (a *actor) register(ctx context.Context) error {
	for ctx.Err() == nil {
		info := new(datanodeInfo)
		err := a.hello(ctx, info)
		if err == nil {
			err = a.enrol(ctx, info)
		}
		if err == nil {
			return nil
		}
		if fatal(err) || errors.Is(err, replicas.ErrVolume) {
			return fmt.Errorf("NameNode %s: %w", a.nn.name, err)
		}
		pause(ctx, a.complain(ctx, err))
	}
	return nil
}

// datanodeInfo is what a versionRequest told.
type datanodeInfo struct {
	replicas.Identity
	ns *hdfspb.NamespaceInfoProto
}

func (a *actor) hello(ctx context.Context, info *datanodeInfo) error {
	resp := new(hdfspb.VersionResponseProto)
	if err := a.call(ctx, "versionRequest", &hdfspb.VersionRequestProto{}, resp); err != nil {
		return err
	}
	ns := resp.GetInfo()
	st := ns.GetStorageInfo()
	info.ns = ns
	info.Identity = replicas.Identity{ClusterID: st.GetClusterID(), NamespaceID: st.GetNamespceID(), CTime: st.GetCTime(), Pool: ns.GetBlockPoolID()}
	if info.Pool == "" || info.ClusterID == "" {
		return errors.New("versionRequest: the NameNode named no block pool or cluster")
	}
	return nil
}

func (a *actor) enrol(ctx context.Context, info *datanodeInfo) error {
	a.d.identity.Lock()
	err := a.d.store.Attach(info.Identity)
	a.d.identity.Unlock()
	if err != nil {
		return err
	}
	resp := new(datanodepb.RegisterDatanodeResponseProto)
	reg := a.d.registration(info.Identity)
	if err := a.call(ctx, "registerDatanode", &datanodepb.RegisterDatanodeRequestProto{Registration: reg}, resp); err != nil {
		return err
	}
	if got := resp.GetRegistration().GetDatanodeID().GetDatanodeUuid(); got != a.d.UUID() {
		return &rpc.Exception{Class: "org.apache.hadoop.hdfs.server.common.IncorrectVersionException",
			Message: fmt.Sprintf("Inconsistent Datanode IDs: registered as %s, the NameNode answered for %s", a.d.UUID(), got)}
	}
	reg.DatanodeID = resp.GetRegistration().GetDatanodeID() // with the address that the NameNode sees
	a.d.self.Store(reg.DatanodeID)
	a.reg, a.registered, a.lease = reg, true, 0
	a.live.Store(true)
	a.buffers = info.ns.GetCapabilities()&blockreport.CapabilityBuffers != 0
	a.d.claims.hello(a, info.ns.State)
	now := time.Now()
	a.nextBeat, a.nextFull, a.firstFull = now, now.Add(spread(a.d.set.reportDelay)), true
	a.d.log.Info("registered", "namenode", a.nn.name, "pool", info.Pool, "address", reg.GetDatanodeID().GetIpAddr())
	a.d.crew.enrolled(a)
	a.d.up()
	return nil
}

// spread is a random part of d.
func spread(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}

// registration is what every request carries.
func (d *DataNode) registration(id replicas.Identity) *datanodepb.DatanodeRegistrationProto {
	ip := "0.0.0.0"
	if t := tcpIP(d.DataAddr()); t != "" {
		ip = t
	}
	return &datanodepb.DatanodeRegistrationProto{
		DatanodeID: &hdfspb.DatanodeIDProto{IpAddr: proto.String(ip), HostName: proto.String(d.set.hostname),
			DatanodeUuid: proto.String(d.UUID()), XferPort: proto.Uint32(port(d.DataAddr())),
			InfoPort: proto.Uint32(port(d.HTTPAddr())), IpcPort: proto.Uint32(port(d.IPCAddr()))},
		StorageInfo: &hdfspb.StorageInfoProto{LayoutVersion: proto.Uint32(layoutVersion), NamespceID: proto.Uint32(id.NamespaceID),
			ClusterID: proto.String(id.ClusterID), CTime: proto.Uint64(id.CTime)},
		Keys: &hdfspb.ExportedBlockKeysProto{IsBlockTokenEnabled: proto.Bool(false), KeyUpdateInterval: proto.Uint64(0),
			TokenLifeTime: proto.Uint64(0), CurrentKey: &hdfspb.BlockKeyProto{KeyId: proto.Uint32(0), ExpiryDate: proto.Uint64(0)}},
		SoftwareVersion: proto.String(Version),
	}
}

// step does what is due: heartbeat, incremental reports, full report.
func (a *actor) step(ctx context.Context) error {
	now := time.Now()
	if a.broken.Swap(false) {
		a.nextBeat = now // it may have been restarted, and not know this node any more
	}
	if a.out.takeLost() {
		a.nextFull = now
	}
	beat := !now.Before(a.nextBeat)
	if beat {
		if err := a.beat(ctx, now); err != nil || !a.registered {
			return err
		}
	}
	if a.out.due(beat) && !now.Before(a.nextIncr) {
		if err := a.sendIncremental(ctx); err != nil {
			return err
		}
		a.nextIncr = now.Add(a.d.set.incremental)
	}
	if err := a.sendNotes(ctx); err != nil {
		return err
	}
	asked := a.out.takeFull()
	if !asked && a.lease == 0 {
		return nil
	}
	err := a.sendFull(ctx)
	if err != nil && asked {
		a.out.askFull()
	}
	return err
}

// rest waits for the next heartbeat or for something to report.
func (a *actor) rest(ctx context.Context) {
	wait := time.Until(a.nextBeat)
	if a.out.due(false) {
		wait = min(wait, time.Until(a.nextIncr))
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-a.out.wake:
	}
}

// layoutVersion travels as an unsigned number.
const layoutVersion = uint32(1<<32 + replicas.LayoutVersion)
