package fsck

import (
	"strings"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/schema"
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

func inode(parent int64, name string, id, kind int64) schema.Inode {
	return schema.Inode{PartitionID: schema.PartitionOf(parent), ParentID: parent, Name: name, ID: id, Kind: kind, BlockSize: 1 << 20}
}

// sound is a root with a directory that holds a closed file with a block and an
// open one, and a removed directory with a child.
func sound() []dal.Change {
	root := inode(schema.RootParentID, "", schema.RootID, schema.KindDirectory)
	dir := inode(schema.RootID, "d", dirID, schema.KindDirectory)
	file := inode(dirID, "f", fileID, schema.KindFile)
	file.Length = 7
	open := inode(dirID, "o", openID, schema.KindFile)
	open.ClientName = "writer"
	orphan := inode(goneID, "x", goneID+1, schema.KindFile)
	var changes []dal.Change
	for _, in := range []schema.Inode{root, dir, file, open, orphan} {
		changes = append(changes, put(schema.Inodes, in.Row()))
	}
	for _, d := range []schema.Directory{{ID: schema.RootID, Entries: 1, NSQuota: -1, DSQuota: -1}, {ID: dirID, Entries: 2, NSQuota: -1, DSQuota: -1}} {
		changes = append(changes, put(schema.Directories, d.Row()))
	}
	for _, v := range []schema.Variable{{Name: schema.VarClusterID, Text: "CID"}, {Name: schema.VarNamespaceID, Value: 1}, {Name: schema.VarBlockPoolID, Text: "BP"},
		{Name: schema.VarFormatted, Value: 1}, {Name: schema.VarNextInodeID, Value: goneID + 2}, {Name: schema.VarNextBlockID, Value: schema.FirstBlockID + 2}} {
		changes = append(changes, put(schema.Variables, v.Row()))
	}
	return append(changes,
		put(schema.Purge, (&schema.Purged{InodeID: goneID, Kind: schema.KindDirectory}).Row()),
		put(schema.Leases, (&schema.Lease{Holder: "writer"}).Row()),
		put(schema.OpenFiles, (&schema.OpenFile{InodeID: openID, Holder: "writer"}).Row()),
		put(schema.Datanodes, (&schema.Datanode{UUID: "dn"}).Row()),
		put(schema.Storages, (&schema.Storage{StorageID: 1, UUID: "s", DatanodeUUID: "dn"}).Row()),
		put(schema.Blocks, (&schema.Block{InodeID: fileID, BlockID: schema.FirstBlockID, NumBytes: 7}).Row()),
		put(schema.Replicas, (&schema.Replica{InodeID: fileID, BlockID: schema.FirstBlockID, StorageID: 1, NumBytes: 7}).Row()),
		put(schema.Blocks, (&schema.Block{InodeID: openID, BlockID: schema.FirstBlockID + 1, State: schema.BlockUnderConstruction}).Row()))
}

func check(t *testing.T, changes []dal.Change) []string {
	t.Helper()
	store := memstore.New()
	tx, err := store.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	found, err := Check(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSoundStore(t *testing.T) {
	if found := check(t, sound()); len(found) != 0 {
		t.Errorf("found in a sound store:\n%s", strings.Join(found, "\n"))
	}
}

func remove(t *schema.Table, vals ...schema.Value) dal.Change {
	return dal.Change{Op: dal.Delete, Table: t, Key: schema.KeyOf(vals...)}
}

// TestEachContradictionIsFound breaks the sound store in one way at a time.
func TestEachContradictionIsFound(t *testing.T) {
	loop := inode(dirID, "d", dirID, schema.KindDirectory)
	badName := inode(schema.RootID, "a/b", goneID+1, schema.KindFile)
	open := inode(dirID, "o", openID, schema.KindFile)
	long := inode(dirID, "f", fileID, schema.KindFile)
	long.Length = 8
	acl := inode(dirID, "f", fileID, schema.KindFile)
	acl.Length, acl.Flags = 7, schema.FlagHasACL
	limited := inode(schema.RootID, "d", dirID, schema.KindDirectory)
	limited.Flags = schema.FlagHasQuota
	typed := limited
	typed.Flags |= schema.FlagHasTypeQuota
	typed.StoragePolicy = 7
	copied := inode(dirID, "f", fileID, schema.KindFile)
	copied.Length, copied.Replication = 7, 1
	counted := schema.Directory{ID: dirID, Entries: 2, NSQuota: 5, DSQuota: -1, NSUsed: 3, DSUsed: 8}
	for want, changes := range map[string][]dal.Change{
		"uses 3 names and 7 bytes and says 3 and 8": {put(schema.Inodes, limited.Row()), put(schema.Inodes, copied.Row()), put(schema.Directories, counted.Row())},
		"flag for quotas by type of storage true":   {put(schema.Inodes, typed.Row())},
		"uses 7 bytes of storage type 1 and says 6": {put(schema.Inodes, typed.Row()), put(schema.Inodes, copied.Row()), put(schema.TypeQuotas, (&schema.TypeQuota{ID: dirID, DiskQuota: 9, DiskUsed: 6}).Row())},
		"type_quotas has a row for 99":              {put(schema.TypeQuotas, (&schema.TypeQuota{ID: 99}).Row())},
		"root directory (inode 16385) is missing":   {remove(schema.Inodes, schema.Int(schema.PartitionOf(0)), schema.Int(0), schema.Str(""))},
		"its parent 16389 is not there":             {remove(schema.Purge, schema.Int(goneID))},
		`has the name "a/b"`:                        {remove(schema.Inodes, schema.Int(goneID), schema.Int(goneID), schema.Str("x")), put(schema.Inodes, badName.Row())},
		"has 2 children and says 3":                 {put(schema.Directories, (&schema.Directory{ID: dirID, Entries: 3, NSQuota: -1, DSQuota: -1}).Row())},
		"has no row in directories":                 {remove(schema.Directories, schema.Int(dirID))},
		"directories has a row for 99, which":       {put(schema.Directories, (&schema.Directory{ID: 99, NSQuota: -1, DSQuota: -1}).Row())},
		"is below itself":                           {remove(schema.Inodes, schema.Int(schema.RootID), schema.Int(schema.RootID), schema.Str("d")), put(schema.Inodes, loop.Row())},
		"who has no lease":                          {remove(schema.Leases, schema.Str("writer"))},
		"and not in open_files":                     {remove(schema.OpenFiles, schema.Int(openID))},
		`and for "" in inodes`:                      {put(schema.Inodes, open.Row())},
		"has the length 8, its blocks have 7":       {put(schema.Inodes, long.Row())},
		"is number 2, not 0":                        {remove(schema.Blocks, schema.Int(fileID), schema.Int(0)), put(schema.Blocks, (&schema.Block{InodeID: fileID, Idx: 2, BlockID: schema.FirstBlockID, NumBytes: 7}).Row())},
		"is closed, its block":                      {put(schema.Blocks, (&schema.Block{InodeID: fileID, BlockID: schema.FirstBlockID, NumBytes: 7, State: schema.BlockCommitted}).Row())},
		"has no block and the length":               {remove(schema.Blocks, schema.Int(fileID), schema.Int(0))},
		"on storage 5, which is not there":          {put(schema.Replicas, (&schema.Replica{InodeID: fileID, BlockID: schema.FirstBlockID, StorageID: 5, NumBytes: 7}).Row())},
		"a good replica of it 6":                    {put(schema.Replicas, (&schema.Replica{InodeID: fileID, BlockID: schema.FirstBlockID, StorageID: 1, NumBytes: 6}).Row())},
		"a replica of block 4":                      {put(schema.Replicas, (&schema.Replica{InodeID: fileID, BlockID: 4, StorageID: 1}).Row())},
		"belongs to DataNode":                       {remove(schema.Datanodes, schema.Str("dn"))},
		"flag for ACL entries true":                 {put(schema.Inodes, acl.Row())},
		"extended attributes of inode 5":            {put(schema.XAttrs, (&schema.XAttr{InodeID: 5, Name: "a"}).Row())},
		"the next id to hand out is 16386":          {put(schema.Variables, (&schema.Variable{Name: schema.VarNextInodeID, Value: schema.FirstInodeID}).Row())},
		"variables has no cluster_id":               {remove(schema.Variables, schema.Str(schema.VarClusterID))},
	} {
		t.Run(want, func(t *testing.T) {
			found := strings.Join(check(t, append(sound(), changes...)), "\n")
			if !strings.Contains(found, want) {
				t.Errorf("found %q, want %q in it", found, want)
			}
		})
	}
}
