package replicas

import (
	"cmp"
	"slices"

	"github.com/hopsql/hopsql/hadoop/blockreport"
)

// Report lists the replicas of every storage for a full block report, sorted by
// block id. Temporary copies are left out: they may never come to be.
func (s *Store) Report() map[string][]blockreport.Replica {
	lists := make(map[string][]blockreport.Replica, len(s.volumes))
	for _, v := range s.volumes {
		lists[v.uuid] = make([]blockreport.Replica, 0, v.blocks.Load())
	}
	s.mu.RLock()
	for _, r := range s.blocks {
		if r.state == Temporary {
			continue
		}
		i := r.info()
		// One under recovery goes as what it was: the recovery may come to nothing.
		lists[i.Storage] = append(lists[i.Storage], blockreport.Replica{ID: i.ID, Length: i.Length, GenerationStamp: i.Stamp, State: i.State})
	}
	s.mu.RUnlock()
	for _, l := range lists {
		slices.SortFunc(l, func(a, b blockreport.Replica) int { return cmp.Compare(a.ID, b.ID) })
	}
	return lists
}

// Blocks is the number of replicas.
func (s *Store) Blocks() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.blocks)
}
