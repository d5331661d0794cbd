package blocks

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"

	"github.com/hopsql/hopsql/namenode/fault"
)

// A Placement asks for storages for the replicas of a block.
type Placement struct {
	Writer    string   // address of the writer's machine, "" for none
	Excluded  []string // UUIDs of DataNodes
	Favored   []string // host:port or host of DataNodes to prefer
	Existing  []Target // where replicas are already; never chosen again
	Count     int      // how many more
	BlockSize int64    // bytes that each must have room for
	Policy    int64    // storage policy
	Copying   bool     // a replica is copied, not written: other fallbacks
	// AvoidLocal keeps the first replica off the writer's machine if it can.
	AvoidLocal bool
	// NewRack wants only racks that have no replica yet.
	NewRack bool
	Seed    uint64 // see Registry.Seed
}

// Seed returns a seed for the random choices of one operation. Its function may run
// several times and passes the same seed each time.
func (r *Registry) Seed() uint64 { return r.seed() }

// Choose returns storages on up to p.Count DataNodes, in the spirit of HDFS's
// default placement: the first on the writer's machine, the second on another rack
// than the first, the third on the rack of the second, the rest anywhere, no rack
// with much more than its share; one replica a DataNode.
func (r *Registry) Choose(p Placement) []Target {
	r.mu.RLock()
	defer r.mu.RUnlock()
	c := chooser{r: r, p: p, now: r.now(), rng: seeded(p.Seed), taken: map[*node]bool{}, racks: map[string]int{}}
	c.prepare()
	// First with all wishes, then without those that can be given up.
	for c.ease = strict; c.ease <= anyRack && len(c.chosen) < p.Count; c.ease++ {
		for len(c.chosen) < p.Count && c.next() {
		}
	}
	return c.chosen
}

// What a chooser gives up, one after another, when it finds no DataNode.
const (
	strict  = iota
	busy    // a DataNode with more than its share of the load will do
	old     // so will one that was not heard of for a moment
	anyRack // and the racks do not matter
)

type chooser struct {
	r        *Registry
	p        Placement
	now      int64
	rng      *rand.Rand
	nodes    []*node // usable ones, shuffled
	taken    map[*node]bool
	racks    map[string]int
	rackMax  int
	oneRack  bool
	maxLoad  float64
	places   []*node // of the replicas there are and those chosen, in order
	chosen   []Target
	types    []int64 // of storage: those of the places that count
	total    int     // how many replicas there will be
	ease     int
	favorite int
}

// prepare lists who may be chosen.
func (c *chooser) prepare() {
	for _, t := range c.p.Existing {
		if c.r.counts(t.Storage.StorageID, c.now) {
			c.types = append(c.types, cmp.Or(t.Storage.Type, TypeDisk))
		}
		if n := c.r.nodes[t.Datanode.UUID]; n != nil {
			c.taken[n] = true
			c.places = append(c.places, n)
			c.racks[n.row.Location]++
		}
	}
	c.total = len(c.types) + c.p.Count
	racks, load, all := map[string]bool{}, 0, 0
	for _, n := range c.r.nodes {
		if !c.r.usable(n, c.now) {
			continue
		}
		racks[n.row.Location] = true
		load += n.xceivers
		all++
		if !slices.Contains(c.p.Excluded, n.row.UUID) {
			c.nodes = append(c.nodes, n)
		}
	}
	slices.SortFunc(c.nodes, func(a, b *node) int { return cmp.Compare(a.row.UUID, b.row.UUID) })
	c.rng.Shuffle(len(c.nodes), func(i, j int) { c.nodes[i], c.nodes[j] = c.nodes[j], c.nodes[i] })
	if all > 0 && !c.r.opt.IgnoreLoad {
		c.maxLoad = c.r.opt.LoadFactor * float64(load) / float64(all)
	}
	c.oneRack = len(racks) < 2
	all = len(c.places) + c.p.Count
	if c.rackMax = (all-1)/max(1, len(racks)) + 2; c.rackMax == all && all > 1 {
		c.rackMax-- // never all of them on one
	}
}

// next adds one target and reports whether it found one.
func (c *chooser) next() bool {
	for c.favorite < len(c.p.Favored) {
		c.favorite++
		if c.pick(func(n *node) bool { return n.is(c.p.Favored[c.favorite-1]) }) {
			return true
		}
	}
	if len(c.places) == 0 && c.p.Writer != "" && !c.r.opt.IgnoreLocal && !c.p.AvoidLocal {
		if c.pick(func(n *node) bool { return n.on(c.p.Writer) }) {
			return true
		}
	}
	if c.p.AvoidLocal && c.ease < anyRack {
		return c.pick(func(n *node) bool { return !n.on(c.p.Writer) && c.rack(n) })
	}
	return c.pick(c.rack)
}

// rack is the wish for the rack of the next replica.
func (c *chooser) rack(n *node) bool {
	at := n.row.Location
	switch {
	case c.p.NewRack:
		return c.racks[at] == 0
	case c.ease >= anyRack || c.oneRack || len(c.places) == 0:
		return true
	case c.racks[at] >= c.rackMax:
		return false
	case len(c.places) == 1:
		return at != c.places[0].row.Location
	case len(c.places) == 2 && c.places[0].row.Location == c.places[1].row.Location:
		return at != c.places[0].row.Location
	case len(c.places) == 2:
		return at == c.places[1].row.Location
	}
	return true
}

// pick takes the first DataNode, in random order, that fits and has room on the
// best type of storage that one of them has.
func (c *chooser) pick(fits func(*node) bool) bool {
	for _, kind := range c.kinds() {
		for _, n := range c.nodes {
			if c.taken[n] || !c.allowed(n) || !fits(n) {
				continue
			}
			if s := c.room(n, kind); s != nil {
				c.taken[n] = true
				c.places = append(c.places, n)
				c.racks[n.row.Location]++
				c.chosen = append(c.chosen, Target{Storage: s.row, Datanode: n.row})
				c.types = append(c.types, s.kind())
				return true
			}
		}
	}
	return false
}

// kinds are the types of storage for the next replica, the best first.
func (c *chooser) kinds() []int64 {
	p := policyOf(c.p.Policy)
	wanted := p.missing(c.total, c.types)
	if len(wanted) == 0 { // replicas lie on types that were a second choice
		wanted = p.TypesOf(c.total)
		wanted = wanted[max(0, len(wanted)-1):]
	}
	return append(slices.Compact(wanted), p.fallbacks(!c.p.Copying)...)
}

// kind is the type of a volume; a DataNode that names none has disks.
func (s *storage) kind() int64 {
	if s.row.Type == 0 {
		return TypeDisk
	}
	return s.row.Type
}

func (c *chooser) allowed(n *node) bool {
	if c.ease < busy && c.maxLoad > 0 && float64(n.xceivers) > c.maxLoad {
		return false
	}
	return c.ease >= old || !c.r.stale(n, c.now)
}

// room returns a volume of n that has room for the block, chosen at random.
func (c *chooser) room(n *node, kind int64) *storage {
	var fit []*storage
	for _, s := range n.storages {
		need := c.p.BlockSize * int64(1+s.scheduled)
		if s.kind() == kind && s.row.State != storageRemoved && !c.r.broken(s, c.now) && s.usage.Remaining >= need && s.usage.Remaining > 0 {
			fit = append(fit, s)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	slices.SortFunc(fit, func(a, b *storage) int { return cmp.Compare(a.row.StorageID, b.row.StorageID) })
	return fit[c.rng.IntN(len(fit))]
}

// on reports whether the DataNode runs on a host.
func (n *node) on(host string) bool { return host != "" && (n.row.IP == host || n.row.Host == host) }

// is reports whether an address, host:port or host, is the DataNode's.
func (n *node) is(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return n.on(address)
	}
	return n.on(host) && port == strconv.FormatInt(n.row.XferPort, 10)
}

// ChooseNew returns storages for a new block, at least the minimum of replicas. The
// error is Standby if that may only be the case at this NameNode.
func (r *Registry) ChooseNew(src string, p Placement) ([]Target, error) {
	targets := r.Choose(p)
	if int64(len(targets)) >= r.opt.MinReplication {
		return targets, nil
	}
	if r.lacks() {
		return nil, fault.New(fault.Standby, "File %s could not be written to a DataNode: "+
			"they have not come to this NameNode as yet; others serve.", src)
	}
	return nil, fault.New(fault.IO, "File %s could only be written to %d of the %d minReplication nodes. "+
		"There are %d datanode(s) running and %d node(s) are excluded in this operation.",
		src, len(targets), r.opt.MinReplication, r.Cluster().Live, len(p.Excluded))
}

// Targets returns the storages of replicas that this NameNode knows.
func (r *Registry) Targets(reps []int64) []Target {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []Target
	for _, id := range reps {
		if s := r.storages[id]; s != nil {
			out = append(out, Target{Storage: s.row, Datanode: s.node.row})
		}
	}
	return out
}

// Resolve is Find, for names that another NameNode may have heard of first.
func (r *Registry) Resolve(ctx context.Context, datanodes, storages []string) ([]Target, error) {
	if !r.knows(datanodes, storages) {
		if err := r.Load(ctx); err != nil {
			return nil, err
		}
	}
	return r.Find(datanodes, storages), nil
}

func (r *Registry) knows(datanodes, storages []string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, uuid := range datanodes {
		if r.nodes[uuid] == nil {
			return false
		}
	}
	for _, uuid := range storages {
		if r.volumes[uuid] == nil {
			return false
		}
	}
	return true
}

// Find returns the storages of DataNodes that a client or a DataNode names by UUID.
// Without the UUID of a storage, or with one that is not known, any of the
// DataNode's is taken. DataNodes that are not known are left out.
func (r *Registry) Find(datanodes, storages []string) []Target {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []Target
	for i, uuid := range datanodes {
		n := r.nodes[uuid]
		if n == nil {
			continue
		}
		var found *storage
		if i < len(storages) {
			found = r.volumes[storages[i]]
		}
		if found == nil || found.node != n {
			for _, s := range n.storages {
				if found == nil || found.node != n || s.row.StorageID < found.row.StorageID {
					found = s
				}
			}
		}
		if found != nil {
			out = append(out, Target{Storage: found.row, Datanode: n.row})
		}
	}
	return out
}
