package client

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// policy is how a Client picks among NameNodes that all serve the same names.
type policy string

// The values of dfs.namenode.selector-policy.
const (
	policySticky     policy = "RANDOM_STICKY" // one at random, until it fails
	policyRandom     policy = "RANDOM"        // another one for each call
	policyRoundRobin policy = "ROUND_ROBIN"   // each call the next one
)

const keyPolicy = "dfs.namenode.selector-policy"

func parsePolicy(v string) (policy, error) {
	switch p := policy(strings.ToUpper(strings.TrimSpace(v))); p {
	case "":
		return policySticky, nil
	case policySticky, policyRandom, policyRoundRobin:
		return p, nil
	}
	return "", fmt.Errorf("%s is %q: want RANDOM_STICKY, RANDOM or ROUND_ROBIN", keyPolicy, v)
}

// How long a NameNode that failed is left out while there are others. It covers
// the time after which the other NameNodes stop naming one that died.
const failedFor = 10 * time.Second

// roster is the NameNodes that a session knows, and which of them a call goes to.
type roster struct {
	policy     policy
	inOrder    bool     // the first one that works, instead of one at random
	configured []string // never forgotten

	mu     sync.Mutex
	use    []string             // those to choose from
	spare  []string             // tried one after the other when none of use works
	at     string               // the one in use with RANDOM_STICKY, "" if none
	turn   int                  // of ROUND_ROBIN
	failed map[string]time.Time // since when
	ids    map[string]int64     // the last list
	seen   map[string]bool      // all that were ever on a list
	proven map[string]bool      // all that ever answered here
}

func newRoster(configured []string, p policy, inOrder bool) *roster {
	return &roster{policy: p, inOrder: inOrder, configured: configured, use: slices.Clone(configured),
		failed: make(map[string]time.Time), seen: make(map[string]bool), proven: make(map[string]bool)}
}

// several tells whether a call can go on at another NameNode.
func (r *roster) several() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.use)+len(r.spare) > 1
}

// pick chooses the NameNode for the next try of a call that failed at those of
// tried. There is none, "", when all known ones were tried.
func (r *roster) pick(tried []string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	ok := func(addr string) bool { return r.failed[addr].IsZero() && !slices.Contains(tried, addr) }
	if r.policy == policySticky && r.at != "" && ok(r.at) {
		return r.at
	}
	r.at = ""
	if group := keep(r.use, ok); len(group) > 0 {
		r.at = r.choose(group)
	} else if group := keep(r.spare, ok); len(group) > 0 {
		r.at = group[0]
	}
	if r.at != "" {
		return r.at
	}
	// What failed a moment ago is better than nothing.
	for _, addr := range slices.Concat(r.use, r.spare) {
		if !slices.Contains(tried, addr) {
			return addr
		}
	}
	return ""
}

// left tells whether there are NameNodes besides those of tried.
func (r *roster) left(tried []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(keep(slices.Concat(r.use, r.spare), func(addr string) bool { return !slices.Contains(tried, addr) })) > 0
}

func (r *roster) choose(group []string) string {
	switch {
	case r.policy == policyRoundRobin:
		r.turn++
		return group[(r.turn-1)%len(group)]
	case r.policy == policySticky && r.inOrder:
		return group[0]
	}
	return group[rand.IntN(len(group))]
}

func keep(addrs []string, ok func(string) bool) []string {
	var out []string
	for _, a := range addrs {
		if ok(a) {
			out = append(out, a)
		}
	}
	return out
}

// fail says that addr could not serve.
func (r *roster) fail(addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed[addr] = time.Now()
	if r.at == addr {
		r.at = ""
	}
}

// served says that addr did.
func (r *roster) served(addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failed) == 0 && r.proven[addr] {
		return
	}
	r.proven[addr] = true
	delete(r.failed, addr)
	if r.policy == policySticky && r.at == "" {
		r.at = addr
	}
}

// unproven lists those of a list of NameNodes that nothing is known of but their
// names: they may be addresses of a network that cannot be reached from here.
func (r *roster) unproven(byAddr map[string]int64) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return keep(slices.Collect(maps.Keys(byAddr)), func(addr string) bool { return !r.proven[addr] && !slices.Contains(r.configured, addr) })
}

// wasListed tells whether addr is one of the names that NameNodes use.
func (r *roster) wasListed(addr string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[addr]
}

// known lists the NameNodes but except, in the order in which to ask them: the
// one in use first, those that failed last.
func (r *roster) known(except string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	rank := func(addr string) int {
		switch {
		case addr == r.at:
			return 0
		case r.failed[addr].IsZero():
			return 1
		}
		return 2
	}
	all := keep(slices.Concat(r.use, r.spare), func(addr string) bool { return addr != except })
	slices.SortStableFunc(all, func(a, b string) int { return rank(a) - rank(b) })
	return all
}

// learn takes the list that a NameNode, asked at from, gave of all that live.
// byAddr has their ids; addresses are spelled as configured where they are. A
// list of one says no more than was known while a configured address answers.
// It reports whether the list changed.
func (r *roster) learn(from string, byAddr map[string]int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(byAddr) == 1 && len(r.configured) == 1 && from == r.configured[0] {
		for _, id := range byAddr {
			byAddr = map[string]int64{from: id}
		}
	}
	first, changed := r.ids == nil, !maps.Equal(byAddr, r.ids)
	now := time.Now()
	for addr, since := range r.failed {
		was, known := r.ids[addr]
		if is, listed := byAddr[addr]; known && listed && was != is || now.Sub(since) >= failedFor {
			delete(r.failed, addr) // another process, or time for another chance
		}
	}
	r.ids = byAddr
	r.arrange()
	// The first list lets clients that all know the same one NameNode spread.
	if !slices.Contains(r.use, r.at) || first && !r.inOrder && len(r.configured) == 1 {
		r.at = ""
	}
	return changed && !first
}

// arrange sorts the last list into use and spare. The caller holds mu.
func (r *roster) arrange() {
	before := r.use
	listed := slices.SortedFunc(maps.Keys(r.ids), func(a, b string) int { return cmp.Compare(r.ids[a], r.ids[b]) })
	for _, addr := range listed {
		r.seen[addr] = true
	}
	has := func(addr string) bool { return slices.Contains(listed, addr) }
	r.use = keep(r.configured, has)
	for _, addr := range listed {
		if r.proven[addr] && !slices.Contains(r.use, addr) {
			r.use = append(r.use, addr)
		}
	}
	if len(r.use) == 0 {
		r.use = slices.Clone(r.configured)
	}
	r.spare = nil
	for _, addr := range slices.Concat(r.configured, before, listed) {
		if !slices.Contains(r.use, addr) && !slices.Contains(r.spare, addr) {
			r.spare = append(r.spare, addr)
		}
	}
}

// avoiding tells whether NameNodes are left out that may be well again.
func (r *roster) avoiding() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failed) > 0
}
