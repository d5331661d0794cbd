// Package bulk fills a store with millions of files as their writers and a DataNode
// would have left them, in the time that the database takes for the rows alone.
//
// It promises that what it leaves passes testkit/fsck, and that ids go on after what
// it made. It writes rows in the order of their keys, by LOAD DATA where the server
// knows it, and knows of the rules only what the rows of a quiet file system are. The
// store must be formatted and in nobody's use.
package bulk

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// A Directory is one directory of a tree.
type Directory struct {
	Name   string
	Parent int             // position in Tree.Directories, which is before this one's; -1 is the root
	Files  func() []string // names in any order; nil for none
}

// A Tree is what is to be made. It is added to what there is below the root, whose
// entries must have other names.
type Tree struct {
	Directories []Directory
	// Blocks gives each file one block of 1,000 bytes with one replica on a DataNode
	// that is gone; without, files are empty.
	Blocks bool
}

const (
	owner  = "root"
	group  = "supergroup"
	length = 1000 // bytes in a file with a block
)

// plan is a tree with its ids.
type plan struct {
	Tree
	now      int64
	first    int64   // id of the first directory
	ids      int64   // of the first file
	files    []int64 // of each directory: how many files
	before   []int64 // of each directory: how many files lie in those before it
	children [][]int // of each directory, then of the root: positions of its directories, by name
	block    int64   // id of the first file's block
	storage  int64
}

// id of the i-th directory; -1 is the root.
func (p *plan) id(i int) int64 {
	if i < 0 {
		return schema.RootID
	}
	return p.first + int64(i)
}

// Fill makes a tree and returns how many files it has.
func (l *Loader) Fill(ctx context.Context, t Tree) (int64, error) {
	p := &plan{Tree: t, now: time.Now().UnixMilli()}
	next, err := l.variables(ctx, schema.VarNextInodeID, schema.VarNextBlockID, schema.VarNextStorageID)
	if err != nil {
		return 0, err
	}
	p.first, p.block, p.storage = next[0], next[1], next[2]
	p.ids = p.first + int64(len(t.Directories))
	total := p.count()
	if err := l.Load(ctx, schema.Inodes, p.inodes()); err != nil {
		return 0, err
	}
	if err := l.Load(ctx, schema.Directories, p.directories()); err != nil {
		return 0, err
	}
	if t.Blocks {
		if err := l.blocks(ctx, p, total); err != nil {
			return 0, err
		}
	}
	top := schema.Directory{ID: schema.RootID, MTime: p.now, Entries: int64(len(p.children[len(t.Directories)]))}
	changes := []dal.Change{
		{Op: dal.Add, Table: schema.Directories, Key: schema.KeyOf(schema.Int(schema.RootID)), Row: top.Row()},
		variable(schema.VarNextInodeID, p.ids+total),
	}
	if t.Blocks {
		changes = append(changes, variable(schema.VarNextBlockID, p.block+total), variable(schema.VarNextStorageID, p.storage+1))
	}
	return total, l.Write(ctx, changes...)
}

// count fills in what follows from the tree, and returns how many files there are.
func (p *plan) count() (total int64) {
	n := len(p.Directories)
	p.files, p.before, p.children = make([]int64, n), make([]int64, n), make([][]int, n+1)
	for i, d := range p.Directories {
		p.before[i] = total
		if d.Files != nil {
			p.files[i] = int64(len(d.Files()))
		}
		total += p.files[i]
		at := d.Parent
		if at < 0 {
			at = n
		}
		p.children[at] = append(p.children[at], i)
	}
	for _, c := range p.children {
		slices.SortFunc(c, func(a, b int) int { return strings.Compare(p.Directories[a].Name, p.Directories[b].Name) })
	}
	return total
}

func (p *plan) directoryRow(i int) schema.Row {
	d := p.Directories[i]
	in := schema.Inode{ParentID: p.id(d.Parent), PartitionID: schema.PartitionOf(p.id(d.Parent)), Name: d.Name, ID: p.id(i),
		Kind: schema.KindDirectory, UserName: owner, GroupName: group, Mode: 0o755}
	return in.Row()
}

// inodes yields the rows of all inodes: the root's children, then those of each
// directory.
func (p *plan) inodes() iter.Seq[schema.Row] {
	return func(yield func(schema.Row) bool) {
		for _, c := range p.children[len(p.Directories)] {
			if !yield(p.directoryRow(c)) {
				return
			}
		}
		for i := range p.Directories {
			if !p.below(i, yield) {
				return
			}
		}
	}
}

// below yields the children of one directory by name.
func (p *plan) below(i int, yield func(schema.Row) bool) bool {
	var names []string
	if p.Directories[i].Files != nil {
		names = slices.Sorted(slices.Values(p.Directories[i].Files()))
	}
	dirs := p.children[i]
	in := schema.Inode{ParentID: p.id(i), PartitionID: schema.PartitionOf(p.id(i)), Kind: schema.KindFile, UserName: owner, GroupName: group,
		Mode: 0o644, MTime: p.now, ATime: p.now, Replication: 1, BlockSize: 128 << 20}
	if p.Blocks {
		in.Length = length
	}
	for k, name := range names {
		for len(dirs) > 0 && p.Directories[dirs[0]].Name < name {
			if !yield(p.directoryRow(dirs[0])) {
				return false
			}
			dirs = dirs[1:]
		}
		in.Name, in.ID = name, p.ids+p.before[i]+int64(k)
		if !yield(in.Row()) {
			return false
		}
	}
	for _, c := range dirs {
		if !yield(p.directoryRow(c)) {
			return false
		}
	}
	return true
}

func (p *plan) directories() iter.Seq[schema.Row] {
	return func(yield func(schema.Row) bool) {
		for i := range p.Directories {
			d := schema.Directory{ID: p.id(i), MTime: p.now, Entries: p.files[i] + int64(len(p.children[i])), NSQuota: -1, DSQuota: -1}
			if !yield(d.Row()) {
				return
			}
		}
	}
}

// blocks gives every file its block and replica.
func (l *Loader) blocks(ctx context.Context, p *plan, files int64) error {
	uuid := fmt.Sprintf("gone-%d", p.storage)
	node := schema.Datanode{UUID: uuid, IP: "127.0.0.1", Host: "gone", XferPort: 1, Location: "/default-rack"}
	storage := schema.Storage{StorageID: p.storage, UUID: "DS-" + uuid, DatanodeUUID: uuid}
	err := l.Write(ctx,
		dal.Change{Op: dal.Put, Table: schema.Datanodes, Key: schema.Datanodes.Key(node.Row()), Row: node.Row()},
		dal.Change{Op: dal.Put, Table: schema.Storages, Key: schema.Storages.Key(storage.Row()), Row: storage.Row()})
	if err != nil {
		return err
	}
	err = l.Load(ctx, schema.Blocks, func(yield func(schema.Row) bool) {
		for i := range files {
			b := schema.Block{InodeID: p.ids + i, BlockID: p.block + i, GenerationStamp: schema.FirstGenStamp, NumBytes: length}
			if !yield(b.Row()) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return l.Load(ctx, schema.Replicas, func(yield func(schema.Row) bool) {
		for i := range files {
			r := schema.Replica{InodeID: p.ids + i, BlockID: p.block + i, StorageID: p.storage, GenerationStamp: schema.FirstGenStamp, NumBytes: length}
			if !yield(r.Row()) {
				return
			}
		}
	})
}

func variable(name string, value int64) dal.Change {
	v := schema.Variable{Name: name, Value: value}
	return dal.Change{Op: dal.Put, Table: schema.Variables, Key: schema.Variables.Key(v.Row()), Row: v.Row()}
}

// variables reads rows of Variables that a format has made.
func (l *Loader) variables(ctx context.Context, names ...string) ([]int64, error) {
	var fetches []dal.Fetch
	for _, n := range names {
		fetches = append(fetches, dal.Fetch{Table: schema.Variables, Keys: []schema.Key{schema.KeyOf(schema.Str(n))}})
	}
	got, err := l.store.Read(ctx, fetches)
	if err != nil {
		return nil, err
	}
	var values []int64
	for i, rows := range got {
		if len(rows.Rows) == 0 {
			return nil, fmt.Errorf("fill: the store is not formatted: %s is missing", names[i])
		}
		values = append(values, schema.VariableOf(rows.Rows[0]).Value)
	}
	return values, nil
}
