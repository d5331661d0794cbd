package fsck

import "github.com/hopsql/hopsql/schema"

// checkBlocks wants the blocks of a file numbered from 0, whole but for the end
// of an open file, and as long together as the file says.
func (r *rows) checkBlocks() {
	for id, blocks := range r.blocks {
		in, ok := r.inodes[id]
		if !ok {
			if !r.exists(id) {
				r.say("block %d belongs to inode %d, which is not there", blocks[0].BlockID, id)
			}
			continue // the blocks of a removed file go one by one
		}
		if in.Kind != schema.KindFile {
			r.say("inode %d (%q) is no file and has blocks", id, in.Name)
		}
		r.checkFile(in, blocks)
	}
	for _, in := range r.order {
		if in.Kind == schema.KindFile && len(r.blocks[in.ID]) == 0 && in.Length != 0 {
			r.say("file %d (%q) has no block and the length %d", in.ID, in.Name, in.Length)
		}
	}
}

func (r *rows) checkFile(in schema.Inode, blocks []schema.Block) {
	var length int64
	for i, b := range blocks {
		if b.Idx != int64(i) {
			r.say("file %d (%q): block %d is number %d, not %d", in.ID, in.Name, b.BlockID, b.Idx, i)
		}
		if b.NumBytes < 0 || in.BlockSize > 0 && b.NumBytes > in.BlockSize {
			r.say("file %d (%q): block %d has %d bytes, the block size is %d", in.ID, in.Name, b.BlockID, b.NumBytes, in.BlockSize)
		}
		switch b.State {
		case schema.BlockComplete:
			length += b.NumBytes
		case schema.BlockCommitted, schema.BlockUnderConstruction, schema.BlockUnderRecovery:
			if in.ClientName == "" {
				r.say("file %d (%q) is closed, its block %d is in state %d", in.ID, in.Name, b.BlockID, b.State)
			}
			if b.State != schema.BlockCommitted && i != len(blocks)-1 {
				r.say("file %d (%q): block %d of %d is being written", in.ID, in.Name, i, len(blocks))
			}
		default:
			r.say("block %d has the state %d", b.BlockID, b.State)
		}
	}
	if in.ClientName == "" && in.Length != length {
		r.say("file %d (%q) has the length %d, its blocks have %d bytes", in.ID, in.Name, in.Length, length)
	}
}

// checkReplicas wants every copy to belong to a block and to lie on a storage.
func (r *rows) checkReplicas() {
	for _, row := range r.tables[schema.Replicas] {
		rep := schema.ReplicaOf(row)
		b, ok := r.byBlock[rep.BlockID]
		if _, purged := r.purge[rep.InodeID]; !ok && !purged {
			r.say("a replica of block %d, which is not there", rep.BlockID)
		}
		if ok && b.InodeID != rep.InodeID {
			r.say("replica of block %d: the block belongs to inode %d, the replica to %d", rep.BlockID, b.InodeID, rep.InodeID)
		}
		if _, ok := r.storages[rep.StorageID]; !ok {
			r.say("a replica of block %d on storage %d, which is not there", rep.BlockID, rep.StorageID)
		}
		switch rep.State {
		case schema.ReplicaFinalized, schema.ReplicaExpected, schema.ReplicaCorrupt, schema.ReplicaExcess:
		default:
			r.say("a replica of block %d has the state %d", rep.BlockID, rep.State)
		}
		if ok && rep.State == schema.ReplicaFinalized && b.State == schema.BlockComplete && rep.NumBytes != b.NumBytes {
			r.say("block %d has %d bytes, a good replica of it %d", b.BlockID, b.NumBytes, rep.NumBytes)
		}
	}
}

// checkQueues wants the lists of work to name what there is. A queued
// reconstruction may outlive its block for a moment, never its inode.
func (r *rows) checkQueues() {
	for _, row := range r.tables[schema.Reconstructions] {
		q := schema.ReconstructionOf(row)
		if b, ok := r.byBlock[q.BlockID]; ok && b.InodeID != q.InodeID {
			r.say("reconstructions: block %d belongs to inode %d, not to %d", q.BlockID, b.InodeID, q.InodeID)
		}
	}
	for _, row := range r.tables[schema.Invalidations] {
		q := schema.InvalidationOf(row)
		if _, ok := r.storages[q.StorageID]; !ok {
			r.say("invalidations: block %d on storage %d, which is not there", q.BlockID, q.StorageID)
		}
	}
	datanodes := map[string]bool{}
	for _, row := range r.tables[schema.Datanodes] {
		datanodes[schema.DatanodeOf(row).UUID] = true
	}
	for _, s := range r.storages {
		if !datanodes[s.DatanodeUUID] {
			r.say("storage %d belongs to DataNode %q, which is not there", s.StorageID, s.DatanodeUUID)
		}
	}
}

// checkExtras wants ACLs and extended attributes on inodes whose flags say so.
func (r *rows) checkExtras() {
	has := func(rows []schema.Row, what string) map[int64]bool {
		ids := map[int64]bool{}
		for _, row := range rows {
			id := row[0].Int()
			if !ids[id] && !r.exists(id) {
				r.say("%s of inode %d, which is not there", what, id)
			}
			ids[id] = true
		}
		return ids
	}
	acls := has(r.tables[schema.ACLs], "ACL entries")
	xattrs := has(r.tables[schema.XAttrs], "extended attributes")
	for _, in := range r.order {
		if flag := in.Flags&schema.FlagHasACL != 0; flag != acls[in.ID] {
			r.say("inode %d (%q): flag for ACL entries %v, entries %v", in.ID, in.Name, flag, acls[in.ID])
		}
		if flag := in.Flags&schema.FlagHasXAttrs != 0; flag != xattrs[in.ID] {
			r.say("inode %d (%q): flag for extended attributes %v, attributes %v", in.ID, in.Name, flag, xattrs[in.ID])
		}
		if flag := in.Flags&schema.FlagHasQuota != 0; in.Kind == schema.KindDirectory {
			d := r.dirs[in.ID]
			if quota := d.NSQuota >= 0 || d.DSQuota >= 0 || in.Flags&schema.FlagHasTypeQuota != 0; flag != quota && in.ID != schema.RootID {
				r.say("directory %d (%q): flag for a quota %v, quota %v", in.ID, in.Name, flag, quota)
			}
		}
	}
}
