package shell

import "slices"

// verb is one row of the table of verbs.
type verb struct {
	name   string
	usage  string // synopsis after the name
	help   string // what -help says
	format format
	do     func(r *run, args []string) error
}

const (
	copyThreads = "[-t <thread count>] [-q <thread pool queue size>] "
	putUsage    = "[-f] [-p] [-l] [-d] " + copyThreads + "<localsrc> ... <dst>"
	getUsage    = "[-f] [-p] [-crc] [-ignoreCrc] " + copyThreads + "<src> ... <localdst>"
)

// verbs is the table, sorted by name as the usage shows it.
var verbs []verb

func init() {
	put := format{flags: []string{"f", "p", "l", "d"}, values: []string{"t", "q"}, min: 1, max: many}
	get := format{flags: []string{"crc", "ignoreCrc", "p", "f"}, values: []string{"t", "q"}, min: 1, max: many}
	verbs = []verb{
		{"appendToFile", "[-n] <localsrc> ... <dst>", helpAppend, format{flags: []string{"n"}, max: many}, doAppend},
		{"cat", "[-ignoreCrc] <src> ...", helpCat, format{flags: []string{"ignoreCrc"}, min: 1, max: many}, doCat},
		{"checksum", "[-v] <src> ...", helpChecksum, format{flags: []string{"v"}, min: 1, max: many}, doChecksum},
		{"chgrp", "[-R] GROUP PATH...", helpChgrp, format{flags: []string{"R"}, min: 2, max: many}, doChgrp},
		{"chmod", "[-R] <MODE[,MODE]... | OCTALMODE> PATH...", helpChmod, format{flags: []string{"R"}, min: 2, max: many, lenient: true}, doChmod},
		{"chown", "[-R] [OWNER][:[GROUP]] PATH...", helpChown, format{flags: []string{"R"}, min: 2, max: many}, doChown},
		{"concat", "<target path> <src path> <src path> ...", helpConcat, format{max: many}, doConcat},
		{"copyFromLocal", putUsage, helpPut, put, doPut},
		{"copyToLocal", getUsage, helpGet, get, doGet},
		{"count", "[-q] [-h] [-v] [-t [<storage type>]] [-u] [-x] [-e] [-s] <path> ...", helpCount,
			format{flags: []string{"q", "h", "v", "u", "x", "e", "s"}, values: []string{"t"}, min: 1, max: many}, doCount},
		{"cp", "[-f] [-p | -p[topax]] [-d] " + copyThreads + "<src> ... <dst>", helpCp,
			format{flags: []string{"f", "d"}, values: []string{"t", "q"}, min: 2, max: many, lenient: true}, doCp},
		{"createSnapshot", "<snapshotDir> [<snapshotName>]", helpSnapshot, format{max: many}, doCreateSnapshot},
		{"deleteSnapshot", "<snapshotDir> <snapshotName>", helpSnapshot, format{max: many}, doDeleteSnapshot},
		{"df", "[-h] [<path> ...]", helpDf, format{flags: []string{"h"}, max: many}, doDf},
		{"du", "[-s] [-h] [-v] [-x] <path> ...", helpDu, format{flags: []string{"s", "h", "v", "x"}, max: many}, doDu},
		{"expunge", "[-immediate] [-fs <path>]", helpExpunge, format{flags: []string{"immediate"}, values: []string{"fs"}, max: 0}, doExpunge},
		{"find", "<path> ... <expression> ...", helpFind, format{flags: []string{"L", "H"}, min: 1, max: many, lenient: true}, doFind},
		{"get", getUsage, helpGet, get, doGet},
		{"getfacl", "[-R] <path>", helpGetfacl, format{flags: []string{"R"}, max: many}, doGetfacl},
		{"getfattr", "[-R] {-n name | -d} [-e en] <path>", helpGetfattr,
			format{flags: []string{"R", "d"}, values: []string{"n", "e"}, max: many}, doGetfattr},
		{"getmerge", "[-nl] [-skip-empty-file] <src> <localdst>", helpGetmerge,
			format{flags: []string{"nl", "skip-empty-file"}, min: 2, max: many}, doGetmerge},
		{"head", "<file>", helpHead, format{min: 1, max: 1}, doHead},
		{"help", "[cmd ...]", helpHelp, format{max: many, lenient: true}, doHelp},
		{"ls", "[-C] [-d] [-h] [-q] [-R] [-t] [-S] [-r] [-u] [-e] [<path> ...]", helpLs,
			format{flags: []string{"C", "d", "h", "q", "R", "t", "S", "r", "u", "e"}, max: many}, doLs},
		{"mkdir", "[-p] <path> ...", helpMkdir, format{flags: []string{"p"}, min: 1, max: many}, doMkdir},
		{"moveFromLocal", "[-f] [-p] [-l] [-d] <localsrc> ... <dst>", helpMoveFromLocal, put, doMoveFromLocal},
		{"moveToLocal", "<src> <localdst>", helpMoveToLocal, format{max: many}, doMoveToLocal},
		{"mv", "<src> ... <dst>", helpMv, format{min: 2, max: many}, doMv},
		{"put", putUsage, helpPut, put, doPut},
		{"renameSnapshot", "<snapshotDir> <oldName> <newName>", helpSnapshot, format{max: many}, doRenameSnapshot},
		{"rm", "[-f] [-r|-R] [-skipTrash] [-safely] <src> ...", helpRm,
			format{flags: []string{"f", "r", "R", "skipTrash", "safely"}, min: 1, max: many}, doRm},
		{"rmdir", "[--ignore-fail-on-non-empty] <dir> ...", helpRmdir,
			format{flags: []string{"-ignore-fail-on-non-empty"}, min: 1, max: many}, doRmdir},
		{"setfacl", "[-R] [{-b|-k} {-m|-x <acl_spec>} <path>]|[--set <acl_spec> <path>]", helpSetfacl,
			format{flags: []string{"R", "b", "k", "m", "x", "-set"}, max: many}, doSetfacl},
		{"setfattr", "{-n name [-v value] | -x name} <path>", helpSetfattr, format{values: []string{"n", "v", "x"}, max: many}, doSetfattr},
		{"setrep", "[-R] [-w] <rep> <path> ...", helpSetrep, format{flags: []string{"R", "w"}, min: 2, max: many}, doSetrep},
		{"stat", "[format] <path> ...", helpStat, format{flags: []string{"R"}, min: 1, max: many}, doStat},
		{"tail", "[-f] [-s <sleep interval>] <file>", helpTail, format{flags: []string{"f"}, values: []string{"s"}, min: 1, max: 1}, doTail},
		{"test", "-[defswrz] <path>", helpTest, format{flags: []string{"e", "d", "f", "s", "z", "w", "r"}, min: 1, max: 1}, doTest},
		{"text", "[-ignoreCrc] <src> ...", helpText, format{flags: []string{"ignoreCrc"}, min: 1, max: many}, doText},
		{"touch", "[-a] [-m] [-t TIMESTAMP (yyyyMMdd:HHmmss) ] [-c] <path> ...", helpTouch,
			format{flags: []string{"a", "m", "c"}, values: []string{"t"}, min: 1, max: many}, doTouch},
		{"touchz", "<path> ...", helpTouchz, format{min: 1, max: many}, doTouchz},
		{"truncate", "[-w] <length> <path> ...", helpTruncate, format{flags: []string{"w"}, min: 2, max: many}, doTruncate},
		{"usage", "[cmd ...]", helpUsage, format{max: many, lenient: true}, doUsage},
	}
}

// old names that Hadoop still knows, with their way to say it today.
var replaced = map[string]struct{ name, flag, say string }{
	"-lsr": {"ls", "R", "ls -R"},
	"-rmr": {"rm", "r", "-rm -r"},
	"-dus": {"du", "s", "du -s"},
}

// lookupVerb finds the verb of a word with its dash.
func lookupVerb(word string) (verb, bool) {
	if old, ok := replaced[word]; ok {
		v, found := lookupVerb("-" + old.name)
		do := v.do
		v.name = word[1:]
		v.do = func(r *run, args []string) error {
			r.warn("DEPRECATED: Please use '" + old.say + "' instead.")
			r.flags[old.flag] = true
			return do(r, args)
		}
		return v, found
	}
	if len(word) < 2 || word[0] != '-' {
		return verb{}, false
	}
	i, found := slices.BinarySearchFunc(verbs, word[1:], func(v verb, name string) int {
		switch {
		case v.name < name:
			return -1
		case v.name > name:
			return 1
		}
		return 0
	})
	if !found {
		return verb{}, false
	}
	return verbs[i], true
}
