package blocks

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// SafeOptions are the settings of safe mode.
type SafeOptions struct {
	Threshold    float64       // dfs.namenode.safemode.threshold-pct; 0 or less never starts in safe mode
	MinDatanodes int           // dfs.namenode.safemode.min.datanodes
	Extension    time.Duration // dfs.namenode.safemode.extension
	// Proof is after what time from its start this NameNode knows which of the others
	// are alive; 8 s.
	Proof time.Duration
	Now   func() time.Time
}

// Safe is the safe mode of this NameNode: on at the start until enough blocks can
// be read, and, for all NameNodes of the store, while an operator wants it. A
// NameNode that starts beside others that serve is not in safe mode but joining:
// until its DataNodes have come, or had time to, it sends writers to the others.
//
// Where replicas are is in the store, so nothing has to be reported to know it: a
// block can be read when the DataNode of one of its replicas is there. Only blocks
// on DataNodes that are not there are counted, in bounded pieces, so a start takes
// no longer on a large store when all DataNodes come.
type Safe struct {
	eng *txn.Engine
	reg *Registry
	opt SafeOptions

	state atomic.Pointer[safeState]

	mu      sync.Mutex // guards what follows, held through Check, Enter and Leave
	startup bool
	manual  bool
	joined  bool  // it found others that serve: it will not be in safe mode by itself
	reached int64 // ms when the threshold was reached, 0 for not yet
	census  census
}

type safeState struct {
	on      bool
	joining bool
	why     string
}

const turnOff = "Safe mode will be turned off automatically "

// NewSafe returns a safe mode that is on unless it never starts so. Check turns it
// off.
func NewSafe(eng *txn.Engine, reg *Registry, opt SafeOptions) *Safe {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Proof == 0 {
		opt.Proof = 8 * time.Second
	}
	s := &Safe{eng: eng, reg: reg, opt: opt, startup: opt.Threshold > 0}
	s.publish(turnOff+"once the thresholds have been reached.", false)
	reg.safe.Store(s)
	return s
}

// On reports whether safe mode is on, and the text that explains it.
func (s *Safe) On() (bool, string) {
	st := s.state.Load()
	return st.on, st.why
}

// Joining reports whether this NameNode is too young to write while others do.
func (s *Safe) Joining() bool { return s.state.Load().joining }

// publish makes the state visible. why explains the safe mode of the start, unless
// this NameNode is joining instead.
func (s *Safe) publish(why string, joining bool) {
	if s.manual {
		why = "It was turned on manually. Use \"hdfs dfsadmin -safemode leave\" to turn safe mode off."
	}
	joining = joining && s.startup && !s.manual
	s.state.Store(&safeState{on: (s.startup || s.manual) && !joining, joining: joining, why: why})
}

// Values of VarSafeMode.
const (
	safeOff      = 0
	safeStarting = 1 // all NameNodes that start now wait for enough blocks
	safeManual   = 2
)

// Enter turns safe mode on for all NameNodes until Leave. The others notice at
// their next Check.
func (s *Safe) Enter(ctx context.Context) error { return s.set(ctx, safeManual) }

// Leave turns safe mode off, also that of the start of this NameNode.
func (s *Safe) Leave(ctx context.Context) error { return s.set(ctx, safeOff) }

func (s *Safe) set(ctx context.Context, value int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.write(ctx, value, func(int64) bool { return true }); err != nil {
		return err
	}
	s.manual = value == safeManual
	if value == safeOff {
		s.startup = false
	}
	s.publish("", false)
	return nil
}

// write sets the shared value if the old one is such that it should.
func (s *Safe) write(ctx context.Context, value int64, should func(old int64) bool) error {
	key := schema.KeyOf(schema.Str(schema.VarSafeMode))
	err := s.eng.Update(ctx, func(tx *txn.Tx) error {
		row, err := tx.Get(schema.Variables, key, dal.Exclusive)
		if err != nil {
			return err
		}
		v := schema.Variable{Name: schema.VarSafeMode}
		if row != nil {
			v = schema.VariableOf(row)
		}
		if v.Value != value && should(v.Value) {
			v.Value = value
			tx.Put(schema.Variables, v.Row())
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("set safe mode: %w", err)
	}
	return nil
}

// Check looks whether safe mode can end, and what other NameNodes were told. Call
// it about once a second; it does a bounded piece of work.
func (s *Safe) Check(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := schema.KeyOf(schema.Str(schema.VarSafeMode))
	value := int64(safeOff)
	err := s.eng.View(ctx, func(tx *txn.Tx) error {
		value = safeOff
		row, err := tx.Get(schema.Variables, key, dal.None)
		if err == nil && row != nil {
			value = schema.VariableOf(row).Value
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read the safe mode: %w", err)
	}
	s.manual = value == safeManual
	why, joining := "", false
	if s.startup {
		if joining = s.beside(value); joining {
			s.join()
		} else if why, err = s.starting(ctx, value); err != nil {
			return fmt.Errorf("safe mode: %w", err)
		}
	}
	s.publish(why, joining)
	return nil
}

// beside reports whether others serve already, so that this NameNode joins them. If
// all start at once, the one that leads is the first and begins with safe mode, and
// the shared value tells the others.
func (s *Safe) beside(value int64) bool {
	if s.joined {
		return true
	}
	if !s.reg.others() || s.reg.leads() || value == safeStarting {
		return false
	}
	s.joined = s.age() >= s.opt.Proof
	return true
}

// join ends the joining when all DataNodes have come, or had time to: one of them
// may be dead.
func (s *Safe) join() {
	if s.reg.gathered() || s.age() >= max(s.reg.joinTime(), s.opt.Proof) {
		s.startup = false
		s.reg.opt.Logger.Info("this NameNode has joined the others", "datanodes", s.reg.Cluster().Live)
	}
}

// age is how long ago this NameNode started.
func (s *Safe) age() time.Duration {
	return time.Duration(s.reg.now()-s.reg.started) * time.Millisecond
}

// starting looks whether the safe mode of the start can end, and returns the text
// that explains it if not. value is the shared one.
func (s *Safe) starting(ctx context.Context, value int64) (string, error) {
	if err := s.census.advance(ctx, s.reg, s.opt.Threshold); err != nil {
		return "", err
	}
	now := s.opt.Now().UnixMilli()
	live := s.reg.Cluster().Live
	enough := s.census.enough && live >= s.opt.MinDatanodes
	switch {
	case !enough:
		s.reached = 0
	case s.census.empty:
		s.startup = false
	case s.reached == 0:
		s.reached = now
	}
	left := s.reached + s.opt.Extension.Milliseconds() - now
	if enough && left <= 0 {
		s.startup = false
	}
	if err := s.tell(ctx, value); err != nil {
		s.startup = true
		return "", err
	}
	if !s.startup {
		s.reg.opt.Logger.Info("safe mode is off", "datanodes", live)
		return "", nil
	}
	var b strings.Builder
	b.WriteString(s.census.text(s.opt.Threshold))
	if live < s.opt.MinDatanodes {
		fmt.Fprintf(&b, "The number of live datanodes %d needs an additional %d live datanodes to reach the minimum number %d.\n",
			live, s.opt.MinDatanodes-live, s.opt.MinDatanodes)
	} else {
		fmt.Fprintf(&b, "The number of live datanodes %d has reached the minimum number %d. ", live, s.opt.MinDatanodes)
	}
	if enough {
		fmt.Fprintf(&b, "In safe mode extension. %sin %d seconds.", turnOff, left/1000)
	} else {
		b.WriteString(turnOff + "once the thresholds have been reached.")
	}
	return b.String(), nil
}

// tell says in the store that all NameNodes are to be in the safe mode of the start,
// or that it is over.
func (s *Safe) tell(ctx context.Context, value int64) error {
	switch {
	case s.startup && value == safeOff:
		return s.write(ctx, safeStarting, func(old int64) bool { return old == safeOff })
	case !s.startup && value == safeStarting:
		return s.write(ctx, safeOff, func(old int64) bool { return old == safeStarting })
	}
	return nil
}
