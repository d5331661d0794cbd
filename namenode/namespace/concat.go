package namespace

import "context"

// Concat moves the blocks of srcs, in order, to the end of target and removes the
// srcs. A repeated call gets the first one's answer.
func (n *Namespace) Concat(ctx context.Context, c *Caller, target string, srcs []string) error {
	return errNotYet
}
