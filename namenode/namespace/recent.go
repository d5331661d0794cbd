package namespace

import (
	lru "github.com/hashicorp/golang-lru/v2"
)

// recent remembers what rows said a moment ago where that moment makes no difference,
// so that they are not read, or written the same again, for every call. Times are ms.
type recent struct {
	rooms  *lru.Cache[int64, int64]  // directory → when it was far from full
	leases *lru.Cache[string, int64] // holder → when its lease was renewed, in a row that is committed
}

const (
	recentRows = 10_000 // of each kind
	// A directory that lacks so many entries to its limit is not counted again for
	// roomTrust: nobody adds as many in that time.
	plentyOfRoom = 200_000
	roomTrust    = 1000
	// A lease is not renewed by a create for leaseTrust. The client renews it every 30 s,
	// the first who looks whether it is over does so after LeaseSoftLimit.
	leaseTrust = 10_000
)

func newRecent() recent {
	// New fails for sizes below 1 only.
	rooms, _ := lru.New[int64, int64](recentRows)
	leases, _ := lru.New[string, int64](recentRows)
	return recent{rooms, leases}
}

func (r *recent) roomy(dir, now int64) bool {
	then, ok := r.rooms.Get(dir)
	return ok && now >= then && now-then < roomTrust
}

func (r *recent) renewed(holder string, now int64) bool {
	then, ok := r.leases.Get(holder)
	return ok && now >= then && now-then < leaseTrust
}
