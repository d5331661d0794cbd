package namespace

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// NoQuota is the value of a quota that is not set.
const NoQuota = -1

// QuotaTypes are the types of storage that can have a quota, in the order in which
// type_quotas keeps them.
var QuotaTypes = [...]int64{blocks.TypeSSD, blocks.TypeDisk, blocks.TypeArchive, blocks.TypeProvided, blocks.TypeNVDIMM}

// byType is a number of bytes for each of QuotaTypes.
type byType [len(QuotaTypes)]int64

// A usage is what quotas count. Of a block that is being written a whole one counts.
type usage struct {
	names int64 // files and directories
	space int64 // bytes with all replicas
	types byType
}

func (u *usage) add(o usage) {
	u.names += o.names
	u.space += o.space
	for i := range u.types {
		u.types[i] += o.types[i]
	}
}

func (u usage) negative() usage {
	out := usage{names: -u.names, space: -u.space}
	for i := range u.types {
		out.types[i] = -u.types[i]
	}
	return out
}

func (u usage) minus(o usage) usage {
	u.add(o.negative())
	return u
}

// grows reports whether anything of it is above 0.
func (u usage) grows() bool {
	for _, n := range u.types {
		if n > 0 {
			return true
		}
	}
	return u.names > 0 || u.space > 0
}

// typesOf spreads bytes over the types of storage that a policy wants for so many
// replicas. Without a policy nothing counts, as in HDFS.
func typesOf(policy, bytes, replication int64) (out byType) {
	if policy == 0 || bytes == 0 {
		return out
	}
	p := blocks.PolicyOf(policy)
	for _, t := range p.TypesOf(int(replication)) {
		for i, q := range QuotaTypes {
			if q == t {
				out[i] += bytes
			}
		}
	}
	return out
}

// beingWritten is what a file whose last block is b counts beyond its length.
func beingWritten(in *schema.Inode, b *schema.Block) int64 {
	if b == nil || b.State != schema.BlockUnderConstruction && b.State != schema.BlockUnderRecovery {
		return 0
	}
	return in.BlockSize - b.NumBytes
}

// fileUsage is what a file uses. last is its last block, policy the one of its
// directory.
func fileUsage(in *schema.Inode, last *schema.Block, policy int64) usage {
	size := in.Length + beingWritten(in, last)
	return usage{names: 1, space: size * in.Replication,
		types: typesOf(cmp.Or(in.StoragePolicy, policy), size, in.Replication)}
}

// quotas reports whether one of the first n inodes of the path has a quota.
func (w *walk) quotas(n int) bool {
	for i := range w.inodes[:min(n, len(w.inodes))] {
		if w.inodes[i].Flags&schema.FlagHasQuota != 0 {
			return true
		}
	}
	return false
}

// typeQuotas reports whether one of the first n inodes has a quota by type of storage.
func (w *walk) typeQuotas(n int) bool {
	for i := range w.inodes[:min(n, len(w.inodes))] {
		if w.inodes[i].Flags&schema.FlagHasTypeQuota != 0 {
			return true
		}
	}
	return false
}

// above is how many inodes of the path lie above the last name.
func (w *walk) above() int { return len(w.names.parts) }

// fileUses is fileUsage of the target; zero where no quota asks for it.
func (w *walk) fileUses(f *blocks.File) usage {
	if !w.quotas(w.above()) {
		return usage{}
	}
	return fileUsage(w.target(), f.Last(), w.policy(w.above()))
}

// growing announces the locks of all quotas above the last name, so that they are taken
// together with the others.
func (w *walk) growing(tx *txn.Tx) {
	for _, i := range w.withQuotas(0, w.above()) {
		wantQuota(tx, &w.inodes[i])
	}
}

// charge adds d to what the directories above the last name use, or refuses it.
func (w *walk) charge(tx *txn.Tx, d usage) error { return w.chargeBetween(tx, 0, w.above(), d) }

// chargeBetween adds d to what inodes[from:to] use, as far as they have quotas. If
// something grows, their rows are locked and it is refused if it does not fit into all.
func (w *walk) chargeBetween(tx *txn.Tx, from, to int, d usage) error {
	if d == (usage{}) || !w.quotas(to) {
		return nil
	}
	if d.grows() {
		with := w.withQuotas(from, to)
		for _, i := range with {
			wantQuota(tx, &w.inodes[i])
		}
		for _, i := range with {
			if err := w.verify(tx, i, d); err != nil {
				return err
			}
		}
	}
	w.note(tx, from, to, d)
	return nil
}

// withQuotas lists those of inodes[from:to] that have quotas, the deepest first.
func (w *walk) withQuotas(from, to int) (with []int) {
	for i := min(to, len(w.inodes)) - 1; i >= from; i-- {
		if w.inodes[i].Flags&schema.FlagHasQuota != 0 {
			with = append(with, i)
		}
	}
	return with
}

// note adds d to what inodes[from:to] use, whether it fits or not.
func (w *walk) note(tx *txn.Tx, from, to int, d usage) {
	if d == (usage{}) {
		return
	}
	for _, i := range w.withQuotas(from, to) {
		in := &w.inodes[i]
		dir := schema.Directory{ID: in.ID, NSUsed: d.names, DSUsed: d.space}
		tx.Add(schema.Directories, dir.Row())
		if in.Flags&schema.FlagHasTypeQuota != 0 && d.types != (byType{}) {
			row := typeRow(in.ID, byType{}, d.types)
			tx.Add(schema.TypeQuotas, row.Row())
		}
	}
}

// wantQuota announces the exclusive locks of a directory's quota.
func wantQuota(tx *txn.Tx, in *schema.Inode) {
	k := schema.KeyOf(schema.Int(in.ID))
	tx.Want(txn.Row(schema.Directories, k, dal.Exclusive))
	if in.Flags&schema.FlagHasTypeQuota != 0 {
		tx.Want(txn.Row(schema.TypeQuotas, k, dal.Exclusive))
	}
}

// verify returns HDFS's error if d does not fit into the quotas of the i-th inode.
func (w *walk) verify(tx *txn.Tx, i int, d usage) error {
	in := &w.inodes[i]
	q, err := readQuota(tx, in, dal.Exclusive)
	if err != nil {
		return err
	}
	path := w.names.join(i)
	if over(q.names, q.used.names, d.names) {
		return fault.New(fault.NSQuota, "The NameSpace quota (directories and files) of directory %s is exceeded: quota=%d file count=%d",
			path, q.names, q.used.names+d.names)
	}
	if now := q.used.space + d.space; over(q.space, q.used.space, d.space) {
		return fault.New(fault.DSQuota, "The DiskSpace quota of %s is exceeded: quota = %d B = %s but diskspace consumed = %d B = %s",
			path, q.space, BytesText(q.space), now, BytesText(now))
	}
	for j, t := range QuotaTypes {
		if !w.n.set.NoTypeQuotas && over(q.types[j], q.used.types[j], d.types[j]) {
			return fault.New(fault.TypeQuota, "Quota by storage type : %s on path : %s is exceeded. quota = %s but space consumed = %s",
				blocks.TypeName(t), path, BytesText(q.types[j]), BytesText(q.used.types[j]+d.types[j]))
		}
	}
	return nil
}

func over(quota, used, more int64) bool { return quota >= 0 && more > 0 && used > quota-more }

// A quota is what a directory may use, and what it uses.
type quota struct {
	names, space int64
	types        byType
	used         usage
}

func (q *quota) none() bool { return q.names < 0 && q.space < 0 && q.noTypes() }

func (q *quota) noTypes() bool {
	for _, n := range q.types {
		if n >= 0 {
			return false
		}
	}
	return true
}

// readQuota returns the quota of a directory.
func readQuota(tx *txn.Tx, in *schema.Inode, lock dal.Lock) (*quota, error) {
	k := schema.KeyOf(schema.Int(in.ID))
	q := &quota{names: NoQuota, space: NoQuota}
	for i := range q.types {
		q.types[i] = NoQuota
	}
	row, err := tx.Get(schema.Directories, k, lock)
	if err != nil {
		return nil, err
	}
	if row != nil {
		d := schema.DirectoryOf(row)
		q.names, q.space, q.used.names, q.used.space = d.NSQuota, d.DSQuota, d.NSUsed, d.DSUsed
	}
	if in.Flags&schema.FlagHasTypeQuota == 0 {
		return q, nil
	}
	if row, err = tx.Get(schema.TypeQuotas, k, lock); err != nil {
		return nil, err
	}
	if row != nil {
		t := schema.TypeQuotaOf(row)
		q.types = byType{t.SSDQuota, t.DiskQuota, t.ArchiveQuota, t.ProvidedQuota, t.NVDIMMQuota}
		q.used.types = byType{t.SSDUsed, t.DiskUsed, t.ArchiveUsed, t.ProvidedUsed, t.NVDIMMUsed}
	}
	return q, nil
}

func typeRow(id int64, limit, used byType) schema.TypeQuota {
	return schema.TypeQuota{ID: id,
		SSDQuota: limit[0], DiskQuota: limit[1], ArchiveQuota: limit[2], ProvidedQuota: limit[3], NVDIMMQuota: limit[4],
		SSDUsed: used[0], DiskUsed: used[1], ArchiveUsed: used[2], ProvidedUsed: used[3], NVDIMMUsed: used[4]}
}

// BytesText is a number of bytes as HDFS's messages round it: "1 MB", "3.74 KB".
func BytesText(n int64) string {
	if n == math.MinInt64 {
		return "-8 EB"
	}
	if n < 0 {
		return "-" + BytesText(-n)
	}
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	const units = "KMGTPE"
	i := 0
	for i+1 < len(units) && n>>(10*(i+2)) > 0 {
		i++
	}
	for {
		if shift := 10 * (i + 1); n&(1<<shift-1) == 0 {
			return fmt.Sprintf("%d %cB", n>>shift, units[i])
		}
		text := fmt.Sprintf("%.2f", float64(n)/float64(int64(1)<<(10*(i+1))))
		if !strings.HasPrefix(text, "1024") || i+1 == len(units) {
			return fmt.Sprintf("%s %cB", text, units[i])
		}
		i++
	}
}
