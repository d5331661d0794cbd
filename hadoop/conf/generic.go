package conf

import (
	"fmt"
	"strings"
)

// ParseGeneric takes Hadoop's generic options off the front of args and returns
// what follows them: -D key=value, -Dkey=value, -conf FILE, -fs URI. The options
// of MapReduce (-jt, -files, -libjars, -archives, -tokenCacheFile) are taken
// with their argument and have no effect. It stops at the first other word.
func ParseGeneric(args []string) (Options, []string, error) {
	var opt Options
	for len(args) > 0 {
		word := args[0]
		if kv, ok := strings.CutPrefix(word, "-D"); ok && kv != "" {
			if err := opt.define(kv); err != nil {
				return opt, args, err
			}
			args = args[1:]
			continue
		}
		switch word {
		case "-D", "-conf", "-fs", "-jt", "-files", "-libjars", "-archives", "-tokenCacheFile":
		default:
			return opt, args, nil
		}
		if len(args) < 2 {
			return opt, args, fmt.Errorf("Missing argument for option: %s", word[1:]) //nolint:staticcheck // Hadoop's text
		}
		var err error
		switch word {
		case "-D":
			err = opt.define(args[1])
		case "-conf":
			opt.Files = append(opt.Files, args[1])
		case "-fs":
			err = opt.define("fs.defaultFS=" + args[1])
		}
		if err != nil {
			return opt, args, err
		}
		args = args[2:]
	}
	return opt, args, nil
}

func (opt *Options) define(kv string) error {
	if key, _, ok := strings.Cut(kv, "="); !ok || strings.TrimSpace(key) == "" {
		return fmt.Errorf("-D %s: want property=value", RedactText(kv))
	}
	opt.Set = append(opt.Set, kv)
	return nil
}
