package namespace_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fsck"
	"github.com/hopsql/hopsql/txn"
)

var rewrite = flag.Bool("rewrite", false, "write the answers that came into the scenario files")

// A scenario file holds commands ("$ mkdirs /a", "bob$ ls /") and, indented below
// each, its answer and the round trips that it took. "cold" forgets all hints.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := newScenario(t, memstore.New())
			got := s.run(string(want), true)
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("answers differ:\n%s", diff(string(want), got))
			}
			bad, err := fsck.Check(context.Background(), s.store)
			if err != nil || len(bad) > 0 {
				t.Errorf("the rows do not fit together: %v\n%s", err, strings.Join(bad, "\n"))
			}
		})
	}
}

// diff shows the lines around the first difference.
func diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := 0; i < len(w) && i < len(g); i++ {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant: %s\ngot:  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w), len(g))
}

type scenario struct {
	t     *testing.T
	store *faulty.Store
	eng   *txn.Engine
	reg   *blocks.Registry
	ns    *namespace.Namespace
	last  map[string]blocks.Block // the newest block of each path
	mu    sync.Mutex
	trace []string
	now   time.Time
}

type noSafeMode struct{}

func (noSafeMode) On() (bool, string) { return false, "" }
func (noSafeMode) Joining() bool      { return false }

func newScenario(t *testing.T, inner dal.Store) *scenario {
	t.Helper()
	s := &scenario{t: t, store: faulty.New(inner), now: time.UnixMilli(1_700_000_000_000)}
	format(t, s.store)
	s.cold()
	t.Cleanup(func() { s.eng.Close(); inner.Close() })
	return s
}

// format writes the rows that every file system has.
func format(t testing.TB, store dal.Store) {
	t.Helper()
	ctx := context.Background()
	root := schema.Inode{ID: schema.RootID, UserName: "root", GroupName: "supergroup", Mode: 0o755}
	dir := schema.Directory{ID: schema.RootID, NSQuota: 1<<63 - 1, DSQuota: -1}
	changes := []dal.Change{
		{Op: dal.Insert, Table: schema.Inodes, Row: root.Row()},
		{Op: dal.Insert, Table: schema.Directories, Row: dir.Row()},
	}
	for name, value := range map[string]int64{schema.VarNextInodeID: schema.FirstInodeID,
		schema.VarNextBlockID: schema.FirstBlockID, schema.VarNextStorageID: 1, schema.VarNextNodeID: 1,
		schema.VarFormatted: 1, schema.VarNamespaceID: 1, schema.VarClusterID: 0, schema.VarBlockPoolID: 0,
		schema.VarCTime: 1, schema.VarEpoch: 0, schema.VarSafeMode: 0} {
		v := schema.Variable{Name: name, Value: value, Text: "CID-test"}
		changes = append(changes, dal.Change{Op: dal.Insert, Table: schema.Variables, Row: v.Row()})
	}
	for i := range changes {
		changes[i].Key = changes[i].Table.Key(changes[i].Row)
	}
	tx, err := store.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx, changes); err != nil {
		t.Fatal(err)
	}
}

// cold starts a new NameNode on the store: one without hints.
func (s *scenario) cold() {
	if s.eng != nil {
		s.eng.Close()
	}
	s.store.Observe(nil)
	eng, err := txn.New(s.store, txn.Options{NodeID: 1, IDRange: 1 << 20, HintIndexes: blocks.HintIndexes, Now: func() time.Time { return s.now }})
	if err != nil {
		s.t.Fatal(err)
	}
	// Take the first range of ids now, so that it does not show in the trace.
	for _, seq := range []string{schema.VarNextInodeID, schema.VarNextBlockID, schema.VarNextStorageID} {
		if _, err := eng.NextID(context.Background(), seq); err != nil {
			s.t.Fatal(err)
		}
	}
	s.eng = eng
	set := namespace.Settings{Limits: namespace.DefaultLimits(), Owner: "root", SuperGroup: "supergroup",
		CheckPermissions: true, Protected: []string{"/protected"}}
	set.ListLimit = 5
	set.MaxItems = 12
	s.reg = blocks.NewRegistry(eng, blocks.Options{Seed: 1, Now: func() time.Time { return s.now }})
	s.reg.TakeOver(1)
	if err := s.reg.Load(context.Background()); err != nil {
		s.t.Fatal(err)
	}
	s.ns = namespace.New(eng, s.reg, noSafeMode{}, set)
	s.store.Observe(func(c faulty.Call) {
		s.mu.Lock()
		s.trace = append(s.trace, describe(c))
		s.mu.Unlock()
	})
}

// describe is a round trip in one line: what was read, locked (s shared, x
// exclusive) and written (+ inserted, = put, - deleted, ~ added to) of each table.
func describe(c faulty.Call) string {
	var b strings.Builder
	b.WriteString(string(c.Op))
	for _, f := range c.Fetches {
		fmt.Fprintf(&b, " %s", f.Table)
		if f.Index != nil && f.Index != f.Table.Primary {
			fmt.Fprintf(&b, "(%s)", f.Index.Name)
		}
		if f.Scan != nil {
			b.WriteString(":scan")
			for _, fo := range f.Follow {
				fmt.Fprintf(&b, "&%s", fo.Index.Table())
			}
			continue
		}
		fmt.Fprintf(&b, ":%s%d", [...]string{"", "s", "x"}[f.Lock], len(f.Keys))
	}
	type group struct {
		t  *schema.Table
		op dal.Op
	}
	var order []group
	count := map[group]int{}
	for _, ch := range c.Changes {
		g := group{ch.Table, ch.Op}
		if count[g]++; count[g] == 1 {
			order = append(order, g)
		}
	}
	for _, g := range order {
		fmt.Fprintf(&b, " %s:%s%d", g.t, [...]string{"-", "+", "=", "~"}[g.op], count[g])
	}
	return b.String()
}

// run executes the commands of a file and returns it with fresh answers.
func (s *scenario) run(file string, withTrace bool) string {
	var out bytes.Buffer
	for line := range strings.Lines(file) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "  ") {
			continue
		}
		fmt.Fprintln(&out, line)
		user, cmd, ok := strings.Cut(line, "$ ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		s.now = s.now.Add(time.Second)
		s.trace = nil
		answer := s.do(user, strings.Fields(cmd))
		for a := range strings.Lines(answer) {
			fmt.Fprintf(&out, "  %s\n", strings.TrimSuffix(a, "\n"))
		}
		s.mu.Lock()
		if withTrace {
			for _, tr := range s.trace {
				fmt.Fprintf(&out, "    %s\n", tr)
			}
		}
		s.mu.Unlock()
	}
	return out.String()
}

func errText(err error) string {
	if err == nil {
		return "ok"
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return fmt.Sprintf("error (%s): %s", f.Kind, f.Message)
	}
	return "error: " + err.Error()
}

func result(v any, err error) string {
	if err != nil {
		return errText(err)
	}
	return fmt.Sprint(v)
}

func octal(s string) int64 {
	n, _ := strconv.ParseInt(s, 8, 64)
	return n
}

// do runs one command. A word call=ID,RETRY names the call for the retry cache.
func (s *scenario) do(user string, words []string) string {
	c := &namespace.Caller{User: "root", Groups: []string{"supergroup"}, Host: "127.0.0.1"}
	if user != "" {
		c = &namespace.Caller{User: user, Groups: []string{"users"}, Host: "127.0.0.1"}
	}
	args := words[:1:1]
	opt := map[string]string{}
	for _, w := range words[1:] {
		if k, v, ok := strings.Cut(w, "="); ok {
			opt[k] = v
			continue
		}
		args = append(args, w)
	}
	if v, ok := opt["call"]; ok {
		id, retry, _ := strings.Cut(v, ",")
		n, _ := strconv.Atoi(id)
		r, _ := strconv.Atoi(retry)
		c.ClientID, c.CallID, c.Retry = "0123456789abcdef", int64(n), int32(r)
	}
	args = append(args, "", "")
	ctx := context.Background()
	switch args[0] {
	case "cold":
		s.cold()
		s.trace = nil
		return ""
	case "mkdirs":
		unmasked := int64(0o777)
		return errText(s.ns.MkdirsWith(ctx, c, args[1], namespace.Modes{Masked: 0o755, Unmasked: &unmasked}, opt["parents"] != "no"))
	case "create":
		return s.create(ctx, c, args[1], opt)
	case "delete":
		return result(s.ns.Delete(ctx, c, args[1], opt["recursive"] == "yes"))
	case "rename":
		return result(s.ns.Rename(ctx, c, args[1], args[2]))
	case "rename2":
		return errText(s.ns.Rename2(ctx, c, args[1], args[2], namespace.RenameOptions{Overwrite: opt["overwrite"] == "yes", ToTrash: opt["trash"] == "yes"}))
	case "stat":
		st, err := s.ns.GetFileInfo(ctx, c, args[1], false)
		if err != nil || st == nil {
			return result(st, err)
		}
		return statLine(st)
	case "ls":
		return s.list(ctx, c, args[1], opt["after"])
	case "chmod":
		return errText(s.ns.SetPermission(ctx, c, args[2], octal(args[1])))
	case "chown":
		u, g, _ := strings.Cut(args[1], ":")
		return errText(s.ns.SetOwner(ctx, c, args[2], u, g))
	case "settimes":
		return errText(s.ns.SetTimes(ctx, c, args[1], 5000, 6000))
	case "count":
		sum, err := s.ns.GetContentSummary(ctx, c, args[1])
		if err != nil {
			return errText(err)
		}
		return strings.Replace(fmt.Sprintf("%+v", *sum), " Types:[]", "", 1)
	case "setquota":
		return errText(s.ns.SetQuota(ctx, c, quotaRequest(args[1], opt)))
	case "usage":
		u, err := s.ns.GetQuotaUsage(ctx, c, args[1])
		if err != nil {
			return errText(err)
		}
		return fmt.Sprintf("%+v", *u)
	case "policy":
		if args[1] == "unset" {
			return errText(s.ns.UnsetStoragePolicy(ctx, c, args[2]))
		}
		return errText(s.ns.SetStoragePolicy(ctx, c, args[2], args[1]))
	case "getpolicy":
		return result(s.ns.StoragePolicy(ctx, c, args[1]))
	case "access":
		n, _ := strconv.Atoi(args[1])
		return errText(s.ns.CheckAccess(ctx, c, args[2], namespace.Access(n)))
	}
	if answer, ok := s.doAttributes(ctx, c, args); ok {
		return answer
	}
	return s.doData(ctx, c, args, words)
}

// testNode is the DataNode of the scenarios and testStorage its volume.
var testStorage = blocks.StorageRef{UUID: "DS-1", Type: 1}

const testNode = "dn-1"

// doData runs the commands that need a DataNode.
func (s *scenario) doData(ctx context.Context, c *namespace.Caller, args, words []string) string {
	src := args[1]
	switch args[0] {
	case "datanode":
		d := schema.Datanode{UUID: testNode, IP: "127.0.0.1", Host: "localhost", XferPort: 9866, Location: "/default-rack"}
		if err := s.reg.Register(ctx, d); err != nil {
			return errText(err)
		}
		_, err := s.reg.Heartbeat(ctx, blocks.HeartbeatReport{Datanode: testNode,
			Storages: []blocks.StorageUsage{{StorageRef: testStorage, Capacity: 1 << 40, Remaining: 1 << 40}}})
		return errText(err)
	case "addblock":
		r := namespace.AddBlockRequest{Src: src, ClientName: "writer"}
		if b, ok := s.last[src]; ok {
			b.NumBytes = 100
			r.Previous = &b
		}
		lb, err := s.ns.AddBlock(ctx, c, r)
		if err != nil {
			return errText(err)
		}
		if s.last == nil {
			s.last = map[string]blocks.Block{}
		}
		s.last[src] = blocks.Block{ID: lb.BlockID, GenerationStamp: lb.GenerationStamp}
		return fmt.Sprintf("block %d_%d at %d storages", lb.BlockID, lb.GenerationStamp, len(lb.Targets))
	case "received":
		b := s.last[src]
		b.NumBytes = 100
		return errText(s.reg.Incremental(ctx, testNode, []blocks.Events{{Storage: testStorage,
			Events: []blocks.Event{{Block: b, Kind: blocks.Received}}}}))
	case "complete":
		var last *blocks.Block
		if b, ok := s.last[src]; ok {
			b.NumBytes = 100
			last = &b
		}
		return result(s.ns.Complete(ctx, c, src, "writer", last, 0))
	case "open":
		l, err := s.ns.GetBlockLocations(ctx, c, src, 0, 1<<30)
		if err != nil {
			return errText(err)
		}
		out := fmt.Sprintf("length %d, open %v", l.FileLength, l.UnderConstruction)
		for _, b := range l.Blocks {
			out += fmt.Sprintf("\nblock %d at %d: %d bytes, %d locations", b.BlockID, b.Offset, b.Size, len(b.Targets))
		}
		return out
	case "setrep":
		return result(s.ns.SetReplication(ctx, c, src, cmp.Or(octal(args[2]), 2)))
	case "truncate":
		length, _ := strconv.ParseInt(args[2], 10, 64)
		return result(s.ns.Truncate(ctx, c, src, length, "writer"))
	case "abandon":
		b := s.last[src]
		delete(s.last, src)
		return errText(s.ns.AbandonBlock(ctx, c, src, 0, "writer", b))
	case "concat":
		return errText(s.ns.Concat(ctx, c, src, strings.Split(args[2], ",")))
	case "purge":
		return result(s.ns.PurgeSome(ctx))
	case "append":
		lb, _, err := s.ns.Append(ctx, c, src, "writer", namespace.FlagAppend)
		if err != nil || lb == nil {
			return result(lb, err)
		}
		return fmt.Sprintf("block %d_%d of %d bytes", lb.BlockID, lb.GenerationStamp, lb.Size)
	}
	s.t.Errorf("unknown command %q", words)
	return "?"
}

// quotaRequest reads names=, space= and type=; "no" takes a quota away.
func quotaRequest(src string, opt map[string]string) namespace.QuotaRequest {
	number := func(name string) int64 {
		switch v := opt[name]; v {
		case "":
			return namespace.KeepQuota
		case "no":
			return namespace.NoQuota
		default:
			n, _ := strconv.ParseInt(v, 10, 64)
			return n
		}
	}
	r := namespace.QuotaRequest{Src: src, Names: number("names"), Space: number("space")}
	for _, t := range append(namespace.QuotaTypes[:], blocks.TypeRAMDisk) {
		if blocks.TypeName(t) == opt["type"] {
			r.Type = t
		}
	}
	return r
}

func (s *scenario) create(ctx context.Context, c *namespace.Caller, src string, opt map[string]string) string {
	r := namespace.CreateRequest{Src: src, Mode: 0o644, ClientName: "writer", Flags: namespace.FlagCreate,
		CreateParent: opt["parents"] != "no", Replication: 1, BlockSize: 1 << 20}
	if opt["overwrite"] == "yes" {
		r.Flags |= namespace.FlagOverwrite
	}
	if v := opt["client"]; v != "" {
		r.ClientName = v
	}
	if v := opt["blocksize"]; v != "" {
		r.BlockSize, _ = strconv.ParseInt(v, 10, 64)
	}
	if v := opt["replication"]; v != "" {
		r.Replication, _ = strconv.ParseInt(v, 10, 64)
	}
	st, err := s.ns.Create(ctx, c, r)
	if err != nil {
		return errText(err)
	}
	return statLine(st)
}

func (s *scenario) list(ctx context.Context, c *namespace.Caller, src, after string) string {
	l, err := s.ns.GetListing(ctx, c, src, after, false)
	if err != nil || l == nil {
		return result(l, err)
	}
	var b strings.Builder
	for i := range l.Entries {
		fmt.Fprintf(&b, "%s %s\n", l.Entries[i].Path, statLine(&l.Entries[i]))
	}
	fmt.Fprintf(&b, "remaining %d\n", l.Remaining)
	return b.String()
}

func statLine(st *namespace.FileStatus) string {
	kind := "file"
	if st.IsDir() {
		kind = "dir"
	}
	return fmt.Sprintf("%s %d %s:%s %o mtime=%d children=%d", kind, st.ID, st.UserName, st.GroupName, st.Mode,
		(st.ModTime-1_700_000_000_000)/1000, st.ChildrenNum)
}

func isFault(err error) bool {
	var f *fault.Error
	return errors.As(err, &f)
}
