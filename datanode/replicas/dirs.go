package replicas

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// Dir is one entry of dfs.datanode.data.dir.
type Dir struct {
	Path string // absolute
	Type hdfspb.StorageTypeProto
}

// ParseDirs reads entries such as "/data", "file:///data" and "[SSD]/data". An
// entry without a type is DISK. RAM_DISK is kept as an ordinary folder; PROVIDED
// is refused.
func ParseDirs(list []string) ([]Dir, error) {
	var dirs []Dir
	for _, entry := range list {
		d, err := parseDir(entry)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(dirs, func(o Dir) bool { return o.Path == d.Path }) {
			return nil, fmt.Errorf("folder %s is named twice", d.Path)
		}
		dirs = append(dirs, d)
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("no folder is named")
	}
	return dirs, nil
}

func parseDir(entry string) (Dir, error) {
	d := Dir{Type: hdfspb.StorageTypeProto_DISK}
	rest := entry
	if strings.HasPrefix(rest, "[") {
		name, after, ok := strings.Cut(rest[1:], "]")
		if !ok {
			return d, fmt.Errorf("entry %q has no closing bracket", entry)
		}
		v, ok := hdfspb.StorageTypeProto_value[strings.ToUpper(name)]
		d.Type = hdfspb.StorageTypeProto(v)
		if !ok || d.Type == hdfspb.StorageTypeProto_PROVIDED {
			return d, fmt.Errorf("entry %q has an unknown storage type; use DISK, SSD, ARCHIVE, RAM_DISK or NVDIMM", entry)
		}
		rest = strings.TrimSpace(after)
	}
	if strings.HasPrefix(rest, "file:") {
		u, err := url.Parse(rest)
		if err != nil || u.Host != "" {
			return d, fmt.Errorf("entry %q is no local file URI", entry)
		}
		rest = u.Path
	}
	if !filepath.IsAbs(rest) {
		return d, fmt.Errorf("entry %q is no absolute path", entry)
	}
	d.Path = filepath.Clean(rest)
	return d, nil
}
