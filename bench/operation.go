package bench

// operation is one that can be measured. Its calls are numbered; first says from
// which number on, and ended takes note of how far they came.
type operation struct {
	name  string
	needs func(r *run, calls int64) int64 // files that must be there, nil if none
	first func(r *run) int64              // nil for those without numbers
	ended func(r *run, next int64)
	most  func(r *run) int64 // calls that can be made, nil for any number
	do    func(c *caller, i int64) error
}

// someFiles are enough for operations that leave them where they are.
func someFiles(r *run, _ int64) int64 {
	if r.o.Existing {
		return 0
	}
	return r.o.Files
}

// eachFile is for operations that want another file for each call.
func eachFile(r *run, calls int64) int64 { return max(someFiles(r, calls), calls) }

func firstDir(r *run) int64        { return r.dirs.Load() }
func endedDirs(r *run, n int64)    { r.dirs.Store(n) }
func firstNew(r *run) int64        { return r.files.high }
func endedNew(r *run, n int64)     { r.files.grow(n) }
func firstRename(r *run) int64     { return r.turn }
func endedRenames(r *run, n int64) { r.turn = n }
func firstOld(r *run) int64        { return r.files.low }
func endedOld(r *run, n int64)     { r.files.low = n }
func leftFiles(r *run) int64       { return r.files.high - r.files.low }

// operations are all there are, in the order of the help.
var operations = []operation{
	{name: "mkdir", first: firstDir, ended: endedDirs, do: (*caller).mkdir},
	{name: "create", first: firstNew, ended: endedNew, do: (*caller).create},
	{name: "write", first: firstNew, ended: endedNew, do: (*caller).write},
	{name: "stat", needs: someFiles, do: (*caller).stat},
	{name: "open", needs: someFiles, do: (*caller).open},
	{name: "ls", needs: someFiles, do: (*caller).list},
	{name: "chmod", needs: someFiles, do: (*caller).chmod},
	{name: "chown", needs: someFiles, do: (*caller).chown},
	{name: "setrep", needs: someFiles, do: (*caller).setrep},
	{name: "summary", needs: someFiles, do: (*caller).summary},
	{name: "rename", needs: eachFile, first: firstRename, ended: endedRenames, do: (*caller).rename},
	{name: "delete", needs: eachFile, first: firstOld, ended: endedOld, most: leftFiles, do: (*caller).remove},
	{name: mixName, needs: someFiles, do: (*caller).mixed},
}

// OpNames are the names of all operations.
func OpNames() []string {
	var names []string
	for _, op := range operations {
		names = append(names, op.name)
	}
	return names
}

func findOp(name string) *operation {
	for i := range operations {
		if operations[i].name == name {
			return &operations[i]
		}
	}
	return nil
}
