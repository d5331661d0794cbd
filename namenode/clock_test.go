package namenode

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// elsewhen is a store on a machine with another time.
type elsewhen struct {
	dal.Store
	clock func() time.Time
}

func (s *elsewhen) Admin() dal.Admin { return wrongAdmin{s.Store.Admin(), s.clock} }

type wrongAdmin struct {
	dal.Admin
	clock func() time.Time
}

func (a wrongAdmin) Clock(context.Context) (time.Time, error) { return a.clock(), nil }

func TestClockFollowsTheStore(t *testing.T) {
	log := &output{}
	local, ahead, asleep := time.Now(), -3*time.Hour, time.Duration(0)
	c := &clock{local: func() time.Time { return local }, wall: func() time.Time { return local.Add(asleep) }, log: slog.New(slog.NewTextHandler(log, nil))}
	c.store = &elsewhen{memstore.New(), func() time.Time { return local.Add(ahead) }}
	compare := func(want time.Duration) {
		t.Helper()
		if err := c.compare(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := c.now().Sub(local); (got - want).Abs() > time.Millisecond {
			t.Errorf("%v ahead of the local time, want %v", got, want)
		}
	}
	compare(-3 * time.Hour) // at once
	if !strings.Contains(log.String(), "ahead=3h0m0s") {
		t.Errorf("the log: %s", log)
	}
	local = local.Add(clockInterval)
	ahead += 100 * time.Millisecond
	compare(-3*time.Hour + 100*time.Millisecond)
	local = local.Add(clockInterval)
	ahead += time.Hour // somebody sets the clock there
	compare(-3*time.Hour + 600*time.Millisecond)
	if !strings.Contains(log.String(), "jumped") {
		t.Errorf("the log: %s", log)
	}
	local = local.Add(clockInterval)
	ahead = -4 * time.Hour
	compare(-3*time.Hour + 100*time.Millisecond)

	ahead = -3 * time.Hour
	slow := c.store
	c.store = &elsewhen{memstore.New(), func() time.Time {
		local = local.Add(2 * slowAnswer)
		return local.Add(ahead)
	}}
	compare(-3*time.Hour + 100*time.Millisecond) // that says too little
	c.store = slow
	local = local.Add(clockInterval)
	compare(-3 * time.Hour)

	// This machine sleeps, and its monotonic clock with it.
	ahead += 8 * time.Hour
	asleep += 8 * time.Hour
	local = local.Add(clockInterval)
	compare(5 * time.Hour)
}

// TestTimesAreThoseOfTheStore: what a NameNode writes has the time of the store.
func TestTimesAreThoseOfTheStore(t *testing.T) {
	const ahead = 5 * time.Hour
	store := memstore.New()
	keep(t, &elsewhen{store, func() time.Time { return time.Now().Add(ahead) }})
	c := processConf(t, nil)
	mustFormat(t, conf.New(nil))
	c.Set(keyStoreURL, "mem:")
	r := run(t, c)
	r.mkdirs("/a")
	var resp hdfspb.GetFileInfoResponseProto
	if err := r.call("getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: proto.String("/a")}, &resp); err != nil {
		t.Fatal(err)
	}
	if d := time.UnixMilli(int64(resp.GetFs().GetModificationTime())).Sub(time.Now().Add(ahead)); d.Abs() > time.Hour {
		t.Errorf("made %v from the time of the store", d)
	}
	r.end()
}
