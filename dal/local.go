package dal

import (
	"slices"
	"sync"
)

// A Listener is told of the changes of a Local store by those who make them. Units are
// told as hashes of schema.UnitHash.
type Listener interface {
	// Changing is told what a commit may change, before it begins.
	Changing(units []uint64)
	// Changed is told the same once the commit has ended, whether it succeeded or not.
	Changed(units []uint64)
}

// Local is where those who remember rows of a store hear of changes. Whoever changes a
// store that has one, other than before anybody listens, tells it.
type Local struct {
	mu   sync.RWMutex
	list []Listener
}

// Listen adds l, until Leave.
func (n *Local) Listen(l Listener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list[:len(n.list):len(n.list)], l) // Commit goes through the old one
}

// Leave ends what Listen began.
func (n *Local) Leave(l Listener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = slices.DeleteFunc(slices.Clone(n.list), func(other Listener) bool { return other == l })
}

// Only reports whether nobody but l listens.
func (n *Local) Only(l Listener) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.list) == 1 && n.list[0] == l
}

// Commit runs commit, which changes the rows of units, between the two messages to all
// who listen but self.
func (n *Local) Commit(self Listener, units []uint64, commit func() error) error {
	n.mu.RLock()
	list := n.list
	n.mu.RUnlock()
	for _, l := range list {
		if l != self {
			l.Changing(units)
			defer l.Changed(units)
		}
	}
	return commit()
}
