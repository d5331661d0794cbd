package shell

import "strings"

// test is one primary expression of find; the expression holds if all do, and
// those after one that does not are left out.
type test func(r *run, it *item) bool

func doFind(r *run, args []string) error {
	var paths []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		paths, args = append(paths, args[0]), args[1:]
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	tests, err := parseTests(args)
	if err != nil {
		return err
	}
	return r.each(paths, &traversal{
		recursive: true,
		visit: func(it *item) error {
			for _, holds := range tests {
				if !holds(r, it) {
					break
				}
			}
			return nil
		},
	})
}

func parseTests(args []string) ([]test, error) {
	var tests []test
	acts := false
	for i := 0; i < len(args); i++ {
		switch word := args[i]; word {
		case "-print", "-print0":
			end := "\n"
			if word == "-print0" {
				end = "\x00"
			}
			acts = true
			tests = append(tests, printName(end))
		case "-name", "-iname":
			if i++; i >= len(args) {
				return nil, badUsage(word + " wants a pattern")
			}
			t, err := nameTest(args[i], word == "-iname")
			if err != nil {
				return nil, err
			}
			tests = append(tests, t)
		case "-a", "-and":
			if len(tests) == 0 || i == len(args)-1 {
				return nil, plain(word + " wants an expression on both sides")
			}
		default:
			return nil, plain("Unexpected argument: " + word)
		}
	}
	if !acts {
		tests = append(tests, printName("\n"))
	}
	return tests, nil
}

func printName(end string) test {
	return func(r *run, it *item) bool {
		r.printf("%s%s", it.text, end)
		return true
	}
}

func nameTest(glob string, fold bool) (test, error) {
	if fold {
		glob = strings.ToLower(glob)
	}
	p, err := compilePattern(glob)
	if err != nil {
		return nil, err
	}
	return func(_ *run, it *item) bool {
		base := it.base()
		if fold {
			base = strings.ToLower(base)
		}
		return p.matches(base)
	}, nil
}
