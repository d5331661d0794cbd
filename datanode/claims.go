package datanode

import (
	"log/slog"
	"sync"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// claims decides whose commands are obeyed when several NameNodes say that they
// are active: the one with the highest claim, a number that each sends with its
// state. The rules are those of a stock DataNode.
type claims struct {
	log *slog.Logger

	mu     sync.Mutex
	active *actor
	txid   int64
}

func newClaims(log *slog.Logger) *claims { return &claims{log: log, txid: -1} }

// hello takes the state of a versionRequest: it counts only if nobody is active.
func (c *claims) hello(a *actor, state *hdfspb.NNHAStatusHeartbeatProto_State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active == nil && state != nil && *state == hdfspb.NNHAStatusHeartbeatProto_ACTIVE {
		c.active = a
	}
}

// beat takes the state of a heartbeat's answer.
func (c *claims) beat(a *actor, st *hdfspb.NNHAStatusHeartbeatProto) {
	c.mu.Lock()
	defer c.mu.Unlock()
	txid := int64(st.GetTxid())
	isActive := st.GetState() == hdfspb.NNHAStatusHeartbeatProto_ACTIVE
	switch {
	case isActive && c.active != a:
		if txid <= c.txid {
			c.log.Warn("NameNode claims to be active, but another one has a more recent claim", "namenode", a.nn.name, "txid", txid, "recent", c.txid)
			return
		}
		c.log.Info("acknowledging active NameNode", "namenode", a.nn.name, "txid", txid)
		c.active = a
	case !isActive && c.active == a:
		c.log.Info("NameNode is no longer active", "namenode", a.nn.name)
		c.active = nil
	}
	if c.active == a {
		c.txid = txid
	}
}

// leave forgets an actor that ended.
func (c *claims) leave(a *actor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active == a {
		c.active = nil
	}
}

// current is the actor that is obeyed, nil if there is none.
func (c *claims) current() *actor {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active
}
