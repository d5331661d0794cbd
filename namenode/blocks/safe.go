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
	Now          func() time.Time
}

// Safe is the safe mode of this NameNode: on at the start until enough blocks can
// be read, and, for all NameNodes of the store, while an operator wants it.
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
	reached int64 // ms when the threshold was reached, 0 for not yet
	census  census
}

type safeState struct {
	on  bool
	why string
}

const turnOff = "Safe mode will be turned off automatically "

// NewSafe returns a safe mode that is on unless it never starts so. Check turns it
// off.
func NewSafe(eng *txn.Engine, reg *Registry, opt SafeOptions) *Safe {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	s := &Safe{eng: eng, reg: reg, opt: opt, startup: opt.Threshold > 0}
	s.publish(turnOff + "once the thresholds have been reached.")
	reg.safe.Store(s)
	return s
}

// On reports whether safe mode is on, and the text that explains it.
func (s *Safe) On() (bool, string) {
	st := s.state.Load()
	return st.on, st.why
}

// publish makes the state visible. why explains the safe mode of the start.
func (s *Safe) publish(why string) {
	if s.manual {
		why = "It was turned on manually. Use \"hdfs dfsadmin -safemode leave\" to turn safe mode off."
	}
	s.state.Store(&safeState{on: s.startup || s.manual, why: why})
}

// Values of VarSafeMode.
const (
	safeOff    = 0
	safeManual = 2
)

// Enter turns safe mode on for all NameNodes until Leave. The others notice at
// their next Check.
func (s *Safe) Enter(ctx context.Context) error { return s.set(ctx, safeManual) }

// Leave turns safe mode off, also that of the start of this NameNode.
func (s *Safe) Leave(ctx context.Context) error { return s.set(ctx, safeOff) }

func (s *Safe) set(ctx context.Context, value int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
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
		if v.Value != value {
			v.Value = value
			tx.Put(schema.Variables, v.Row())
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("set safe mode: %w", err)
	}
	s.manual = value == safeManual
	if value == safeOff {
		s.startup = false
	}
	s.publish("")
	return nil
}

// Check looks whether safe mode can end, and what other NameNodes were told. Call
// it about once a second; it does a bounded piece of work.
func (s *Safe) Check(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := schema.KeyOf(schema.Str(schema.VarSafeMode))
	err := s.eng.View(ctx, func(tx *txn.Tx) error {
		row, err := tx.Get(schema.Variables, key, dal.None)
		if err == nil {
			s.manual = row != nil && schema.VariableOf(row).Value == safeManual
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read the safe mode: %w", err)
	}
	why := ""
	if s.startup {
		if why, err = s.starting(ctx); err != nil {
			return fmt.Errorf("safe mode: %w", err)
		}
	}
	s.publish(why)
	return nil
}

// starting looks whether the safe mode of the start can end, and returns the text
// that explains it if not.
func (s *Safe) starting(ctx context.Context) (string, error) {
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
