package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/hopsql/hopsql/hadoop/conf"
)

// hadoopVersion is the release whose behaviour this program has; tools read it
// from the first line of `hdfs version`.
const hadoopVersion = "3.4.3"

func (t *tool) version([]string) int {
	revision, when, self := "unknown", "unknown", os.Args[0]
	module := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok {
		module = info.Main.Version
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				revision = s.Value
			case "vcs.time":
				when = s.Value
			}
		}
	}
	if exe, err := os.Executable(); err == nil {
		self = exe
	}
	fmt.Fprintf(t.out, "Hadoop %s\n", hadoopVersion)
	fmt.Fprintf(t.out, "Source code repository https://github.com/hopsql/hopsql -r %s\n", revision)
	fmt.Fprintf(t.out, "Compiled by hopsql %s on %s\n", module, when)
	fmt.Fprintf(t.out, "Compiled on platform %s-%s\n", runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(t.out, "Compiled with %s\n", runtime.Version())
	fmt.Fprintf(t.out, "This command was run using %s\n", self)
	return 0
}

// classpath prints what scripts put into $(hdfs classpath): there is no Java
// here, so it is the folder of the configuration.
func (t *tool) classpath([]string) int {
	fmt.Fprintln(t.out, confDir())
	return 0
}

func (t *tool) envvars([]string) int {
	home := os.Getenv("HADOOP_HOME")
	for _, kv := range [][2]string{
		{"JAVA_HOME", os.Getenv("JAVA_HOME")},
		{"HADOOP_HDFS_HOME", home},
		{"HDFS_DIR", ""},
		{"HDFS_LIB_JARS_DIR", ""},
		{"HADOOP_CONF_DIR", confDir()},
		{"HADOOP_TOOLS_HOME", home},
		{"HADOOP_TOOLS_DIR", ""},
		{"HADOOP_TOOLS_LIB_JARS_DIR", ""},
	} {
		fmt.Fprintf(t.out, "%s='%s'\n", kv[0], strings.ReplaceAll(kv[1], "'", `'\''`))
	}
	return 0
}

// nodeAddresses lists the RPC addresses of all NameNodes that the configuration
// knows, with host names for bare IPs.
func (t *tool) nodeAddresses(cfg *conf.Config) ([][2]string, error) {
	addrs, err := cfg.NameNodeAddresses()
	if err != nil {
		return nil, err
	}
	var out [][2]string
	for _, a := range addrs {
		host, port := a, ""
		if i := strings.LastIndexByte(a, ':'); i >= 0 {
			host, port = strings.Trim(a[:i], "[]"), a[i+1:]
		}
		out = append(out, [2]string{hostOf(t.ctx, host), port})
	}
	return out, nil
}
