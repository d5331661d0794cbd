package namespace

import "context"

// An OpenFileEntry is a file that is open for writing.
type OpenFileEntry struct {
	ID            int64
	Path          string
	ClientName    string
	ClientMachine string
}

// ListOpenFiles returns a page of the open files at or below path ("" or "/" for
// all) whose ids are larger than after, in order of their ids, and whether there
// are more. Only a superuser may.
func (n *Namespace) ListOpenFiles(ctx context.Context, c *Caller, after int64, path string) (page []OpenFileEntry, more bool, err error) {
	return nil, false, errNotYet
}
