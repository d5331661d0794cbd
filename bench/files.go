package bench

import (
	"runtime"
	"sync/atomic"
)

// files are those that exist.
type files struct {
	tree      Tree
	existed   int64         // numbers below it were there before the run
	low, high int64         // numbers from low to high are the run's own
	first     int64         // of those that are read
	base      int64         // of renamed
	renamed   []atomic.Bool // from number base on: the name is the other one
	moving    []atomic.Bool // … a rename is under way
}

// grow notes that the files below high exist. No call is in progress.
func (f *files) grow(high int64) {
	f.high = high
	if n := high - f.base; int64(len(f.renamed)) < n {
		old := f.renamed
		f.renamed = make([]atomic.Bool, n+n/2)
		for i := range old {
			f.renamed[i].Store(old[i].Load())
		}
		f.moving = make([]atomic.Bool, n+n/2)
	}
}

// appendPath appends the path of file i, as it is called now.
func (f *files) appendPath(b []byte, i int64) []byte {
	kind := byte(kindFile)
	if i >= f.base && f.renamed[i-f.base].Load() {
		kind = kindRenamed
	}
	return f.tree.AppendName(b, kind, i)
}

// take waits until no other rename of file i is under way. Who has taken a file gives
// it back.
func (f *files) take(i int64) {
	for !f.moving[i-f.base].CompareAndSwap(false, true) {
		runtime.Gosched()
	}
}

func (f *files) giveBack(i int64) { f.moving[i-f.base].Store(false) }

// swapName gives a file of the run's own its other name.
func (f *files) swapName(i int64) {
	r := &f.renamed[i-f.base]
	r.Store(!r.Load())
}

// choose takes note of which files are read, those that were there or else the
// run's own, and returns how many these are. No call is in progress.
func (f *files) choose() int64 {
	if f.first = 0; f.existed > 0 {
		return f.existed
	}
	f.first = f.low
	return f.high - f.low
}
