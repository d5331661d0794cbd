package fakecluster

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/schema"
)

// A Datanode is a DataNode with one volume.
type Datanode struct {
	c        *Cluster
	Row      schema.Datanode
	Storage  blocks.StorageRef
	Replicas map[int64]blocks.ReportedReplica
	Down     bool // no heartbeat, no report
	Silent   bool // no incremental reports, and commands are lost
	Xceivers int
	Capacity int64
	Got      []blocks.Command // all commands so far
}

// AddDatanode starts a DataNode, which registers and reports its empty volume.
func (c *Cluster) AddDatanode(ip string, port int64) *Datanode {
	c.T.Helper()
	i := len(c.DN)
	d := &Datanode{c: c, Replicas: map[int64]blocks.ReportedReplica{}, Capacity: c.opt.Capacity,
		Row:     schema.Datanode{UUID: fmt.Sprintf("dn-%d", i), IP: ip, Host: "host-" + ip, XferPort: port, IpcPort: 9867, Version: "3.4.1"},
		Storage: blocks.StorageRef{UUID: fmt.Sprintf("DS-%d", i), Type: blocks.TypeDisk}}
	if len(c.opt.Racks) > 0 {
		d.Row.Location = c.opt.Racks[i%len(c.opt.Racks)]
	}
	c.DN = append(c.DN, d)
	d.Register()
	return d
}

// Register registers the DataNode with all NameNodes and sends its full report.
func (d *Datanode) Register() {
	d.c.T.Helper()
	for _, n := range d.c.living() {
		d.registerWith(n)
	}
}

func (d *Datanode) registerWith(n *NameNode) {
	d.c.T.Helper()
	d.c.must(n.Reg.Register(context.Background(), d.Row))
	d.reportTo(n, d.FullReportOf())
}

// FullReport sends the full report of the DataNode to all NameNodes.
func (d *Datanode) FullReport() {
	d.c.T.Helper()
	for _, n := range d.c.living() {
		d.reportTo(n, d.FullReportOf())
	}
}

// FullReportOf returns the full report that the DataNode would send now.
func (d *Datanode) FullReportOf() blocks.FullReport {
	rep := blocks.FullReport{Datanode: d.Row.UUID, Storage: d.Storage, Last: true}
	for _, id := range slices.Sorted(maps.Keys(d.Replicas)) {
		rep.Replicas = append(rep.Replicas, d.Replicas[id])
	}
	return rep
}

func (d *Datanode) reportTo(n *NameNode, rep blocks.FullReport) {
	d.c.T.Helper()
	if !n.Deaf {
		d.c.must(n.Reg.FullReport(context.Background(), rep))
	}
}

// Beat has every DataNode that is up send a heartbeat and do what it is told.
func (c *Cluster) Beat() {
	c.T.Helper()
	for _, d := range c.DN {
		if !d.Down {
			d.Beat()
		}
	}
}

// Beat sends one heartbeat to each NameNode and does what the answers say. It obeys
// the one that leads.
func (d *Datanode) Beat() {
	d.c.T.Helper()
	for _, n := range d.c.living() {
		d.BeatTo(n)
	}
}

// BeatTo sends one heartbeat to a NameNode and does what the answer says.
func (d *Datanode) BeatTo(n *NameNode) {
	d.c.T.Helper()
	hb := blocks.HeartbeatReport{Datanode: d.Row.UUID, Xceivers: d.Xceivers, Storages: []blocks.StorageUsage{{StorageRef: d.Storage,
		Capacity: d.Capacity, Used: d.used(), BlockPoolUsed: d.used(), Remaining: d.Capacity - d.used()}}}
	reply, err := n.Reg.Heartbeat(context.Background(), hb)
	d.c.must(err)
	if reply.Register {
		d.registerWith(n)
		return
	}
	if len(reply.Commands) > 0 && !n.Leads {
		d.c.T.Errorf("a NameNode that does not lead has commands: %+v", reply.Commands)
	}
	d.Got = append(d.Got, reply.Commands...)
	if d.Silent {
		return
	}
	for _, cmd := range reply.Commands {
		d.do(cmd)
	}
}

func (d *Datanode) used() (n int64) {
	for _, rep := range d.Replicas {
		n += rep.NumBytes
	}
	return n
}

// do carries a command out at once, with the reports that follow from it.
func (d *Datanode) do(cmd blocks.Command) {
	for _, t := range cmd.Transfer {
		have, ok := d.Replicas[t.Block.ID]
		if !ok || have.GenerationStamp != t.Block.GenerationStamp {
			continue
		}
		for _, target := range t.Targets {
			if to := d.c.Named(target.Datanode.UUID); !to.Down {
				to.Store(blocks.Block{ID: have.ID, GenerationStamp: have.GenerationStamp, NumBytes: have.NumBytes})
			}
		}
	}
	for _, b := range cmd.Invalidate {
		if have, ok := d.Replicas[b.ID]; ok && have.GenerationStamp == b.GenerationStamp {
			delete(d.Replicas, b.ID)
			d.Report(blocks.Event{Kind: blocks.Deleted, Block: have.Block})
		}
	}
	for _, rec := range cmd.Recover {
		d.recover(rec)
	}
}

// recover leads a block recovery: the shortest good replica decides.
func (d *Datanode) recover(rec blocks.Recovery) {
	s := blocks.Synchronization{Block: blocks.IDOf(&rec.Block.Block), NewStamp: rec.NewStamp, CloseFile: true, NewLength: -1}
	for _, t := range rec.Block.Targets {
		dn := d.c.Named(t.Datanode.UUID)
		rep, ok := dn.Replicas[rec.Block.BlockID]
		if dn.Down || !ok || rep.GenerationStamp < rec.Block.GenerationStamp {
			continue
		}
		if s.NewLength < 0 || rep.NumBytes < s.NewLength {
			s.NewLength = rep.NumBytes
		}
		s.Datanodes = append(s.Datanodes, dn.Row.UUID)
		s.StorageIDs = append(s.StorageIDs, dn.Storage.UUID)
	}
	if rec.Truncate && len(s.Datanodes) > 0 {
		s.NewLength = rec.TruncateTo
	}
	if len(s.Datanodes) == 0 {
		s.Delete, s.NewLength = true, 0
	}
	for _, uuid := range s.Datanodes {
		d.c.Named(uuid).Replicas[rec.Block.BlockID] = blocks.ReportedReplica{State: blocks.ReportFinalized,
			Block: blocks.Block{ID: rec.Block.BlockID, GenerationStamp: rec.NewStamp, NumBytes: s.NewLength}}
	}
	for _, n := range d.c.living() {
		if !n.Leads {
			continue
		}
		if err := n.NS.CommitBlockSynchronization(context.Background(), s); err != nil {
			d.c.T.Logf("commitBlockSynchronization: %v", err)
		}
	}
	for _, uuid := range s.Datanodes {
		dn := d.c.Named(uuid)
		dn.Report(blocks.Event{Kind: blocks.Received, Block: dn.Replicas[rec.Block.BlockID].Block})
	}
}

// Named returns the DataNode with a UUID.
func (c *Cluster) Named(uuid string) *Datanode {
	for _, d := range c.DN {
		if d.Row.UUID == uuid {
			return d
		}
	}
	c.T.Fatalf("there is no DataNode %s", uuid)
	return nil
}

// Store finalizes a replica and reports it.
func (d *Datanode) Store(b blocks.Block) {
	d.Replicas[b.ID] = blocks.ReportedReplica{Block: b, State: blocks.ReportFinalized}
	d.Report(blocks.Event{Kind: blocks.Received, Block: b})
}

// Begin has a replica that is being written, with the bytes so far.
func (d *Datanode) Begin(b blocks.Block) {
	d.Replicas[b.ID] = blocks.ReportedReplica{Block: b, State: blocks.ReportRBW}
}

// Report sends an incremental report of its volume to all NameNodes, unless it is
// silent.
func (d *Datanode) Report(events ...blocks.Event) {
	d.c.T.Helper()
	for _, n := range d.c.living() {
		if !d.Silent && !d.Down {
			d.ReportTo(n, events...)
		}
	}
}

// ReportTo sends an incremental report to one NameNode, if it hears it.
func (d *Datanode) ReportTo(n *NameNode, events ...blocks.Event) {
	d.c.T.Helper()
	if !n.Deaf {
		d.c.must(n.Reg.Incremental(context.Background(), d.Row.UUID, []blocks.Events{{Storage: d.Storage, Events: events}}))
	}
}
