package shell

import (
	"fmt"
	"io"
	"strings"
)

// GenericUsage explains the options that every tool takes before its own.
const GenericUsage = `
Generic options supported are:
-conf <configuration file>        specify an application configuration file
-D <property=value>               define a value for a given property
-fs <file:///|hdfs://namenode:port> specify default filesystem URL to use, overrides 'fs.defaultFS' property from configurations.
-jt <local|resourcemanager:port>  specify a ResourceManager
-files <file1,...>                specify a comma-separated list of files to be copied to the map reduce cluster
-libjars <jar1,...>               specify a comma-separated list of jar files to be included in the classpath
-archives <archive1,...>          specify a comma-separated list of archives to be unarchived on the compute machines

The general command line syntax is:
command [genericOptions] [commandOptions]

`

const usagePrefix = "Usage: hadoop fs [generic options]"

// printUsage lists every verb.
func (s *Shell) printUsage(w io.Writer) {
	s.printSynopses(w)
	io.WriteString(w, GenericUsage)
}

func (s *Shell) printSynopses(w io.Writer) {
	fmt.Fprintln(w, usagePrefix)
	for _, v := range verbs {
		fmt.Fprintf(w, "\t[-%s %s]\n", v.name, v.usage)
	}
}

func (s *Shell) printVerbUsage(w io.Writer, v verb) {
	fmt.Fprintf(w, "%s -%s %s\n", usagePrefix, v.name, v.usage)
}

func printVerbHelp(w io.Writer, v verb) {
	fmt.Fprintf(w, "-%s %s :\n", v.name, v.usage)
	for line := range strings.SplitSeq(strings.TrimSpace(v.help), "\n") {
		fmt.Fprintln(w, strings.TrimRight("  "+line, " "))
	}
}

func doUsage(r *run, args []string) error {
	if len(args) == 0 {
		r.printUsage(r.Out)
		return nil
	}
	for _, a := range args {
		v, ok := lookupVerb("-" + a)
		if !ok {
			return badUsage(quote(a) + ": Unknown command")
		}
		r.printVerbUsage(r.Out, v)
	}
	return nil
}

func doHelp(r *run, args []string) error {
	if len(args) == 0 {
		r.printSynopses(r.Out)
		for _, v := range verbs {
			fmt.Fprintln(r.Out)
			printVerbHelp(r.Out, v)
		}
		io.WriteString(r.Out, GenericUsage)
		return nil
	}
	for _, a := range args {
		v, ok := lookupVerb("-" + a)
		if !ok {
			return badUsage(quote(a) + ": Unknown command")
		}
		printVerbHelp(r.Out, v)
	}
	return nil
}
