package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/shell"
)

// storageKinds are the types of storage that have quotas, as -setSpaceQuota lists them.
var storageKinds = []string{"SSD", "DISK", "ARCHIVE", "PROVIDED", "NVDIMM"}

// misuse is a command line that makes no sense: its text goes before the usage.
func (a *admin) misuse(text string) int {
	fmt.Fprintf(a.err, "%s: %s\n", a.verb.name, text)
	return a.wrong()
}

// words returns the words behind the options of a verb that has none, at least least.
func (a *admin) words(args []string, least int) ([]string, error) {
	if len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		return nil, errors.New("Illegal option " + args[0])
	}
	return args, enough(args, least)
}

func enough(args []string, least int) error {
	if len(args) < least {
		return fmt.Errorf("Not enough arguments: expected %d but got %d", least, len(args)) //nolint:staticcheck // the words of Apache's tool
	}
	return nil
}

func (a *admin) setQuota(args []string) int {
	args, err := a.words(args, 2)
	if err != nil {
		return a.misuse(err.Error())
	}
	n, err := parseSize(args[0])
	if err != nil {
		return a.misuse(err.Error())
	}
	if n <= 0 {
		return a.misuse(fmt.Sprintf("Invalid values for quota : %d and %d", n, int64(client.KeepQuota)))
	}
	return a.onEach(args[1:], func(name string) error { return a.nn.SetQuota(name, n, client.KeepQuota) })
}

func (a *admin) clrQuota(args []string) int {
	args, err := a.words(args, 1)
	if err != nil {
		return a.misuse(err.Error())
	}
	return a.onEach(args, func(name string) error { return a.nn.SetQuota(name, client.NoQuota, client.KeepQuota) })
}

func (a *admin) setSpaceQuota(args []string) int {
	args, err := a.words(args, 2)
	if err != nil {
		return a.misuse(err.Error())
	}
	n, err := parseSize(strings.TrimSpace(args[0]))
	if errors.As(err, new(*notNumber)) {
		err = fmt.Errorf("%q is not a valid value for a quota.", args[0]) //nolint:staticcheck // the words of Apache's tool
	}
	if err != nil {
		return a.misuse(err.Error())
	}
	args, kind, err := popKind(args[1:])
	if err != nil {
		return a.misuse(err.Error())
	}
	if kind == "" {
		if n < 0 && len(args) > 0 {
			return a.misuse(fmt.Sprintf("Invalid values for quota : %d and %d", int64(client.KeepQuota), n))
		}
		return a.onEach(args, func(name string) error { return a.nn.SetQuota(name, client.KeepQuota, n) })
	}
	if n <= 0 && len(args) > 0 {
		return a.misuse(fmt.Sprintf("Invalid values for quota :%d", n))
	}
	return a.onEach(args, func(name string) error { return a.nn.SetTypeQuota(name, kind, n) })
}

// popKind takes -storageType and its value out of the words, wherever they are.
func popKind(args []string) (rest []string, kind string, err error) {
	i := slices.Index(args, "-storageType")
	if i < 0 {
		return args, "", nil
	}
	if i+1 == len(args) {
		return nil, "", errors.New("option -storageType requires 1 argument.") //nolint:staticcheck,revive // the words of Apache's tool
	}
	kind = strings.ToUpper(args[i+1])
	if !slices.Contains(storageKinds, kind) {
		return nil, "", fmt.Errorf("Storage type %s is not available. Available storage types are [%s]", args[i+1], strings.Join(storageKinds, ", ")) //nolint:staticcheck // the words of Apache's tool
	}
	return slices.Delete(slices.Clone(args), i, i+2), kind, nil
}

func (a *admin) clrSpaceQuota(args []string) int {
	kind := ""
	if len(args) > 0 && args[0] == "-storageType" {
		if args = args[1:]; len(args) > 0 {
			kind, args = strings.ToUpper(args[0]), args[1:]
		}
	}
	args, err := a.words(args, 1)
	if err != nil {
		return a.misuse(err.Error())
	}
	if kind == "" {
		return a.onEach(args, func(name string) error { return a.nn.SetQuota(name, client.KeepQuota, client.NoQuota) })
	}
	if !slices.Contains(storageKinds, kind) {
		return a.misuse("No enum constant org.apache.hadoop.fs.StorageType." + kind)
	}
	return a.onEach(args, func(name string) error { return a.nn.SetTypeQuota(name, kind, client.NoQuota) })
}

// onEach runs do for each name that the words stand for. One that fails does not keep
// the others from it.
func (a *admin) onEach(args []string, do func(name string) error) int {
	code := 0
	for _, word := range args {
		names, err := shell.Expand(shell.HDFS(a.nn), word)
		if err != nil {
			code = a.failed(err)
		}
		for _, name := range names {
			if err := do(name); err != nil {
				code = a.failed(err)
			}
		}
	}
	return code
}

const sizeLetters = "kmgtpe"

// A notNumber is a word that should be a number.
type notNumber struct{ word string }

func (e *notNumber) Error() string { return fmt.Sprintf("For input string: %q", e.word) }

func parseNumber(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, &notNumber{s}
	}
	return n, nil
}

// parseSize reads a number with a binary prefix: 5m is 5 MiB.
func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, &notNumber{s}
	}
	last := s[len(s)-1]
	if last >= '0' && last <= '9' {
		return parseNumber(s)
	}
	i := strings.IndexByte(sizeLetters, last|0x20)
	if i < 0 {
		return 0, fmt.Errorf("Invalid size prefix '%c' in '%s'. Allowed prefixes are k, m, g, t, p, e(case insensitive)", last, s) //nolint:staticcheck // the words of Apache's tool
	}
	n, err := parseNumber(s[:len(s)-1])
	if err != nil {
		return 0, err
	}
	unit := int64(1) << (10 * (i + 1))
	if n > math.MaxInt64/unit || n < math.MinInt64/unit {
		return 0, fmt.Errorf("%s does not fit in a Long", s)
	}
	return n * unit, nil
}
