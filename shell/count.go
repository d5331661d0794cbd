package shell

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/client"
)

// Storage types that have quotas, in the order of columns.
var quotaTypes = []string{"SSD", "DISK", "ARCHIVE", "PROVIDED", "NVDIMM"}

// counter is -count: which columns, with which widths.
type counter struct {
	*run
	quotas bool // quota columns
	only   bool // nothing but them
	types  []string
}

func doCount(r *run, args []string) error {
	c := &counter{run: r, quotas: r.has("q") || r.has("u"), only: r.has("u")}
	if v, given := r.value("t"); given && c.quotas {
		if err := c.chooseTypes(v); err != nil {
			return err
		}
	}
	if r.has("v") {
		r.printf("%sPATHNAME\n", c.titles())
	}
	return r.each(args, &traversal{visit: c.line})
}

func (c *counter) chooseTypes(v string) error {
	if v == "" || strings.EqualFold(v, "all") {
		c.types = quotaTypes
		return nil
	}
	for t := range strings.SplitSeq(v, ",") {
		t = strings.ToUpper(strings.TrimSpace(t))
		if !slices.Contains(quotaTypes, t) && t != "RAM_DISK" {
			return badUsage("No enum constant org.apache.hadoop.fs.StorageType." + t)
		}
		c.types = append(c.types, t)
	}
	return nil
}

func (c *counter) titles() string {
	var b strings.Builder
	if len(c.types) > 0 {
		for _, t := range c.types {
			fmt.Fprintf(&b, "%14s %18s ", t+"_QUOTA", "REM_"+t+"_QUOTA")
		}
		return b.String()
	}
	if c.quotas {
		fmt.Fprintf(&b, "%12s %15s %15s %15s ", "QUOTA", "REM_QUOTA", "SPACE_QUOTA", "REM_SPACE_QUOTA")
	}
	if c.only {
		return b.String()
	}
	fmt.Fprintf(&b, "%12s %12s %18s ", "DIR_COUNT", "FILE_COUNT", "CONTENT_SIZE")
	if c.has("e") {
		fmt.Fprintf(&b, "%20s ", "ERASURECODING_POLICY")
	}
	if c.has("s") {
		fmt.Fprintf(&b, "%18s %24s %24s %28s ", "SNAPSHOT_LENGTH", "SNAPSHOT_FILE_COUNT", "SNAPSHOT_DIR_COUNT", "SNAPSHOT_SPACE_CONSUMED")
	}
	return b.String()
}

func (c *counter) line(it *item) error {
	if c.only || len(c.types) > 0 {
		u, err := it.fs.QuotaUsage(it.path)
		if err != nil {
			return err
		}
		if len(c.types) > 0 {
			c.printf("%s%s\n", c.typeColumns(u), it.text)
			return nil
		}
		c.printf("%s%s\n", c.quotaColumns(u), it.text)
		return nil
	}
	s, err := it.fs.ContentSummary(it.path)
	if err != nil {
		return err
	}
	var b strings.Builder
	if c.quotas {
		b.WriteString(c.quotaColumns(&client.Usage{Names: s.Files + s.Dirs, Space: s.Space, NameQuota: s.NameQuota, SpaceQuota: s.SpaceQuota}))
	}
	dirs, files, length := s.Dirs, s.Files, s.Length
	if c.has("x") {
		dirs, files, length = dirs-s.SnapshotDirs, files-s.SnapshotFiles, length-s.SnapshotLength
	}
	fmt.Fprintf(&b, "%12s %12s %18s ", c.size(dirs), c.size(files), c.size(length))
	if c.has("e") {
		policy := s.ECPolicy
		if policy != replicated {
			policy = "EC:" + policy
		}
		fmt.Fprintf(&b, "%20s ", policy)
	}
	if c.has("s") {
		fmt.Fprintf(&b, "%18s %24s %24s %28s ", c.size(s.SnapshotLength), c.size(s.SnapshotFiles), c.size(s.SnapshotDirs), c.size(s.SnapshotSpace))
	}
	c.printf("%s%s\n", b.String(), it.text)
	return nil
}

func (c *counter) quotaColumns(u *client.Usage) string {
	names, namesLeft, space, spaceLeft := "none", "inf", "none", "inf"
	if u.NameQuota > 0 {
		names, namesLeft = c.size(u.NameQuota), c.size(u.NameQuota-u.Names)
	}
	if u.SpaceQuota >= 0 {
		space, spaceLeft = c.size(u.SpaceQuota), c.size(u.SpaceQuota-u.Space)
	}
	return fmt.Sprintf("%12s %15s %15s %15s ", names, namesLeft, space, spaceLeft)
}

func (c *counter) typeColumns(u *client.Usage) string {
	var b strings.Builder
	for _, t := range c.types {
		limit, left := "none", "inf"
		if q, ok := u.Types[t]; ok && q.Limit >= 0 {
			limit, left = c.size(q.Limit), c.size(q.Limit-q.Used)
		}
		fmt.Fprintf(&b, "%14s %18s ", limit, left)
	}
	return b.String()
}
