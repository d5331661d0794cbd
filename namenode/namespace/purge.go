package namespace

import "context"

// PurgeSome removes a bounded piece of what hangs below deleted directories and on
// large deleted files. done means that nothing is left. One NameNode calls it from
// its background loop; it goes on where another one stopped.
func (n *Namespace) PurgeSome(ctx context.Context) (done bool, err error) {
	return false, errNotYet
}
