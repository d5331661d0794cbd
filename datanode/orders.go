package datanode

import (
	"context"
	"net"
	"os"
	"os/user"
	"sync"
	"time"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
)

// lastAnswer is how long a DataNode that was told to stop waits, so that who told it hears
// of it.
const lastAnswer = 200 * time.Millisecond

// writers are the connections that replicas are being written over.
type writers struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
}

// add notes a connection until done is called.
func (w *writers) add(c net.Conn) (done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		w.open = map[net.Conn]struct{}{}
	}
	w.open[c] = struct{}{}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.open, c)
	}
}

// closeAll ends the writes and returns how many they were.
func (w *writers) closeAll() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.open {
		c.Close()
	}
	return len(w.open)
}

// requireSuper returns an error unless the caller is the user of this process or in the
// group of superusers, as this machine knows it.
func (d *DataNode) requireSuper(c *rpc.Call) error {
	if me := os.Getenv("HADOOP_USER_NAME"); me != "" && c.User == me {
		return nil
	}
	if me, err := user.Current(); err == nil && c.User == me.Username {
		return nil
	}
	if u, err := user.Lookup(c.User); err == nil {
		ids, err := u.GroupIds()
		for _, id := range ids {
			if g, unknown := user.LookupGroupId(id); err == nil && unknown == nil && g.Name == d.set.superGroup {
				return nil
			}
		}
	}
	return &rpc.Exception{Class: classAccess, Message: "User " + c.User + " is not a superuser of this DataNode"}
}

// evictWriters ends all writes to this DataNode. Clients go on with the others of their
// pipelines.
func (d *DataNode) evictWriters(_ context.Context, c *rpc.Call, _ *hdfspb.EvictWritersRequestProto) (*hdfspb.EvictWritersResponseProto, error) {
	if err := d.requireSuper(c); err != nil {
		return nil, err
	}
	d.log.Info("writers were evicted", "by", c.User, "writers", d.writers.closeAll())
	return &hdfspb.EvictWritersResponseProto{}, nil
}

// shutdownDatanode makes Run return once this call is answered.
func (d *DataNode) shutdownDatanode(_ context.Context, c *rpc.Call, q *hdfspb.ShutdownDatanodeRequestProto) (*hdfspb.ShutdownDatanodeResponseProto, error) {
	if err := d.requireSuper(c); err != nil {
		return nil, err
	}
	if q.GetForUpgrade() {
		return nil, &rpc.Exception{Class: classUnsupported, Message: "this DataNode cannot have its clients wait for its upgrade; shut it down without"}
	}
	d.log.Info("this DataNode was told to stop", "by", c.User)
	time.AfterFunc(lastAnswer, d.end)
	return &hdfspb.ShutdownDatanodeResponseProto{}, nil
}
