package replicas

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// LayoutVersion is the layout number that DataNodes of Hadoop 3 register with.
const LayoutVersion = -57

const maxVersionFile = 64 << 10

// Identity is what a NameNode says about the cluster. It never changes.
type Identity struct {
	ClusterID   string
	NamespaceID uint32
	CTime       uint64 // ms
	Pool        string // block pool id
}

// version is the content of a VERSION file.
type version struct {
	Identity
	StorageID    string
	DatanodeUUID string
}

// readVersion returns fs.ErrNotExist for a volume that was never formatted.
func readVersion(dir string) (version, error) {
	var v version
	path := filepath.Join(dir, "current", "VERSION")
	info, err := os.Stat(path)
	if err != nil {
		return v, err
	}
	if info.Size() > maxVersionFile {
		return v, wrong(ErrVolume, "%s is too long to be a VERSION file", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return v, err
	}
	kv := make(map[string]string)
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		k, val, ok := strings.Cut(s.Text(), "=")
		if ok && !strings.HasPrefix(k, "#") {
			kv[strings.TrimSpace(k)] = strings.TrimSpace(val)
		}
	}
	v.ClusterID, v.Pool, v.StorageID, v.DatanodeUUID = kv["clusterID"], kv["blockpoolID"], kv["storageID"], kv["datanodeUuid"]
	ns, err1 := strconv.ParseUint(kv["namespaceID"], 10, 32)
	ct, err2 := strconv.ParseUint(kv["cTime"], 10, 64)
	v.NamespaceID, v.CTime = uint32(ns), ct
	if errors.Join(err1, err2) != nil || v.ClusterID == "" || v.Pool == "" || v.StorageID == "" || v.DatanodeUUID == "" {
		return v, wrong(ErrVolume, "%s is damaged: it needs clusterID, namespaceID, cTime, blockpoolID, storageID and datanodeUuid", path)
	}
	return v, nil
}

// write replaces the VERSION file at once.
func (v version) write(dir string) error {
	cur := filepath.Join(dir, "current")
	if err := os.MkdirAll(cur, 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf("storageID=%s\nclusterID=%s\ncTime=%d\nnamespaceID=%d\nblockpoolID=%s\ndatanodeUuid=%s\nstorageType=DATA_NODE\nlayoutVersion=%d\n",
		v.StorageID, v.ClusterID, v.CTime, v.NamespaceID, v.Pool, v.DatanodeUUID, LayoutVersion)
	tmp := filepath.Join(cur, "VERSION.tmp")
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(cur, "VERSION")); err != nil {
		return err
	}
	return syncDir(cur)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// differs says in one line why id is not what the volume was formatted for, "" if it is.
func (v version) differs(dir string, id Identity) string {
	field := ""
	var have, want any
	switch {
	case v.ClusterID != id.ClusterID:
		field, have, want = "clusterID", v.ClusterID, id.ClusterID
	case v.NamespaceID != id.NamespaceID:
		field, have, want = "namespaceID", v.NamespaceID, id.NamespaceID
	case v.Pool != id.Pool:
		field, have, want = "blockpoolID", v.Pool, id.Pool
	case v.CTime != id.CTime:
		field, have, want = "cTime", v.CTime, id.CTime
	default:
		return ""
	}
	return fmt.Sprintf("Incompatible %s: %s belongs to %v, the NameNode has %v; connect to the right NameNode or give the DataNode an empty folder",
		field, dir, have, want)
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
