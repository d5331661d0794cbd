package histories

import "strings"

// oddPaths are those that clients seldom send.
var oddPaths = []string{
	"", "relative", "a/b", "/", "/", "/", "//", "//a", "/a//b", "/a/", "/a/b//", "/.", "/..", "/a/.", "/a/..", "/./a", "/a/../b",
	"/.reserved", "/.reserved/", "/.reserved/.inodes", "/.reserved/.inodes/16385", "/.reserved/.inodes/16385/a", "/.reserved/.inodes/16385/a/b",
	"/.reserved/.inodes/999999999", "/.reserved/.inodes/x", "/.reserved/.inodes/-1", "/.reserved/.inodes/16385/..",
	"/.reserved/raw", "/.reserved/raw/", "/.reserved/raw/a", "/.reserved/raw/a/b", "/.reserved/other", "/.reserved/other/x", "/a/.reserved", "/a/.inodes", "/raw",
	"/a/.snapshot", "/a/.snapshot/s", "/a/b/.snapshot", "/a:b", "/a/:", "/a/b:c/d", "/ä", "/a/ä", "/日本", "/a/日本", "/a/\U0001F600", "/a b", "/a/b c",
	"/a\tb", "/a\\b", "/*", "/a?", "/A", "/a/B", "/a ", "/a/b ", "/ａ", "/a%20", "hdfs://x/a", "~", "/~", "/a\n",
	"/" + strings.Repeat("x", 60), "/a/" + strings.Repeat("x", 61), "/" + strings.Repeat("x", 255), "/" + strings.Repeat("x", 300), "/a/" + strings.Repeat("ä", 31),
	"/" + strings.Repeat("x", 300) + "/y", "/a" + strings.Repeat("/x", 1001), "/" + strings.Repeat("long/", 1700), "/a/b/c/a/b/c",
}

func (g *generator) odd() string { return oddPaths[g.IntN(len(oddPaths))] }
