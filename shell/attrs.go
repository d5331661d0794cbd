package shell

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/hopsql/hopsql/client"
)

func doChmod(r *run, args []string) error {
	mode, err := client.ParseMode(args[0])
	if err != nil {
		return badUsage("chmod : mode '" + args[0] + "' does not match the expected pattern.")
	}
	return r.each(args[1:], &traversal{
		recursive: r.has("R"),
		visit: func(it *item) error {
			perm := mode.Apply(it.info.Perm, it.info.Dir)
			if perm == it.info.Perm {
				return nil
			}
			if err := it.fs.Chmod(it.path, fileMode(perm)); err != nil {
				return plain("changing permissions of '" + it.text + "': " + Message(err))
			}
			return nil
		},
	})
}

// Names of users and groups that chown takes.
var (
	ownerPattern = regexp.MustCompile(`^\s*([-+_./@a-zA-Z0-9]+)?(:([-+_./@a-zA-Z0-9]*))?\s*$`)
	groupPattern = regexp.MustCompile(`^\s*([-+_./@a-zA-Z0-9]+)\s*$`)
)

func doChown(r *run, args []string) error {
	m := ownerPattern.FindStringSubmatch(args[0])
	if m == nil {
		return badUsage("'" + args[0] + "' does not match expected pattern for [owner][:group].")
	}
	if m[1] == "" && m[3] == "" {
		return badUsage("'" + args[0] + "' does not specify owner or group.")
	}
	return r.changeOwner(m[1], m[3], args[1:])
}

func doChgrp(r *run, args []string) error {
	m := groupPattern.FindStringSubmatch(args[0])
	if m == nil {
		return badUsage("'" + args[0] + "' does not match expected pattern for group")
	}
	return r.changeOwner("", m[1], args[1:])
}

func (r *run) changeOwner(owner, group string, args []string) error {
	return r.each(args, &traversal{
		recursive: r.has("R"),
		visit: func(it *item) error {
			o, g := owner, group
			if o == it.info.Owner {
				o = ""
			}
			if g == it.info.Group {
				g = ""
			}
			if o == "" && g == "" {
				return nil
			}
			if err := it.fs.Chown(it.path, o, g); err != nil {
				return plain("changing ownership of '" + it.text + "': " + Message(err))
			}
			return nil
		},
	})
}

// Pause between two looks at the replicas of a file, as in Hadoop.
const setrepPause = 10 * time.Second

func doSetrep(r *run, args []string) error {
	n, err := strconv.ParseInt(args[0], 10, 16)
	if err != nil {
		r.warn("Illegal replication, a positive integer expected")
		return badNumber(args[0], err)
	}
	if n < 1 {
		return badUsage("replication must be >= 1")
	}
	var waiting []*item
	err = r.each(args[1:], &traversal{
		recursive: true,
		visit: func(it *item) error {
			switch {
			case it.info.Link != "":
				return &pathIssue{path: it.text, text: "Symlinks unsupported"}
			case it.isDir():
				return nil
			case it.info.ECPolicy != "":
				r.printf("Did not set replication for: %s, because it's an erasure coded file.\n", it.text)
				return nil
			}
			set, err := it.fs.SetReplication(it.path, int(n))
			if err != nil {
				return err
			}
			if !set {
				return plain("Could not set replication for: " + it.text)
			}
			r.printf("Replication %d set: %s\n", n, it.text)
			waiting = append(waiting, it)
			return nil
		},
	})
	if err != nil || !r.has("w") {
		return err
	}
	for _, it := range waiting {
		if err := r.awaitReplicas(it, int(n)); err != nil {
			return err
		}
	}
	return nil
}

func badNumber(text string, err error) error {
	if errors.Is(err, strconv.ErrRange) {
		return badUsage(fmt.Sprintf("Value out of range. Value:%q Radix:10", text))
	}
	return badUsage(fmt.Sprintf("For input string: %q", text))
}

func (r *run) awaitReplicas(it *item, n int) error {
	r.printf("Waiting for %s ...", it.text)
	warned := false
	for {
		have, err := it.fs.Replicas(it.path)
		if err != nil {
			return err
		}
		done := true
		for _, h := range have {
			done = done && h == n
			if h > n && !warned {
				warned = true
				r.printf("\nWARNING: the waiting time may be long for DECREASING the number of replications.\n")
			}
		}
		if done {
			r.printf(" done\n")
			return nil
		}
		r.printf(".")
		if err := r.sleep(setrepPause); err != nil {
			return err
		}
	}
}
