package apache

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/testkit/mariadb"
)

var (
	report = flag.String("report", "", "write how every test ended to this file")
	only   = flag.String("only", "", "run the suites with this in their names only (a regular expression)")
)

// TestOwnDataNodes runs all suites on SQLite with this project's DataNodes.
func TestOwnDataNodes(t *testing.T) {
	classes := compile(t)
	s := start(t, "", false)
	ran := s.suites(t, classes, "", slices.Concat(contracts, base, attributes, cases))
	maps.Copy(ran, s.suites(t, classes, s.Binary(), ownCases))
	if *only == "" {
		allListedRan(t, ran)
	}
}

// TestStockDataNodes runs what is not about command lines on MariaDB with Apache's
// DataNodes.
func TestStockDataNodes(t *testing.T) {
	classes := compile(t)
	s := start(t, mariadb.Database(t), true)
	s.suites(t, classes, "", slices.Concat(contracts, base, attributes))
}

// suites runs suites and judges them. It returns the names of their tests, as in
// exceptions.txt.
func (s *system) suites(t *testing.T, classes, program string, suites []string) map[string]bool {
	t.Helper()
	ran := map[string]bool{}
	suites = slices.DeleteFunc(slices.Clone(suites), func(name string) bool { return !regexp.MustCompile(*only).MatchString(name) })
	if len(suites) == 0 {
		return ran
	}
	by := ""
	if program != "" {
		by = "hdfs "
	}
	results := s.run(t, classes, program, suites)
	if *report != "" {
		f, err := os.OpenFile(*report, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, r := range results {
			fmt.Fprintf(f, "%s %s%s %s\n", r.outcome, by, r.suite, r.name)
			if r.detail != "" {
				fmt.Fprintf(f, "\t%s\n", strings.ReplaceAll(r.detail, "\n", "\n\t"))
			}
		}
	}
	judge(t, by, results)
	for _, r := range results {
		ran[by+r.suite+" "+r.name] = true
	}
	return ran
}
