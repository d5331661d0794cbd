package bench

import "sync/atomic"

// files are those that exist.
type files struct {
	tree      Tree
	existed   int64         // numbers below it were there before the run
	low, high int64         // numbers from low to high are the run's own
	renamed   []atomic.Bool // by number: its name is the other one
}

// grow notes that the files below high exist. No call is in progress.
func (f *files) grow(high int64) {
	f.high = high
	if int64(len(f.renamed)) < high {
		old := f.renamed
		f.renamed = make([]atomic.Bool, high+high/2)
		for i := range old {
			f.renamed[i].Store(old[i].Load())
		}
	}
}

// appendPath appends the path of file i, as it is called now.
func (f *files) appendPath(b []byte, i int64) []byte {
	kind := byte(kindFile)
	if f.renamed[i].Load() {
		kind = kindRenamed
	}
	return f.tree.AppendName(b, kind, i)
}

// readable are the numbers of those that are read: those that were there, else
// the run's own.
func (f *files) readable() (low, high int64) {
	if f.existed > 0 {
		return 0, f.existed
	}
	return f.low, f.high
}
