package sqlstore

import (
	"database/sql"
	"sync/atomic"

	"github.com/hopsql/hopsql/dal"
)

// counters count what is sent.
type counters struct{ trips, statements atomic.Int64 }

func (c *counters) add(sc *script) {
	if !sc.d.placeholders { // else every statement is a call, and no trip
		c.trips.Add(1)
	}
	c.statements.Add(int64(len(sc.stmts)))
}

var _ dal.Counting = (*Store)(nil)

// Stats is part of dal.Counting.
func (s *Store) Stats() dal.Stats {
	out := dal.Stats{RoundTrips: s.sent.trips.Load(), Statements: s.sent.statements.Load()}
	pools := []*sql.DB{s.read}
	if s.write != s.read {
		pools = append(pools, s.write)
	}
	for _, p := range pools {
		st := p.Stats()
		out.Connections += st.OpenConnections
		out.InUse += st.InUse
		out.Waits += st.WaitCount
		out.Waited += st.WaitDuration
	}
	return out
}
