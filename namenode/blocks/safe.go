package blocks

import (
	"context"
	"time"

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
type Safe struct {
	eng *txn.Engine
	reg *Registry
	opt SafeOptions
}

// NewSafe returns a safe mode that is on. Check turns it off.
func NewSafe(eng *txn.Engine, reg *Registry, opt SafeOptions) *Safe {
	return &Safe{eng: eng, reg: reg, opt: opt}
}

// On reports whether safe mode is on, and the text that explains it.
func (s *Safe) On() (bool, string) { return true, "" }

// Enter turns safe mode on for all NameNodes until Leave.
func (s *Safe) Enter(ctx context.Context) error { return errNotYet }

// Leave turns safe mode off, also that of the start.
func (s *Safe) Leave(ctx context.Context) error { return errNotYet }

// Check looks whether safe mode can end, and what other NameNodes were told. Call
// it about once a second; it does a bounded piece of work.
func (s *Safe) Check(ctx context.Context) error { return errNotYet }
