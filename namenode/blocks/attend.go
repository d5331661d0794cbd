package blocks

import (
	"context"
	"errors"
	"fmt"

	"github.com/hopsql/hopsql/schema"
)

// Attend does what cannot wait for Tick: it applies reports that nobody else did, and
// has recoveries begun that calls at other NameNodes asked for. The leader calls it
// about once a second. Idle it is one read.
func (r *Registry) Attend(ctx context.Context) error {
	var errs []error
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"apply reports", r.applyLeftovers},
		{"settle doubts about replicas", r.settleDoubts},
		{"have blocks recovered", r.recover},
	} {
		if err := step.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", step.what, err))
		}
	}
	return errors.Join(errs...)
}

// recover asks DataNodes for the recoveries that are due.
func (r *Registry) recover(ctx context.Context) error {
	if r.inSafeMode() {
		return nil
	}
	prefix := schema.KeyOf(schema.Int(2 * tierRecover))
	rows, err := r.scan(ctx, schema.ReconstructByUrgent, prefix, r.recoverAfter, examined)
	if err != nil {
		return err
	}
	r.recoverAfter = ""
	if len(rows) == examined {
		r.recoverAfter = schema.ReconstructByUrgent.KeyOf(rows[examined-1])
	}
	var tasks []func() error
	for _, row := range rows {
		if q := schema.ReconstructionOf(row); r.due(q) {
			tasks = append(tasks, func() error { return r.examine(ctx, q.BlockID) })
		}
	}
	return inParallel(tasks)
}

// due reports whether it is time to ask for a queued block once more. A time that is
// further away than any that this NameNode would set was written by a clock that is
// wrong. Copies that an earlier leader planned may never have been asked for.
func (r *Registry) due(q schema.Reconstruction) bool {
	longest := max(r.opt.PendingTimeout.Milliseconds(), recoveryAgain)
	now := r.now()
	if q.PendingUntil > now+othersFollow && q.PendingUntil <= r.took.Load()+r.opt.PendingTimeout.Milliseconds() {
		return true
	}
	return q.PendingUntil <= now || q.PendingUntil > now+2*longest
}

// inSafeMode reports whether safe mode is on, if there is one.
func (r *Registry) inSafeMode() bool {
	s := r.safe.Load()
	if s == nil {
		return false
	}
	on, _ := s.On()
	return on
}
