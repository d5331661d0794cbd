package namenode

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/election"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// trashRig is a file system whose clock is the test's, with NameNodes that empty the
// trash.
type trashRig struct {
	*testing.T
	fs   *namespace.Namespace
	now  time.Time
	set  trashSettings
	node *election.Node
	log  *output
}

func newTrash(t *testing.T, kept, every time.Duration) *trashRig {
	store := memstore.New()
	keep(t, store)
	mustFormat(t, sqliteConf(t, nil))
	// A multiple of an hour of local time, as users would read it.
	r := &trashRig{T: t, now: time.UnixMilli(1_700_000_000_000 / 3_600_000 * 3_600_000), set: trashSettings{keep: kept, every: every}, log: &output{}}
	eng, err := txn.New(store, txn.Options{NodeID: 1, Now: func() time.Time { return r.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(eng.Close)
	reg := blocks.NewRegistry(eng, blocks.Options{})
	limits := namespace.DefaultLimits()
	limits.ListLimit = 3
	r.fs = namespace.New(eng, reg, blocks.NewSafe(eng, reg, blocks.SafeOptions{}), namespace.Settings{Limits: limits, Owner: "hdfs", SuperGroup: "supergroup", CheckPermissions: true})
	id, err := election.NewID(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	v, err := variables(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	r.node, err = election.Join(t.Context(), election.Config{Store: store, Engine: eng, NamespaceID: v[schema.VarNamespaceID].Value,
		Self: schema.Namenode{ID: id}, Now: func() time.Time { return r.now }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *trashRig) hdfs() *namespace.Caller { return &namespace.Caller{User: "hdfs"} }

// deleted puts a file into somebody's trash.
func (r *trashRig) deleted(user, name string) {
	r.Helper()
	if err := r.fs.Mkdirs(r.Context(), r.hdfs(), "/user/"+user+"/.Trash/Current/"+name, 0o700, true); err != nil {
		r.Fatal(err)
	}
}

// pass lets time pass, with heartbeats.
func (r *trashRig) pass(d time.Duration) {
	r.Helper()
	r.now = r.now.Add(d)
	if err := r.node.Beat(r.Context()); err != nil { // a lapse, and a new lead
		r.Fatal(err)
	}
}

func (r *trashRig) emptier() *emptier {
	return &emptier{fs: r.fs, user: "hdfs", set: r.set, now: func() time.Time { return r.now }, log: slog.New(slog.NewTextHandler(r.log, nil))}
}

func (r *trashRig) round(e *emptier) {
	r.Helper()
	if err := e.round(r.node.Fence(r.Context())); err != nil {
		r.Fatal(err)
	}
}

// trash is what is in the folders of somebody's trash.
func (r *trashRig) trash(user string) (all []string) {
	r.Helper()
	var list func(dir, prefix string)
	list = func(dir, prefix string) {
		for after := ""; ; {
			page, err := r.fs.GetListing(r.Context(), r.hdfs(), dir, after, false)
			if err != nil {
				r.Fatal(err)
			}
			if page == nil {
				return
			}
			for _, e := range page.Entries {
				after = e.Path
				if prefix == "" {
					list(dir+"/"+e.Path, e.Path+"/")
				} else {
					all = append(all, prefix+e.Path)
				}
			}
			if page.Remaining == 0 {
				return
			}
		}
	}
	list("/user/"+user+"/.Trash", "")
	return all
}

func (r *trashRig) want(user string, want ...string) {
	r.Helper()
	if got := r.trash(user); !slices.Equal(got, want) {
		r.Errorf("the trash of %s holds %q, want %q", user, got, want)
	}
}

func (r *trashRig) name() string { return r.now.Format("060102150405") }

func TestTrashIsEmptied(t *testing.T) {
	r := newTrash(t, 3*time.Hour, time.Hour)
	r.pass(time.Minute)
	e := r.emptier()
	r.round(e)
	r.deleted("ann", "a")
	r.deleted("bob", "b")
	for _, more := range []string{"u1", "u2", "u3", "u4"} { // more than a page, without a trash
		if err := r.fs.Mkdirs(t.Context(), r.hdfs(), "/user/"+more, 0o755, true); err != nil {
			t.Fatal(err)
		}
	}
	r.deleted("zoe", "z")
	r.pass(58 * time.Minute)
	r.round(e)
	r.want("ann", "Current/a") // too early

	r.pass(time.Minute + time.Second)
	first := r.name()
	r.round(e)
	r.round(e)
	for user, name := range map[string]string{"ann": "a", "bob": "b", "zoe": "z"} {
		r.want(user, first+"/"+name)
	}
	r.deleted("ann", "a")
	r.pass(time.Hour)
	second := r.name()
	r.round(e)
	r.want("ann", first+"/a", second+"/a")
	r.pass(2 * time.Hour) // first is three hours old, not more
	r.round(e)
	r.want("ann", first+"/a", second+"/a")
	r.pass(time.Hour)
	r.round(e)
	r.want("ann", second+"/a")
	r.pass(time.Hour)
	r.round(e)
	r.want("ann")
	r.want("zoe")
	if r.log.String() != "" {
		t.Errorf("the log says %s", r.log)
	}
}

// TestTrashAfterATakeover: the next leader makes up for what the first one did not do,
// once, and leaves alone what was deleted since.
func TestTrashAfterATakeover(t *testing.T) {
	r := newTrash(t, 24*time.Hour, time.Hour)
	r.deleted("ann", "a")
	r.deleted("bob", "b")
	r.pass(time.Hour + time.Minute)
	r.deleted("zoe", "late")
	r.pass(time.Minute)
	crashed := r.emptier()
	crashed.done = crashed.due(r.now).Add(-time.Hour)
	// The first leader came as far as ann's.
	if err := crashed.empty(r.node.Fence(t.Context()), "/user/ann/.Trash", r.now, crashed.due(r.now), true); err != nil {
		t.Fatal(err)
	}
	first := r.name()
	r.deleted("ann", "again")
	r.pass(time.Minute)
	next := r.emptier()
	r.round(next)
	r.want("ann", first+"/a", "Current/again")
	r.want("bob", r.name()+"/b")
	r.want("zoe", "Current/late")
	// One that does not lead any more does nothing, and says so.
	old := r.node.Fence(t.Context())
	r.pass(time.Hour)
	if err := r.emptier().round(old); !errors.Is(err, election.ErrNotLeader) {
		t.Errorf("a round of an earlier epoch: %v", err)
	}
	r.want("zoe", "Current/late")
	r.round(next)
	r.want("zoe", r.name()+"/late")
}

// TestWhatElseIsInATrash stays, and stops nobody's emptying.
func TestWhatElseIsInATrash(t *testing.T) {
	r := newTrash(t, time.Hour, time.Hour)
	for _, name := range []string{"notes", "2311", "231114999999", "2311140900", "231114090000-3", "20231114x"} {
		if err := r.fs.Mkdirs(t.Context(), r.hdfs(), "/user/ann/.Trash/"+name+"/x", 0o700, true); err != nil {
			t.Fatal(err)
		}
	}
	r.deleted("ann", "a")
	r.pass(time.Hour)
	taken := r.name()
	if err := r.fs.Mkdirs(t.Context(), r.hdfs(), "/user/zoe/.Trash/"+taken, 0o700, true); err != nil {
		t.Fatal(err)
	}
	r.deleted("zoe", "z")
	e := r.emptier()
	e.done = e.due(r.now).Add(-time.Hour)
	r.round(e)
	r.want("ann", "20231114x/x", "2311/x", taken+"/a", "231114999999/x", "notes/x")
	for _, name := range []string{"notes", "2311", "231114999999", "20231114x"} {
		if !strings.Contains(r.log.String(), name) {
			t.Errorf("the log does not name %s: %s", name, r.log)
		}
	}
	// The name of the second was in use, so it is one of this time already.
	r.want("zoe", "Current/z")
	if err := e.checkpoint(r.node.Fence(context.Background()), "/user/zoe/.Trash", r.now); err != nil {
		t.Fatal(err)
	}
	r.want("zoe", taken+"-1/z")
}
