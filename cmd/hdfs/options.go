package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
)

// shellOptions takes the options before the subcommand: two dashes, a word each.
// stop says that there is nothing more to do, and code what to exit with.
func (t *tool) shellOptions(args []string) (rest []string, code int, stop bool) {
	level := slog.LevelWarn
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		opt := args[0]
		args = args[1:]
		value := ""
		if takesValue(opt) {
			if len(args) == 0 {
				fmt.Fprintf(t.err, "ERROR: %s wants a value. See hdfs --help.\n", opt)
				return nil, 1, true
			}
			value, args = args[0], args[1:]
		}
		switch opt {
		case "--help", "-help", "-h", "-?":
			fmt.Fprint(t.out, help())
			return nil, 0, true
		case "--config", "-conf":
			if st, err := os.Stat(value); err != nil || !st.IsDir() {
				fmt.Fprintf(t.err, "ERROR: Cannot find configuration directory: %s\n", value)
				return nil, 1, true
			}
			// Child processes and conf read it there. It fails for a name that is none only.
			_ = os.Setenv("HADOOP_CONF_DIR", value)
		case "--loglevel":
			if err := level.UnmarshalText([]byte(value)); err != nil {
				fmt.Fprintf(t.err, "ERROR: --loglevel %s: want DEBUG, INFO, WARN or ERROR\n", value)
				return nil, 1, true
			}
		case "--debug":
			level = slog.LevelDebug
		case "--daemon":
			fmt.Fprintf(t.err, "hdfs --daemon %s: use scripts/hadoop-daemon.sh --script hdfs %s namenode|datanode\n", value, value)
			return nil, 1, true
		case "--buildpaths":
		case "--workers", "--hosts", "--hostnames":
			fmt.Fprintf(t.err, "hdfs %s: commands are run on this machine only; use ssh for the others\n", opt)
			return nil, 1, true
		default:
			fmt.Fprintf(t.err, "ERROR: unknown option %s. See hdfs --help.\n", opt)
			return nil, 1, true
		}
	}
	setLog(t.err, level)
	return args, 0, false
}

func takesValue(opt string) bool {
	return slices.Contains([]string{"--config", "-conf", "--loglevel", "--daemon", "--hosts", "--hostnames"}, opt)
}

// setLog makes the default logger of the process; daemons set their own.
func setLog(w io.Writer, level slog.Level) {
	slog.SetDefault(slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})))
}
