package integrity_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/integrity"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// The ids of the sound tree that the tests break.
const (
	dirID  = schema.FirstInodeID
	fileID = dirID + 1
	openID = dirID + 2
	goneID = dirID + 3
)

func put(t *schema.Table, r schema.Row) dal.Change {
	return dal.Change{Op: dal.Put, Table: t, Key: t.Key(r), Row: r}
}

func remove(t *schema.Table, vals ...schema.Value) dal.Change {
	return dal.Change{Op: dal.Delete, Table: t, Key: schema.KeyOf(vals...)}
}

func inode(parent int64, name string, id, kind int64) schema.Inode {
	return schema.Inode{PartitionID: schema.PartitionOf(parent), ParentID: parent, Name: name, ID: id, Kind: kind, BlockSize: 1 << 20}
}

func directory(id, entries int64) dal.Change {
	return put(schema.Directories, (&schema.Directory{ID: id, Entries: entries, NSQuota: -1, DSQuota: -1}).Row())
}

// sound is a root with a directory that holds a closed file with a block and an open
// one, and a removed directory with a child.
func sound() []dal.Change {
	root := inode(schema.RootParentID, "", schema.RootID, schema.KindDirectory)
	dir := inode(schema.RootID, "d", dirID, schema.KindDirectory)
	file := inode(dirID, "f", fileID, schema.KindFile)
	file.Length, file.Replication = 7, 1
	open := inode(dirID, "o", openID, schema.KindFile)
	open.ClientName = "writer"
	orphan := inode(goneID, "x", goneID+1, schema.KindFile)
	var changes []dal.Change
	for _, in := range []schema.Inode{root, dir, file, open, orphan} {
		changes = append(changes, put(schema.Inodes, in.Row()))
	}
	for _, v := range []schema.Variable{{Name: schema.VarClusterID, Text: "CID"}, {Name: schema.VarNamespaceID, Value: 1}, {Name: schema.VarBlockPoolID, Text: "BP"},
		{Name: schema.VarFormatted, Value: 1}, {Name: schema.VarNextInodeID, Value: goneID + 2}, {Name: schema.VarNextBlockID, Value: schema.FirstBlockID + 2}} {
		changes = append(changes, put(schema.Variables, v.Row()))
	}
	return append(changes, directory(schema.RootID, 1), directory(dirID, 2),
		put(schema.Purge, (&schema.Purged{InodeID: goneID, Kind: schema.KindDirectory}).Row()),
		put(schema.Leases, (&schema.Lease{Holder: "writer"}).Row()),
		put(schema.OpenFiles, (&schema.OpenFile{InodeID: openID, Holder: "writer"}).Row()),
		put(schema.Datanodes, (&schema.Datanode{UUID: "dn"}).Row()),
		put(schema.Storages, (&schema.Storage{StorageID: 1, UUID: "s", DatanodeUUID: "dn"}).Row()),
		put(schema.Blocks, (&schema.Block{InodeID: fileID, BlockID: schema.FirstBlockID, NumBytes: 7}).Row()),
		put(schema.Replicas, (&schema.Replica{InodeID: fileID, BlockID: schema.FirstBlockID, StorageID: 1, NumBytes: 7}).Row()),
		put(schema.Blocks, (&schema.Block{InodeID: openID, BlockID: schema.FirstBlockID + 1, State: schema.BlockUnderConstruction}).Row()))
}

// findings checks a store with some rows.
func findings(t *testing.T, changes []dal.Change) (found []string, tables int) {
	t.Helper()
	store := memstore.New()
	tx, err := store.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	eng, err := txn.New(store, txn.Options{NodeID: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	reg := blocks.NewRegistry(eng, blocks.Options{Seed: 1})
	ns := namespace.New(eng, reg, blocks.NewSafe(eng, reg, blocks.SafeOptions{}), namespace.Settings{Limits: namespace.DefaultLimits(), Owner: "root"})
	c := &integrity.Checker{Engine: eng, Usage: ns.VerifyUsage, LeaseLimit: time.Hour}
	n, err := c.Run(t.Context(), &integrity.Listener{
		Found: func(f string) { found = append(found, f) },
		Note:  func(about string, args ...any) { t.Errorf("could not check "+about, args...) },
		Read:  func(string, int64) {},
		Done:  func(string, int64) { tables++ },
	})
	if err != nil || n != len(found) {
		t.Fatalf("%d findings told, %d counted: %v", len(found), n, err)
	}
	return found, tables
}

func TestSoundRows(t *testing.T) {
	found, tables := findings(t, sound())
	if len(found) != 0 || tables < 14 {
		t.Errorf("%d tables, found in a sound store:\n%s", tables, strings.Join(found, "\n"))
	}
}

// broken are the contradictions that a check must find, by a part of what it says.
func broken() map[string][]dal.Change {
	loop := inode(dirID, "d", dirID, schema.KindDirectory)
	badName := inode(schema.RootID, "a/b", goneID+1, schema.KindFile)
	reopened := inode(dirID, "o", openID, schema.KindFile)
	long := inode(dirID, "f", fileID, schema.KindFile)
	long.Length = 8
	flagged := inode(dirID, "f", fileID, schema.KindFile)
	flagged.Length, flagged.Flags = 7, schema.FlagHasACL|schema.FlagHasXAttrs
	limited := inode(schema.RootID, "d", dirID, schema.KindDirectory)
	limited.Flags = schema.FlagHasQuota
	typed := limited
	typed.Flags |= schema.FlagHasTypeQuota
	typed.StoragePolicy = 7
	odd := inode(dirID, "f", fileID, 9)
	stray := inode(dirID, "f", fileID, schema.KindFile)
	stray.PartitionID, stray.Length = 5, 7
	counted := schema.Directory{ID: dirID, Entries: 2, NSQuota: 5, DSQuota: -1, NSUsed: 4, DSUsed: 8}
	block := func(state, idx, size int64) dal.Change {
		return put(schema.Blocks, (&schema.Block{InodeID: fileID, Idx: idx, BlockID: schema.FirstBlockID, NumBytes: size, State: state}).Row())
	}
	replica := func(inode, block, storage, state, size int64) dal.Change {
		return put(schema.Replicas, (&schema.Replica{InodeID: inode, BlockID: block, StorageID: storage, State: state, NumBytes: size}).Row())
	}
	return map[string][]dal.Change{
		"uses 3 names and 1048583 bytes and says 4 and 8":         {put(schema.Inodes, limited.Row()), put(schema.Directories, counted.Row()), openWith(1)},
		"flag for quotas by type of storage true, quotas false":   {put(schema.Inodes, typed.Row())},
		"has a quota by type of storage and no flag for a quota":  {put(schema.Inodes, onlyTyped().Row())},
		"uses 7 bytes of storage type DISK and says 6":            {put(schema.Inodes, typed.Row()), usedUp(3, 7), put(schema.TypeQuotas, (&schema.TypeQuota{ID: dirID, DiskQuota: 9, DiskUsed: 6}).Row())},
		"type_quotas has a row for 99, which is not there":        {put(schema.TypeQuotas, (&schema.TypeQuota{ID: 99}).Row())},
		"which has no flag for it":                                {put(schema.TypeQuotas, (&schema.TypeQuota{ID: dirID}).Row())},
		"flag for a quota true, quota false":                      {put(schema.Inodes, limited.Row())},
		"has no quota and counts what it uses":                    {usedUp(3, 7)},
		"the root directory (inode 16385) is missing":             {remove(schema.Inodes, schema.Int(schema.PartitionOf(0)), schema.Int(0), schema.Str(""))},
		"its parent is not there":                                 {remove(schema.Purge, schema.Int(goneID))},
		"its parent is no directory":                              {put(schema.Inodes, (&schema.Inode{PartitionID: fileID, ParentID: fileID, Name: "below", ID: goneID + 7, Kind: schema.KindFile}).Row())},
		"no path can have this name":                              {remove(schema.Inodes, schema.Int(goneID), schema.Int(goneID), schema.Str("x")), put(schema.Inodes, badName.Row()), directory(schema.RootID, 2)},
		"has the kind 9":                                          {put(schema.Inodes, odd.Row())},
		"has partition 5":                                         {remove(schema.Inodes, schema.Int(dirID), schema.Int(dirID), schema.Str("f")), put(schema.Inodes, stray.Row())},
		"is in the tree and listed for removal":                   {put(schema.Purge, (&schema.Purged{InodeID: fileID, Kind: schema.KindFile}).Row())},
		"has 2 children and says 3":                               {directory(dirID, 3)},
		"has no row in directories":                               {remove(schema.Directories, schema.Int(dirID))},
		"has a row in directories":                                {directory(fileID, 0)},
		"directories has a row for 99, which is not there":        {directory(99, 0)},
		"is below itself":                                         {remove(schema.Inodes, schema.Int(schema.RootID), schema.Int(schema.RootID), schema.Str("d")), put(schema.Inodes, loop.Row())},
		"who has no lease":                                        {remove(schema.Leases, schema.Str("writer"))},
		`the lease of "idle", not renewed for`:                    {put(schema.Leases, (&schema.Lease{Holder: "idle", Renewed: 1}).Row())},
		"and not in open_files":                                   {remove(schema.OpenFiles, schema.Int(openID))},
		"open_files has inode 99, which is not there":             {put(schema.OpenFiles, (&schema.OpenFile{InodeID: 99, Holder: "writer"}).Row())},
		`in open_files and for "" in inodes`:                      {put(schema.Inodes, reopened.Row())},
		"has the length 8, its blocks have 7 bytes":               {put(schema.Inodes, long.Row())},
		"is number 2, not 0":                                      {remove(schema.Blocks, schema.Int(fileID), schema.Int(0)), block(schema.BlockComplete, 2, 7)},
		"is closed, its block 1073741825 is in state 1":           {block(schema.BlockCommitted, 0, 7)},
		"block 1073741825 has the state 8":                        {block(8, 0, 7)},
		"the block size is 1048576":                               {block(schema.BlockComplete, 0, 1<<20+1)},
		"has the length 7, its blocks have 0 bytes":               {remove(schema.Blocks, schema.Int(fileID), schema.Int(0))},
		"block 3 belongs to inode 99, which is not there":         {put(schema.Blocks, (&schema.Block{InodeID: 99, BlockID: 3}).Row())},
		"which is no file":                                        {put(schema.Blocks, (&schema.Block{InodeID: dirID, BlockID: 3}).Row())},
		"block 2000000000 exists, the next id":                    {put(schema.Blocks, (&schema.Block{InodeID: openID, Idx: 1, BlockID: 2_000_000_000, State: schema.BlockUnderConstruction}).Row())},
		"is on storage 5, which is not there":                     {replica(fileID, schema.FirstBlockID, 5, schema.ReplicaFinalized, 7)},
		"a good replica of it 6":                                  {replica(fileID, schema.FirstBlockID, 1, schema.ReplicaFinalized, 6)},
		"a replica of block 1073741825 has the state 9":           {replica(fileID, schema.FirstBlockID, 1, 9, 7)},
		"a replica of block 4, which is not there":                {replica(fileID, 4, 1, schema.ReplicaFinalized, 7)},
		"belongs to inode 16387, a replica of it to 16388":        {replica(openID, schema.FirstBlockID, 1, schema.ReplicaFinalized, 7)},
		"reconstructions: block 1073741825 belongs":               {put(schema.Reconstructions, (&schema.Reconstruction{BlockID: schema.FirstBlockID, InodeID: 99}).Row())},
		"invalidations: block 3 on storage 5, which is not there": {put(schema.Invalidations, (&schema.Invalidation{StorageID: 5, BlockID: 3}).Row())},
		`storage 1 belongs to DataNode "dn", which is not there`:  {remove(schema.Datanodes, schema.Str("dn"))},
		"flag for ACL entries true, there are 0":                  {put(schema.Inodes, flagged.Row())},
		"flag for extended attributes true, there are 0":          {put(schema.Inodes, flagged.Row())},
		"extended attributes of inode 5, which is not there":      {put(schema.XAttrs, (&schema.XAttr{InodeID: 5, Name: "a"}).Row())},
		"which has no flag for them":                              {put(schema.ACLs, (&schema.ACL{InodeID: fileID}).Row())},
		"purge_queue: inode 16389 has the kind 4":                 {put(schema.Purge, (&schema.Purged{InodeID: goneID, Kind: 4}).Row())},
		"the next id to hand out is 16390":                        {put(schema.Variables, (&schema.Variable{Name: schema.VarNextInodeID, Value: goneID + 1}).Row())},
		"variables has no cluster_id":                             {remove(schema.Variables, schema.Str(schema.VarClusterID))},
	}
}

func onlyTyped() *schema.Inode {
	in := inode(schema.RootID, "d", dirID, schema.KindDirectory)
	in.Flags = schema.FlagHasTypeQuota
	return &in
}

// usedUp has the directory count what it uses.
func usedUp(names, space int64) dal.Change {
	return put(schema.Directories, (&schema.Directory{ID: dirID, Entries: 2, NSQuota: -1, DSQuota: -1, NSUsed: names, DSUsed: space}).Row())
}

// openWith is the open file with so many replicas.
func openWith(replication int64) dal.Change {
	in := inode(dirID, "o", openID, schema.KindFile)
	in.ClientName, in.Replication = "writer", replication
	return put(schema.Inodes, in.Row())
}

// TestEachContradictionIsFound breaks the sound rows in one way at a time.
func TestEachContradictionIsFound(t *testing.T) {
	for want, changes := range broken() {
		t.Run(want, func(t *testing.T) {
			found, _ := findings(t, append(sound(), changes...))
			if all := strings.Join(found, "\n"); strings.Count(all, want) != 1 {
				t.Errorf("found\n%s\nwant %q once", all, want)
			}
		})
	}
}

// TestManyChildren counts a directory that takes several snapshots.
func TestManyChildren(t *testing.T) {
	changes := append(sound(), put(schema.Variables, (&schema.Variable{Name: schema.VarNextInodeID, Value: 1 << 40}).Row()))
	for i := range int64(2500) {
		in := inode(dirID, fmt.Sprint("many", i), 1<<20+i, schema.KindFile)
		changes = append(changes, put(schema.Inodes, in.Row()))
	}
	if found, _ := findings(t, append(changes, directory(dirID, 2502))); len(found) != 0 {
		t.Errorf("found %q", found)
	}
	if found, _ := findings(t, append(changes, directory(dirID, 2501))); len(found) != 1 || !strings.Contains(found[0], "has 2502 children and says 2501") {
		t.Errorf("found %q", found)
	}
	limited := inode(schema.RootID, "d", dirID, schema.KindDirectory)
	limited.Flags = schema.FlagHasQuota
	quota := schema.Directory{ID: dirID, Entries: 2502, NSQuota: 1 << 40, DSQuota: -1, NSUsed: 2503, DSUsed: 7}
	if found, _ := findings(t, append(changes, put(schema.Inodes, limited.Row()), put(schema.Directories, quota.Row()))); len(found) != 0 {
		t.Errorf("found %q", found)
	}
	quota.NSUsed++
	if found, _ := findings(t, append(changes, put(schema.Inodes, limited.Row()), put(schema.Directories, quota.Row()))); len(found) != 1 || !strings.Contains(found[0], "uses 2503 names") {
		t.Errorf("found %q", found)
	}
}

// TestStop wants a check whose asker went away to end.
func TestStop(t *testing.T) {
	eng, err := txn.New(memstore.New(), txn.Options{NodeID: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := &integrity.Checker{Engine: eng, Pause: time.Hour}
	if _, err := c.Run(ctx, &integrity.Listener{Found: func(string) {}}); err == nil {
		t.Error("it went on")
	}
}
