package bench

import "strconv"

// Tree is the shape of the directories and the names in them. File i lies in leaf
// i modulo Leaves: files of neighbouring numbers are in different directories.
type Tree struct {
	Dir    string // root
	Depth  int    // components of the path of a file, those of Dir included
	Fanout int    // directories in a directory at the last two levels; one at those above
	Hot    bool   // there is one leaf only
}

// fanLevels is how many levels fan out, so that trees of different depth have as
// many directories.
const fanLevels = 2

func (t Tree) levels() int { return t.Depth - 1 - components(t.Dir) }

// Leaves is how many directories hold files.
func (t Tree) Leaves() int64 {
	n := int64(1)
	if !t.Hot {
		for range min(t.levels(), fanLevels) {
			n *= int64(t.Fanout)
		}
	}
	return n
}

// AppendLeaf appends the path of a leaf to b.
func (t Tree) AppendLeaf(b []byte, leaf int64) []byte {
	b = append(b, t.Dir...)
	levels := t.levels()
	for range levels - fanLevels {
		b = append(b, "/d0"...)
	}
	if levels >= fanLevels {
		b = strconv.AppendInt(append(b, "/d"...), leaf/int64(t.Fanout), 10)
	}
	if levels >= 1 {
		b = strconv.AppendInt(append(b, "/d"...), leaf%int64(t.Fanout), 10)
	}
	return b
}

// AppendName appends the path of the entry of that kind (one letter) and number.
func (t Tree) AppendName(b []byte, kind byte, i int64) []byte {
	b = append(t.AppendLeaf(b, i%t.Leaves()), '/', kind)
	return strconv.AppendInt(b, i, 10)
}

// Path is the path of file i, if no rename changed it.
func (t Tree) Path(i int64) string { return string(t.AppendName(nil, kindFile, i)) }

// Kinds of entries in a leaf.
const (
	kindFile    = 'f'
	kindRenamed = 'r' // a file after a rename; the next one turns it back
	kindDir     = 'n'
	kindOwn     = 'm' // a file of one caller of a mix
	kindOwnMove = 'q' // such a file after a rename
)
