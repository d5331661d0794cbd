package txn

import "context"

type guardKey struct{}

// WithGuard returns a context under which Update changes nothing unless guard
// agrees. The guard runs in every run of the caller's function, before it, over the
// same rows and in the same transaction; when it returns an error that is Update's
// error, and there are no changes. What it asks for is fetched together with what
// the function asks for. It keeps the rules of a function over a Tx, and may look at
// a clock besides. Guards of an outer context hold as well. View has no guard.
func WithGuard(ctx context.Context, guard func(*Tx) error) context.Context {
	if outer := guardOf(ctx); outer != nil {
		inner := guard
		guard = func(tx *Tx) error {
			if err := outer(tx); err != nil {
				return err
			}
			return inner(tx)
		}
	}
	return context.WithValue(ctx, guardKey{}, guard)
}

func guardOf(ctx context.Context) func(*Tx) error {
	guard, _ := ctx.Value(guardKey{}).(func(*Tx) error)
	return guard
}

// guarded runs the function behind the guard of the call. Where the guard lacks rows
// the function runs all the same, so that both are served by one fetch; its outcome
// does not count then.
func (c *call) guarded(tx *Tx) error {
	if c.guard == nil {
		return c.fn(tx)
	}
	err := c.guard(tx)
	if err != nil && !tx.stopped {
		tx.barred = tx.asked.len() == 0
		return err
	}
	lacks, locks := tx.stopped, tx.relock
	tx.stopped, tx.relock = false, false
	err = c.fn(tx)
	if tx.base != nil {
		// In a dry run the guard is taken to agree: whether it does is found out
		// wherever the function is served.
		tx.stopped, tx.relock = tx.stopped || lacks, tx.relock || locks
	}
	return err
}
