package histories

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// texts are what may differ in an answer, and what is looked at in its place.
var texts = []struct {
	pattern *regexp.Regexp
	shown   string
}{
	// A writer's files below a directory that was deleted count until they are removed.
	{regexp.MustCompile(` ?(\[Lease\.  Holder: \S+, pending creates: \d+\]|Holder \S+ does not have any open files\.)`), " [Lease]"},
	// Apache does not always know what it is about to do.
	{regexp.MustCompile(`Superuser privilege is required for operation \S+`), "Superuser privilege is required"},
	// Apache's root could have snapshots.
	{regexp.MustCompile(`^IS_DIR (\d+) flags=[89]`), "IS_DIR $1 flags=_"},
	{regexp.MustCompile(`^IS_DIR (\d+) flags=[01]`), "IS_DIR $1 flags=_"},
	// Apache shows some paths below /.reserved/raw with that.
	{regexp.MustCompile(`/\.reserved/raw/`), "/"},
	// The made-up directories in /.reserved.
	{regexp.MustCompile(`((?:\.inodes|raw) IS_DIR 770 [^,]*) mtime=\S+`), "$1"},
	// Apache names a block with its pool.
	{regexp.MustCompile(`BP-#-[0-9.]+-#:`), ""},
	// A directory has no time of access here.
	{regexp.MustCompile(`(IS_DIR [^,]*) atime=\S+\b`), "$1"},
}

// exceptions are the classes that answers may have in the place of Apache's.
var exceptions = []struct {
	command      string // the first word of those concerned, "" for all
	apache, ours string // how the answers begin
}{
	// Apache stumbles over a file that is synced before it has a block.
	{"fsync", "java.lang.NullPointerException", "ok"},
	// Which of several directories in a tree is in the way depends on the order of the walk.
	{"", denied, denied},
	// Apache looks for rights in the whole tree, also for a quota, and also in sticky directories.
	{"usage", denied, "names="},
}

const denied = "org.apache.hadoop.security.AccessControlException: Permission denied"

// same says whether an answer is the one that Apache gave.
func same(line, apache, got string) bool {
	if apache == got {
		return true
	}
	_, command, _ := strings.Cut(line, "$ ")
	command, _, _ = strings.Cut(command, " ")
	if command == "ls" && sorted(apache) == sorted(got) { // names beyond ASCII come last here, in Apache's listings first
		return true
	}
	if command == "ls" && strings.HasSuffix(line, " b") {
		apache, got = strings.TrimPrefix(beyond.ReplaceAllString(apache, ""), ", "), strings.TrimPrefix(beyond.ReplaceAllString(got, ""), ", ")
	}
	for _, x := range exceptions {
		walks := command == "usage" || command == "count" || command == "delete" || command == "rename2"
		if (x.command == command || x.command == "" && walks) && strings.HasPrefix(apache, x.apache) && strings.HasPrefix(got, x.ours) {
			return true
		}
	}
	if command == "delete" && strings.HasPrefix(apache, denied) && refused(line, got) {
		return true
	}
	for _, t := range texts {
		apache, got = t.pattern.ReplaceAllString(apache, t.shown), t.pattern.ReplaceAllString(got, t.shown)
	}
	return apache == got || command == "ls" && sorted(apache) == sorted(got)
}

// refused says whether a delete is refused for another reason than the rights below, for
// which Apache looks in the whole tree first.
func refused(line, got string) bool {
	if strings.HasPrefix(got, "org.apache.hadoop.fs.PathIsNotEmptyDirectoryException") {
		return true
	}
	words := strings.Fields(line)
	return got == "false" && len(words) > 2 && (path.Clean(words[2]) == "/" || strings.HasPrefix(words[2], "/.reserved/"))
}

// parts says that the trees may differ from now on although the answers did not: HDFS has
// taken the overwritten file away before it finds that a quota is exceeded.
func parts(line, answer string) bool {
	overwrites := strings.HasSuffix(line, " overwrite")
	if _, w, ok := strings.Cut(line, "$ new "); ok {
		flags := strings.Fields(w)[2]
		overwrites = flags == "2" || flags == "3"
	}
	return overwrites && strings.Contains(answer, "QuotaExceededException")
}

// beyond are the entries whose names begin beyond ASCII: where a page begins, they may be
// on another one.
var beyond = regexp.MustCompile(`(^|, )[^ -~][^,]*`)

func sorted(listing string) string {
	entries := strings.Split(listing, ", ")
	slices.Sort(entries)
	return strings.Join(entries, ", ")
}
