package datanode

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
)

const clientDatanodeProtocol = "org.apache.hadoop.hdfs.protocol.ClientDatanodeProtocol"

// Java classes of the errors that callers tell apart.
const (
	classIO          = "java.io.IOException"
	classRecovering  = "org.apache.hadoop.hdfs.protocol.RecoveryInProgressException"
	classNotFound    = "org.apache.hadoop.hdfs.server.datanode.ReplicaNotFoundException"
	classUnsupported = "java.lang.UnsupportedOperationException"
	classAccess      = "org.apache.hadoop.security.AccessControlException"
)

func (d *DataNode) registerProtocols() {
	d.ipc.Register(interDatanodeProtocol, map[string]rpc.Method{
		"initReplicaRecovery":        rpc.Handle(d.initReplicaRecovery),
		"updateReplicaUnderRecovery": rpc.Handle(d.updateReplicaUnderRecovery),
	})
	d.ipc.Register(clientDatanodeProtocol, map[string]rpc.Method{
		"getReplicaVisibleLength": rpc.Handle(d.getReplicaVisibleLength),
		"getDatanodeInfo":         rpc.Handle(d.getDatanodeInfo),
		"getVolumeReport":         rpc.Handle(d.getVolumeReport),
		"triggerBlockReport":      rpc.Handle(d.triggerBlockReport),
		"getBalancerBandwidth":    rpc.Handle(d.getBalancerBandwidth),
		"evictWriters":            rpc.Handle(d.evictWriters),
		"shutdownDatanode":        rpc.Handle(d.shutdownDatanode),

		"refreshNamenodes":             refuse[hdfspb.RefreshNamenodesRequestProto, hdfspb.RefreshNamenodesResponseProto]("refreshNamenodes"),
		"deleteBlockPool":              refuse[hdfspb.DeleteBlockPoolRequestProto, hdfspb.DeleteBlockPoolResponseProto]("deleteBlockPool"),
		"getBlockLocalPathInfo":        refuse[hdfspb.GetBlockLocalPathInfoRequestProto, hdfspb.GetBlockLocalPathInfoResponseProto]("getBlockLocalPathInfo"),
		"getReconfigurationStatus":     refuse[hdfspb.GetReconfigurationStatusRequestProto, hdfspb.GetReconfigurationStatusResponseProto]("getReconfigurationStatus"),
		"startReconfiguration":         refuse[hdfspb.StartReconfigurationRequestProto, hdfspb.StartReconfigurationResponseProto]("startReconfiguration"),
		"listReconfigurableProperties": refuse[hdfspb.ListReconfigurablePropertiesRequestProto, hdfspb.ListReconfigurablePropertiesResponseProto]("listReconfigurableProperties"),
		"submitDiskBalancerPlan":       refuse[hdfspb.SubmitDiskBalancerPlanRequestProto, hdfspb.SubmitDiskBalancerPlanResponseProto]("submitDiskBalancerPlan"),
		"cancelDiskBalancerPlan":       refuse[hdfspb.CancelPlanRequestProto, hdfspb.CancelPlanResponseProto]("cancelDiskBalancerPlan"),
		"queryDiskBalancerPlan":        refuse[hdfspb.QueryPlanStatusRequestProto, hdfspb.QueryPlanStatusResponseProto]("queryDiskBalancerPlan"),
		"getDiskBalancerSetting":       refuse[hdfspb.DiskBalancerSettingRequestProto, hdfspb.DiskBalancerSettingResponseProto]("getDiskBalancerSetting"),
	})
}

// refuse is a method that this DataNode does not offer.
func refuse[Q, R any, PQ interface {
	*Q
	proto.Message
}, PR interface {
	*R
	proto.Message
}](name string) rpc.Method {
	return rpc.Handle(func(context.Context, *rpc.Call, PQ) (PR, error) {
		return nil, &rpc.Exception{Class: classUnsupported, Message: name + " is not supported by this DataNode"}
	})
}

// exception gives an error its Java class.
func exception(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, replicas.ErrRecovering):
		return &rpc.Exception{Class: classRecovering, Message: err.Error()}
	case errors.Is(err, replicas.ErrNotFound):
		return &rpc.Exception{Class: classNotFound, Message: err.Error()}
	}
	return &rpc.Exception{Class: classIO, Message: err.Error()}
}

func (d *DataNode) initReplicaRecovery(_ context.Context, _ *rpc.Call, q *hdfspb.InitReplicaRecoveryRequestProto) (*hdfspb.InitReplicaRecoveryResponseProto, error) {
	b, err := d.blockOf(q.GetBlock().GetBlock().GetB())
	if err != nil {
		return nil, exception(err)
	}
	info, err := d.store.BeginRecovery(b, q.GetBlock().GetNewGenStamp())
	if errors.Is(err, replicas.ErrNotFound) {
		return &hdfspb.InitReplicaRecoveryResponseProto{ReplicaFound: proto.Bool(false)}, nil
	}
	if err != nil {
		return nil, exception(err)
	}
	return &hdfspb.InitReplicaRecoveryResponseProto{ReplicaFound: proto.Bool(true), State: info.State.Enum(),
		Block: &hdfspb.BlockProto{BlockId: proto.Uint64(uint64(info.ID)), GenStamp: proto.Uint64(info.Stamp), NumBytes: proto.Uint64(uint64(info.Length))}}, nil
}

func (d *DataNode) updateReplicaUnderRecovery(_ context.Context, _ *rpc.Call, q *hdfspb.UpdateReplicaUnderRecoveryRequestProto) (*hdfspb.UpdateReplicaUnderRecoveryResponseProto, error) {
	b, err := d.blockOf(q.GetBlock())
	if err != nil {
		return nil, exception(err)
	}
	storage, err := d.endRecoveryHere(b.ID, int64(q.GetBlock().GetNumBytes()), q.GetRecoveryId(), int64(q.GetNewBlockId()), int64(q.GetNewLength()))
	if err != nil {
		return nil, exception(err)
	}
	return &hdfspb.UpdateReplicaUnderRecoveryResponseProto{StorageUuid: proto.String(storage)}, nil
}

// getReplicaVisibleLength tells how much of a replica clients may read; for a file
// that is being written only a DataNode knows.
func (d *DataNode) getReplicaVisibleLength(_ context.Context, _ *rpc.Call, q *hdfspb.GetReplicaVisibleLengthRequestProto) (*hdfspb.GetReplicaVisibleLengthResponseProto, error) {
	b, err := d.blockOf(q.GetBlock())
	if err != nil {
		return nil, exception(err)
	}
	info, err := d.store.Stat(b.ID)
	if err != nil {
		return nil, exception(err)
	}
	if info.Stamp < b.Stamp {
		return nil, exception(fmt.Errorf("%w: blk_%d here has stamp %d, older than %d", replicas.ErrState, b.ID, info.Stamp, b.Stamp))
	}
	if !info.Readable() {
		return nil, exception(fmt.Errorf("%w: blk_%d is %s and cannot be read", replicas.ErrState, b.ID, info.State))
	}
	return &hdfspb.GetReplicaVisibleLengthResponseProto{Length: proto.Uint64(uint64(info.Visible))}, nil
}

func (d *DataNode) getDatanodeInfo(context.Context, *rpc.Call, *hdfspb.GetDatanodeInfoRequestProto) (*hdfspb.GetDatanodeInfoResponseProto, error) {
	return &hdfspb.GetDatanodeInfoResponseProto{LocalInfo: &hdfspb.DatanodeLocalInfoProto{
		SoftwareVersion: proto.String(Version), ConfigVersion: proto.String("core-" + Version + ",hdfs-1"),
		Uptime: proto.Uint64(uint64(time.Since(d.start).Seconds()))}}, nil
}

func (d *DataNode) getVolumeReport(context.Context, *rpc.Call, *hdfspb.GetVolumeReportRequestProto) (*hdfspb.GetVolumeReportResponseProto, error) {
	resp := new(hdfspb.GetVolumeReportResponseProto)
	for _, st := range d.store.Storages() {
		resp.VolumeInfo = append(resp.VolumeInfo, &hdfspb.DatanodeVolumeInfoProto{Path: proto.String(st.Path), StorageType: st.Type.Enum(),
			UsedSpace: proto.Uint64(uint64(st.Used)), FreeSpace: proto.Uint64(uint64(st.Remaining)), ReservedSpace: proto.Uint64(uint64(st.Reserved)),
			ReservedSpaceForReplicas: proto.Uint64(uint64(st.Promised)), NumBlocks: proto.Uint64(uint64(st.Blocks))})
	}
	return resp, nil
}

// triggerBlockReport makes the reports go now, to one NameNode or to all.
func (d *DataNode) triggerBlockReport(ctx context.Context, _ *rpc.Call, q *hdfspb.TriggerBlockReportRequestProto) (*hdfspb.TriggerBlockReportResponseProto, error) {
	found := false
	for _, a := range d.crew.all() {
		if q.NnAddress != nil && !sameAddress(ctx, q.GetNnAddress(), a.nn.addr) {
			continue
		}
		found = true
		if q.GetIncremental() {
			a.out.hurry()
		} else {
			a.out.askFull()
		}
	}
	if !found {
		return nil, exception(fmt.Errorf("this DataNode reports to no NameNode at %s", q.GetNnAddress()))
	}
	return &hdfspb.TriggerBlockReportResponseProto{}, nil
}

// sameAddress reports whether two host:port are one: tools name hosts as they please.
func sameAddress(ctx context.Context, a, b string) bool {
	if a == b {
		return true
	}
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB {
		return false
	}
	ipsA, errA := net.DefaultResolver.LookupHost(ctx, hostA)
	ipsB, errB := net.DefaultResolver.LookupHost(ctx, hostB)
	return errA == nil && errB == nil && slices.ContainsFunc(ipsA, func(ip string) bool { return slices.Contains(ipsB, ip) })
}

func (d *DataNode) getBalancerBandwidth(context.Context, *rpc.Call, *hdfspb.GetBalancerBandwidthRequestProto) (*hdfspb.GetBalancerBandwidthResponseProto, error) {
	return &hdfspb.GetBalancerBandwidthResponseProto{Bandwidth: proto.Uint64(uint64(d.balance.current()))}, nil
}
