package fsck

import (
	"time"

	"github.com/hopsql/hopsql/namenode/integrity"
)

// metadata answers with what contradicts what in the database.
func (r *run) metadata(who string, began time.Time) error {
	if err := r.Namespace.RequireSuper(r.Caller, "fsck"); err != nil {
		return err
	}
	r.print("%s for the metadata at %s\n\n", who, r.date())
	r.flush()
	var dotted int64
	n, err := r.Rows.Run(r.ctx, &integrity.Listener{
		Found: func(finding string) {
			if dotted > 0 {
				r.print("\n")
			}
			dotted = 0
			r.print("FOUND: %s\n", finding)
			r.flush()
		},
		Note: func(about string, args ...any) { r.print("NOTE: "+about+"\n", args...) },
		Read: func(_ string, rows int64) {
			if rows%10_000 == 0 {
				dotted++
				r.print(".")
				r.flush()
			}
		},
		Done: func(table string, rows int64) {
			if dotted > 0 {
				r.print("\n")
			}
			dotted = 0
			r.print("%s: %d rows\n", table, rows)
			r.flush()
		},
	})
	if err != nil {
		return err
	}
	word, last := "HEALTHY", isHealthy
	if n > 0 {
		word, last = "CORRUPT", isCorrupt
	}
	r.print("\nStatus: %s\n Findings:\t%d\nFSCK ended at %s in %d milliseconds\n\n\nThe metadata %s", word, n, r.date(), r.Now().Sub(began).Milliseconds(), last)
	return nil
}
