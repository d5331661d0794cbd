package namespace

// CountInSteps makes trees with more than n entries be counted in steps, until the
// returned function is called.
func CountInSteps(n int) (restore func()) {
	old := smallTree
	smallTree = n
	return func() { smallTree = old }
}
