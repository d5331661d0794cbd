package rpc

import (
	"runtime"
	"sync"
)

// workers are goroutines that run calls one after another. A new goroutine for each
// call would grow its stack anew each time, which costs more than the rest of a
// small call.
type workers struct {
	mu   sync.Mutex
	idle []*worker // the last one was busy last
	low  int       // the fewest that were idle since the last trim
	shut bool
}

// worker is one goroutine; it waits for the next task, nil ends it.
type worker struct{ next chan *task }

// run has t run by a worker that is idle, or by a new one.
func (p *workers) run(t *task) {
	p.mu.Lock()
	n := len(p.idle) - 1
	if n < 0 {
		p.mu.Unlock()
		go p.work(t)
		return
	}
	w := p.idle[n]
	p.idle = p.idle[:n]
	p.low = min(p.low, n)
	p.mu.Unlock()
	w.next <- t
}

// roomKept is bytes at the bottom of a worker's stack. The garbage collector halves
// stacks of which less than a quarter is in use, so this keeps the 16 KB that calls
// take from being freed and grown again with each collection.
const roomKept = 4 << 10

func (p *workers) work(t *task) {
	var room [roomKept]byte
	defer runtime.KeepAlive(&room)
	w := &worker{make(chan *task, 1)}
	for t != nil {
		t.run()
		p.mu.Lock()
		if p.shut {
			p.mu.Unlock()
			return
		}
		p.idle = append(p.idle, w)
		p.mu.Unlock()
		t = <-w.next
	}
}

// trim ends the workers that had nothing to do since the last trim.
func (p *workers) trim() {
	p.mu.Lock()
	n := min(p.low, len(p.idle))
	for _, w := range p.idle[:n] {
		w.next <- nil // never full: an idle worker has taken what came before
	}
	left := copy(p.idle, p.idle[n:])
	clear(p.idle[left:])
	p.idle = p.idle[:left]
	p.low = left
	p.mu.Unlock()
}

// close ends the workers that are idle, and each other one after its task.
func (p *workers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = true
	for _, w := range p.idle {
		w.next <- nil
	}
	p.idle = nil
}
