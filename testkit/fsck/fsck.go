// Package fsck checks that the rows of a store fit together.
//
// Check reads all tables from one snapshot and names every row that contradicts
// another: a file without a directory, a block without a file, a lease without
// an open file, and so on. It promises to change nothing and to know the
// namespace only through package schema. Whoever asks while a NameNode is at
// work gets the truth about one moment.
package fsck

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// MaxFindings is the most contradictions that Check lists.
const MaxFindings = 100

// rows are all rows of a store, by what they are looked up with.
type rows struct {
	inodes   map[int64]schema.Inode
	order    []schema.Inode // in key order
	dirs     map[int64]schema.Directory
	children map[int64]int64 // directory id → number of inodes below it
	purge    map[int64]schema.Purged
	blocks   map[int64][]schema.Block // by inode, in order of idx
	byBlock  map[int64]schema.Block
	storages map[int64]schema.Storage
	vars     map[string]schema.Variable

	tables map[*schema.Table][]schema.Row
	found  []string
}

// Check returns the contradictions in the store, none for a sound one. The error
// is that of reading.
func Check(ctx context.Context, store dal.Store) ([]string, error) {
	r, err := load(ctx, store)
	if err != nil {
		return nil, fmt.Errorf("fsck: %w", err)
	}
	for _, part := range []func(){r.checkTree, r.checkDirectories, r.checkOpenFiles, r.checkBlocks, r.checkReplicas, r.checkQueues, r.checkExtras, r.checkQuotas, r.checkIDs} {
		part()
	}
	if len(r.found) > MaxFindings {
		more := len(r.found) - MaxFindings
		r.found = append(r.found[:MaxFindings], fmt.Sprintf("… and %d more", more))
	}
	return r.found, nil
}

func load(ctx context.Context, store dal.Store) (*rows, error) {
	var fetches []dal.Fetch
	for _, t := range schema.Tables {
		fetches = append(fetches, dal.Fetch{Table: t, Scan: &dal.Scan{}})
	}
	answers, err := store.Read(ctx, fetches)
	if err != nil {
		return nil, err
	}
	r := &rows{
		inodes: map[int64]schema.Inode{}, dirs: map[int64]schema.Directory{}, children: map[int64]int64{},
		purge: map[int64]schema.Purged{}, blocks: map[int64][]schema.Block{}, byBlock: map[int64]schema.Block{},
		storages: map[int64]schema.Storage{}, vars: map[string]schema.Variable{}, tables: map[*schema.Table][]schema.Row{},
	}
	for i, t := range schema.Tables {
		r.tables[t] = answers[i].Rows
		for _, row := range answers[i].Rows {
			if err := t.Check(row); err != nil {
				r.say("%v", err)
			}
		}
	}
	r.index()
	return r, nil
}

func (r *rows) index() {
	for _, row := range r.tables[schema.Inodes] {
		in := schema.InodeOf(row)
		if other, ok := r.inodes[in.ID]; ok {
			r.say("inode %d is both %q below %d and %q below %d", in.ID, other.Name, other.ParentID, in.Name, in.ParentID)
		}
		r.inodes[in.ID] = in
		r.order = append(r.order, in)
		if in.ID != schema.RootID {
			r.children[in.ParentID]++
		}
	}
	for _, row := range r.tables[schema.Directories] {
		r.dirs[row[0].Int()] = schema.DirectoryOf(row)
	}
	for _, row := range r.tables[schema.Purge] {
		r.purge[row[0].Int()] = schema.PurgedOf(row)
	}
	for _, row := range r.tables[schema.Blocks] {
		b := schema.BlockOf(row)
		r.blocks[b.InodeID] = append(r.blocks[b.InodeID], b)
		if other, ok := r.byBlock[b.BlockID]; ok {
			r.say("block %d belongs to inode %d and to inode %d", b.BlockID, other.InodeID, b.InodeID)
		}
		r.byBlock[b.BlockID] = b
	}
	for _, blocks := range r.blocks {
		slices.SortFunc(blocks, func(a, b schema.Block) int { return cmp.Compare(a.Idx, b.Idx) })
	}
	for _, row := range r.tables[schema.Storages] {
		s := schema.StorageOf(row)
		r.storages[s.StorageID] = s
	}
	for _, row := range r.tables[schema.Variables] {
		v := schema.VariableOf(row)
		r.vars[v.Name] = v
	}
}

func (r *rows) say(format string, args ...any) {
	r.found = append(r.found, fmt.Sprintf(format, args...))
}

// exists says whether rows may hang on the inode: it is in the tree, or its
// removal is still under way.
func (r *rows) exists(id int64) bool {
	_, in := r.inodes[id]
	_, purged := r.purge[id]
	return in || purged
}

// checkTree wants every inode in a directory, under a proper name, and a way up
// from it that ends at the root or in what is being removed.
func (r *rows) checkTree() {
	root, ok := r.inodes[schema.RootID]
	if !ok {
		r.say("the root directory (inode %d) is missing", schema.RootID)
	} else if root.Kind != schema.KindDirectory || root.ParentID != schema.RootParentID || root.Name != "" {
		r.say("the root directory is not as a root is: %+v", root)
	}
	for _, in := range r.order {
		if in.ID == schema.RootID {
			continue
		}
		if in.Name == "" || in.Name == "." || in.Name == ".." || strings.ContainsAny(in.Name, "/\x00") {
			r.say("inode %d has the name %q", in.ID, in.Name)
		}
		if in.PartitionID != schema.PartitionOf(in.ParentID) {
			r.say("inode %d below %d has partition %d", in.ID, in.ParentID, in.PartitionID)
		}
		if in.Kind != schema.KindDirectory && in.Kind != schema.KindFile {
			r.say("inode %d has the kind %d", in.ID, in.Kind)
		}
		if _, ok := r.purge[in.ID]; ok {
			r.say("inode %d (%q) is in the tree and listed for removal", in.ID, in.Name)
		}
		parent, ok := r.inodes[in.ParentID]
		if p, purged := r.purge[in.ParentID]; !ok && (!purged || p.Kind != schema.KindDirectory) {
			r.say("inode %d (%q): its parent %d is not there", in.ID, in.Name, in.ParentID)
		} else if ok && parent.Kind != schema.KindDirectory {
			r.say("inode %d (%q): its parent %d (%q) is no directory", in.ID, in.Name, in.ParentID, parent.Name)
		}
	}
	r.checkLoops()
}

// checkLoops walks up from every directory once.
func (r *rows) checkLoops() {
	good := map[int64]bool{schema.RootID: true}
	for _, in := range r.order {
		path := map[int64]bool{}
		at := in
		for !good[at.ID] {
			if path[at.ID] {
				r.say("inode %d (%q) is below itself", at.ID, at.Name)
				break
			}
			path[at.ID] = true
			parent, ok := r.inodes[at.ParentID]
			if !ok {
				break // said by checkTree, or being removed
			}
			at = parent
		}
		for id := range path {
			good[id] = true
		}
	}
}

// checkDirectories wants a directories row for exactly the directories, with the
// right number of children.
func (r *rows) checkDirectories() {
	for _, in := range r.order {
		d, ok := r.dirs[in.ID]
		switch {
		case in.Kind == schema.KindDirectory && !ok:
			r.say("directory %d (%q) has no row in directories", in.ID, in.Name)
		case in.Kind == schema.KindDirectory && d.Entries != r.children[in.ID]:
			r.say("directory %d (%q) has %d children and says %d", in.ID, in.Name, r.children[in.ID], d.Entries)
		case in.Kind != schema.KindDirectory && ok:
			r.say("file %d (%q) has a row in directories", in.ID, in.Name)
		}
	}
	for id := range r.dirs {
		if !r.exists(id) {
			r.say("directories has a row for %d, which is not there", id)
		}
	}
	for _, p := range r.purge {
		if p.Kind != schema.KindDirectory && p.Kind != schema.KindFile {
			r.say("purge: inode %d has the kind %d", p.InodeID, p.Kind)
		}
	}
}

// checkOpenFiles wants inode, open_files and leases to name the same writers.
func (r *rows) checkOpenFiles() {
	leases := map[string]bool{}
	for _, row := range r.tables[schema.Leases] {
		leases[schema.LeaseOf(row).Holder] = true
	}
	open := map[int64]string{}
	for _, row := range r.tables[schema.OpenFiles] {
		o := schema.OpenFileOf(row)
		open[o.InodeID] = o.Holder
		if !r.exists(o.InodeID) {
			r.say("open_files has inode %d, which is not there", o.InodeID)
		}
		if !leases[o.Holder] {
			r.say("inode %d is open for %q, who has no lease", o.InodeID, o.Holder)
		}
		if in, ok := r.inodes[o.InodeID]; ok && in.ClientName != o.Holder {
			r.say("inode %d (%q) is open for %q in open_files and for %q in inodes", in.ID, in.Name, o.Holder, in.ClientName)
		}
	}
	for _, in := range r.order {
		if _, ok := open[in.ID]; in.Kind == schema.KindFile && in.ClientName != "" && !ok {
			r.say("inode %d (%q) is open for %q and not in open_files", in.ID, in.Name, in.ClientName)
		}
	}
}

// checkIDs wants every id below the next one to be handed out.
func (r *rows) checkIDs() {
	for _, name := range []string{schema.VarClusterID, schema.VarNamespaceID, schema.VarBlockPoolID, schema.VarFormatted} {
		if _, ok := r.vars[name]; !ok {
			r.say("variables has no %s", name)
		}
	}
	var inode, block int64
	for id := range r.inodes {
		inode = max(inode, id)
	}
	for id := range r.byBlock {
		block = max(block, id)
	}
	if next := r.vars[schema.VarNextInodeID].Value; inode >= next {
		r.say("inode %d exists, the next id to hand out is %d", inode, next)
	}
	if next := r.vars[schema.VarNextBlockID].Value; block >= next {
		r.say("block %d exists, the next id to hand out is %d", block, next)
	}
}
