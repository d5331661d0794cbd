package namenode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/dal/open"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/schema"
)

// keep makes openStore return store for the length of the test, however often it is
// opened and closed.
func keep(t *testing.T, store dal.Store) {
	t.Helper()
	openStore = func(context.Context, *conf.Config) (dal.Store, error) { return unclosed{store}, nil }
	t.Cleanup(func() { openStore = open.Open })
}

// unclosed is a store that Close leaves open.
type unclosed struct{ dal.Store }

func (unclosed) Close() error { return nil }

// sqliteConf is a configuration with a SQLite file of its own.
func sqliteConf(t *testing.T, more map[string]string) *conf.Config {
	kv := map[string]string{keyStoreURL: "sqlite://" + filepath.Join(t.TempDir(), "ns.db")}
	for k, v := range more {
		kv[k] = v
	}
	return conf.New(kv)
}

func format(t *testing.T, c *conf.Config, opt FormatOptions) (string, error) {
	t.Helper()
	var out bytes.Buffer
	opt.Out = &out
	if opt.In == nil {
		opt.In = strings.NewReader("")
	}
	err := Format(t.Context(), c, opt)
	return out.String(), err
}

func mustFormat(t *testing.T, c *conf.Config) {
	t.Helper()
	if out, err := format(t, c, FormatOptions{Force: true}); err != nil {
		t.Fatal(out, err)
	}
}

// root reads the rows of the root directory.
func root(t *testing.T, store dal.Store) (*schema.Inode, *schema.Directory) {
	t.Helper()
	got, err := store.Read(t.Context(), []dal.Fetch{
		{Table: schema.Inodes, Keys: []schema.Key{schema.InodeKey(schema.RootParentID, "")}},
		{Table: schema.Directories, Keys: []schema.Key{schema.KeyOf(schema.Int(schema.RootID))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got[0].Rows) != 1 || len(got[1].Rows) != 1 {
		t.Fatalf("the root has %d and %d rows", len(got[0].Rows), len(got[1].Rows))
	}
	in, d := schema.InodeOf(got[0].Rows[0]), schema.DirectoryOf(got[1].Rows[0])
	return &in, &d
}

func checkFormatted(t *testing.T, store dal.Store) {
	t.Helper()
	id, err := identify(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^BP-[0-9]+-[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+-[0-9]+$`).MatchString(id.BlockPoolID) {
		t.Errorf("block pool id %s", id.BlockPoolID)
	}
	if id.NamespaceID <= 0 || id.NamespaceID > math.MaxInt32 || id.CTime <= 0 {
		t.Errorf("namespace id %d, cTime %d", id.NamespaceID, id.CTime)
	}
	in, d := root(t, store)
	if in.ID != 16385 || in.Mode != 0o755 || in.UserName != conf.UserName() || in.GroupName != "supergroup" || in.Kind != schema.KindDirectory {
		t.Errorf("root %+v", in)
	}
	if d.NSQuota != math.MaxInt64 || d.DSQuota != -1 || d.Entries != 0 {
		t.Errorf("root's directory row %+v", d)
	}
	vars, err := variables(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{schema.VarFormatted: 1, schema.VarNextInodeID: 16386, schema.VarNextBlockID: 1<<30 + 1,
		schema.VarNextNodeID: 1, schema.VarNextStorageID: 1, schema.VarEpoch: 0, schema.VarSafeMode: 0} {
		if v, ok := vars[name]; !ok || v.Value != want {
			t.Errorf("variable %s is %d (there: %v), want %d", name, v.Value, ok, want)
		}
	}
}

func TestFormatSQLite(t *testing.T) {
	c := sqliteConf(t, nil)
	if _, err := format(t, c, FormatOptions{ClusterID: "CID-mine", NonInteractive: true}); err != nil {
		t.Fatal(err)
	}
	store, err := open.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	checkFormatted(t, store)
	if id, _ := identify(t.Context(), store); id.ClusterID != "CID-mine" {
		t.Errorf("cluster id %s", id.ClusterID)
	}
	store.Close()

	// The file system that is there now is asked for.
	out, err := format(t, c, FormatOptions{NonInteractive: true})
	if !errors.Is(err, ErrAborted) || !strings.HasPrefix(out, "Running in non-interactive mode, and data appears to exist in sqlite:///") {
		t.Errorf("non-interactive: %v, %q", err, out)
	}
	for answer, want := range map[string]error{"N\n": ErrAborted, "": ErrAborted, "maybe\n": ErrAborted, "\nn\n": ErrAborted, "y\n": nil, "\nY\n": nil} {
		out, err := format(t, c, FormatOptions{In: strings.NewReader(answer)})
		if !errors.Is(err, want) || !strings.Contains(out, "Re-format filesystem in sqlite:///") {
			t.Errorf("answer %q: %v, %q", answer, err, out)
		}
		if want != nil && !strings.Contains(out, "Format aborted in sqlite:///") {
			t.Errorf("answer %q: %q", answer, out)
		}
	}
	if _, err := format(t, c, FormatOptions{Force: true}); err != nil {
		t.Error(err)
	}
}

func TestFormatKeys(t *testing.T) {
	for _, k := range []map[string]string{{"dfs.namenode.support.allow.format": "false"}, {"dfs.reformat.disabled": "true"}} {
		c := sqliteConf(t, nil)
		mustFormat(t, c)
		for key, v := range k {
			c.Set(key, v)
			if _, err := format(t, c, FormatOptions{Force: true}); err == nil || !strings.Contains(err.Error(), key) {
				t.Errorf("%s=%s: %v", key, v, err)
			}
		}
	}
	c := sqliteConf(t, map[string]string{"dfs.reformat.disabled": "true"})
	mustFormat(t, c) // nothing is there yet
}

// TestFormatBreaksOff fails every round trip of a format in turn. Afterwards either
// the old file system is whole, or no NameNode starts and the format can be run
// again.
func TestFormatBreaksOff(t *testing.T) {
	for _, guards := range []bool{false, true} {
		for i := 1; ; i++ {
			inner := memstore.New(func(tr *dal.Traits) { tr.Guards = guards })
			store := faulty.New(inner)
			keep(t, store)
			c := conf.New(nil)
			mustFormat(t, c)
			before, err := identify(t.Context(), inner)
			if err != nil {
				t.Fatal(err)
			}
			store.FailAt(i, faulty.Fault{Kind: dal.Permanent})
			_, broke := format(t, c, FormatOptions{Force: true})
			calls := store.Calls()
			store.Reset()
			after, err := identify(t.Context(), inner)
			if broke == nil {
				if i < 4 || calls >= i {
					t.Fatalf("the format passed with round trip %d of %d failing", i, calls)
				}
				break
			}
			if err == nil && after != before {
				t.Errorf("round trip %d failed (%v) and there is a new file system", i, broke)
			}
			if err != nil && !strings.Contains(err.Error(), "hdfs namenode -format") {
				t.Errorf("round trip %d failed: a NameNode would say %v", i, err)
			}
			if _, err := format(t, c, FormatOptions{NonInteractive: true, Force: err == nil}); err != nil {
				t.Errorf("round trip %d failed: the next format says %v", i, err)
			}
			checkFormatted(t, inner)
		}
	}
}

// TestFormatTruncateBreaksOff: the tables are emptied in part only.
func TestFormatTruncateBreaksOff(t *testing.T) {
	inner := memstore.New()
	keep(t, inner)
	mustFormat(t, conf.New(nil))
	keep(t, halfTruncated{inner})
	if _, err := format(t, conf.New(nil), FormatOptions{Force: true}); err == nil {
		t.Fatal("a truncate that fails is no error")
	}
	if _, err := identify(t.Context(), inner); err == nil || !strings.Contains(err.Error(), "not formatted") {
		t.Errorf("a NameNode would say %v", err)
	}
	keep(t, inner)
	if _, err := format(t, conf.New(nil), FormatOptions{NonInteractive: true}); err != nil {
		t.Error(err)
	}
	checkFormatted(t, inner)
}

// halfTruncated fails to truncate.
type halfTruncated struct{ dal.Store }

func (s halfTruncated) Admin() dal.Admin { return failingTruncate{s.Store.Admin()} }

type failingTruncate struct{ dal.Admin }

func (failingTruncate) Truncate(context.Context) error { return errors.New("power cut") }

func TestFormatGuards(t *testing.T) {
	store := memstore.New(func(tr *dal.Traits) { tr.Guards = true })
	keep(t, store)
	mustFormat(t, conf.New(nil))
	got, err := store.Read(t.Context(), []dal.Fetch{{Table: schema.Guards, Scan: &dal.Scan{}}})
	if err != nil || len(got[0].Rows) != guardRows {
		t.Errorf("%d guards, %v", len(got[0].Rows), err)
	}
}

func TestDestructionIsRefusedWhileANameNodeIsAlive(t *testing.T) {
	store := memstore.New()
	keep(t, store)
	c := conf.New(map[string]string{keyInterval: "10ms", keyMissed: "3"})
	mustFormat(t, c)
	stop, done := make(chan struct{}), make(chan struct{})
	row := schema.Namenode{ID: 1, RPCAddress: "nn:8020"}
	beat := func() {
		row.Counter++
		if err := commit(context.Background(), store, []dal.Change{put(schema.Namenodes, row.Row())}); err != nil {
			t.Error(err)
		}
	}
	beat()
	go func() {
		defer close(done)
		for {
			beat()
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	want := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "a NameNode is running at nn:8020") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := format(t, c, FormatOptions{In: strings.NewReader("Y\n")})
	want("format", err)
	opt := FormatOptions{In: strings.NewReader("Y\n"), Out: io.Discard}
	want("drop", Drop(t.Context(), c, opt))
	_, _, err = Upgrade(t.Context(), c, false)
	want("upgrade", err)
	if _, err := format(t, c, FormatOptions{Force: true}); err != nil {
		t.Errorf("with -force: %v", err)
	}
	close(stop)
	<-done
	if _, err := format(t, c, FormatOptions{In: strings.NewReader("Y\n")}); err != nil {
		t.Errorf("with a row that does not move: %v", err)
	}
}

func TestDrop(t *testing.T) {
	c := sqliteConf(t, nil)
	opt := FormatOptions{Out: io.Discard, In: strings.NewReader("")}
	if err := Drop(t.Context(), c, opt); err != nil {
		t.Fatal("an empty store:", err)
	}
	mustFormat(t, c)
	if err := Drop(t.Context(), c, opt); !errors.Is(err, ErrAborted) {
		t.Errorf("without an answer: %v", err)
	}
	opt.In = strings.NewReader("Y\n")
	if err := Drop(t.Context(), c, opt); err != nil {
		t.Fatal(err)
	}
	store, err := open.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = identify(t.Context(), store)
	store.Close()
	if err == nil || !strings.Contains(err.Error(), "hdfs namenode -format") {
		t.Errorf("after a drop a NameNode would say %v", err)
	}
	mustFormat(t, c)
}

func TestVersions(t *testing.T) {
	c := sqliteConf(t, nil)
	if v, err := StoreVersion(t.Context(), c); v != 0 || err != nil {
		t.Errorf("an empty store has version %d, %v", v, err)
	}
	if _, _, err := Upgrade(t.Context(), c, false); err == nil || !strings.Contains(err.Error(), "-format") {
		t.Errorf("upgrade of an empty store: %v", err)
	}
	mustFormat(t, c)
	if v, err := StoreVersion(t.Context(), c); v != schema.Version || err != nil {
		t.Errorf("a formatted store has version %d, %v", v, err)
	}
	if from, to, err := Upgrade(t.Context(), c, false); from != schema.Version || to != schema.Version || err != nil {
		t.Errorf("upgrade from %d to %d, %v", from, to, err)
	}
}

// versioned is an Admin that says which version the tables have.
type versioned struct {
	dal.Admin
	version uint
	dirty   bool
}

func (v versioned) Version(context.Context) (uint, bool, error) { return v.version, v.dirty, nil }

func TestSchemaOfAnotherProgram(t *testing.T) {
	for _, c := range []struct {
		version uint
		dirty   bool
		want    string
	}{
		{0, false, "hdfs namenode -format"},
		{schema.Version + 1, false, fmt.Sprintf("schema version %d, this program knows only %d", schema.Version+1, schema.Version)},
		{schema.Version, true, "broke off in its middle: upgrade it with: hdfs namenode -upgrade"},
	} {
		inner := memstore.New()
		err := checkSchema(t.Context(), withAdmin{inner, versioned{Admin: inner.Admin(), version: c.version, dirty: c.dirty}})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("version %d dirty %v: %v", c.version, c.dirty, err)
		}
	}
	inner := memstore.New()
	keep(t, withAdmin{inner, versioned{Admin: inner.Admin(), version: schema.Version + 1}})
	if _, err := format(t, conf.New(nil), FormatOptions{Force: true}); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("format of a newer schema: %v", err)
	}
}

type withAdmin struct {
	dal.Store
	admin dal.Admin
}

func (s withAdmin) Admin() dal.Admin { return s.admin }

func TestLockedSQLite(t *testing.T) {
	c := sqliteConf(t, nil)
	mustFormat(t, c)
	store, err := open.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := format(t, c, FormatOptions{Force: true}); err == nil || !strings.Contains(err.Error(), fmt.Sprint("locked by process ", os.Getpid())) {
		t.Errorf("format of a file in use: %v", err)
	}
}
