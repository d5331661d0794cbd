package shell

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/client"
)

// expand lists what arg stands for. A path without a pattern is itself, missing
// or not; a pattern that finds nothing is an error.
func (s *Shell) expand(arg string) ([]*item, error) {
	n, err := parseName(arg)
	if err != nil {
		return nil, err
	}
	f, full, err := s.fileSystem(n)
	if err != nil {
		return nil, err
	}
	found, wild, err := glob(f, full)
	if err != nil {
		return nil, err
	}
	if !wild && len(found) == 0 {
		return []*item{{fs: f, path: path.Clean(unescape(full)), text: unescape(arg)}}, nil
	}
	if len(found) == 0 {
		return nil, notFound(arg)
	}
	items := make([]*item, len(found))
	for i, info := range found {
		items[i] = &item{fs: f, path: info.Path, text: shown(n, f, info.Path, info.Dir), info: info}
	}
	return items, nil
}

// Expand lists the absolute names on f that a word of a command stands for, which may
// be a pattern and may begin with the URI of f. A name without a pattern need not exist.
func Expand(f FileSystem, word string) ([]string, error) {
	s := &Shell{Open: func(uri string) (FileSystem, error) {
		if scheme, _, _ := strings.Cut(f.URI(), "//"); uri == "" || uri == scheme+"//" || uri == f.URI() {
			return f, nil
		}
		return nil, plain("Wrong FS: " + word + ", expected: " + f.URI())
	}}
	items, err := s.expand(word)
	var names []string
	for _, it := range items {
		names = append(names, it.path)
	}
	return names, err
}

// glob finds the names that an absolute pattern stands for, in order.
func glob(f FileSystem, full string) (found []*client.FileInfo, wild bool, err error) {
	flats, err := expandBraces(full)
	if err != nil {
		return nil, false, err
	}
	for _, flat := range flats {
		some, w, err := globFlat(f, flat)
		if err != nil {
			return nil, false, err
		}
		found, wild = append(found, some...), wild || w || flat != full
	}
	slices.SortFunc(found, func(a, b *client.FileInfo) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(found, func(a, b *client.FileInfo) bool { return a.Path == b.Path }), wild, nil
}

func globFlat(f FileSystem, full string) (found []*client.FileInfo, wild bool, err error) {
	parts := strings.Split(strings.Trim(path.Clean(full), "/"), "/")
	at := []string{"/"}
	if parts[0] == "" {
		parts = nil
	}
	for i, part := range parts {
		p, err := compilePattern(part)
		if err != nil {
			return nil, wild, err
		}
		last := i == len(parts)-1
		if !p.wildcard {
			for j := range at {
				at[j] = path.Join(at[j], unescape(part))
			}
			continue
		}
		wild = true
		found = nil
		for _, dir := range at {
			some, err := matching(f, dir, p, !last)
			if err != nil {
				return nil, wild, err
			}
			found = append(found, some...)
		}
		if last {
			return found, wild, nil
		}
		at = at[:0]
		for _, info := range found {
			at = append(at, info.Path)
		}
	}
	found = nil
	for _, p := range at {
		info, err := f.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, wild, err
		}
		found = append(found, info)
	}
	return found, wild, nil
}

// matching lists the entries of dir that p matches; a file has none.
func matching(f FileSystem, dir string, p *pattern, onlyDirs bool) ([]*client.FileInfo, error) {
	var out []*client.FileInfo
	for info, err := range f.List(dir) {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, client.ErrNotDir) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if info.Path == dir { // a file yields itself
			return nil, nil
		}
		if (info.Dir || !onlyDirs) && p.matches(info.Name()) {
			out = append(out, info)
		}
	}
	return out, nil
}
