package groups

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/hopsql/hopsql/hadoop/conf"
)

// A Lookup asks a directory for the groups of a user, the primary one first. A user
// whom it does not know has none, without an error. With an error there may be
// groups that were found all the same.
type Lookup func(user string) ([]string, error)

const (
	keyMapping = "hadoop.security.group.mapping"
	classes    = "org.apache.hadoop.security." // where Apache has them
)

// supported is what an operator is told who configured another class.
const supported = "JniBasedUnixGroupsMappingWithFallback, JniBasedUnixGroupsMapping, ShellBasedUnixGroupsMapping, " +
	"LdapGroupsMapping, RuleBasedLdapGroupsMapping, CompositeGroupsMapping and NullGroupsMapping of " + classes + "*"

// lookupOf makes the mapping of a class. key is where its name is configured.
func lookupOf(c *conf.Config, key, class string) (Lookup, error) {
	switch strings.TrimPrefix(class, classes) {
	case "", "JniBasedUnixGroupsMappingWithFallback", "JniBasedUnixGroupsMapping":
		return fromSystem, nil
	case "ShellBasedUnixGroupsMapping":
		timeout, err := c.Duration("hadoop.security.groups.shell.command.timeout", 0, time.Second)
		return shellLookup(timeout), err
	case "LdapGroupsMapping":
		return ldapLookup(c)
	case "RuleBasedLdapGroupsMapping":
		return ruledLookup(c)
	case "CompositeGroupsMapping":
		return compositeLookup(c)
	case "NullGroupsMapping":
		return func(string) ([]string, error) { return nil, nil }, nil
	}
	return nil, fmt.Errorf("%s is %s: supported are %s", key, class, supported)
}

// fromSystem asks the operating system's user database, without a shell. A group
// that has no name is left out.
func fromSystem(name string) ([]string, error) {
	u, err := user.Lookup(name)
	if unknown := user.UnknownUserError(""); errors.As(err, &unknown) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	var groups []string
	for _, id := range ids {
		if g, err := user.LookupGroupId(id); err == nil {
			groups = append(groups, g.Name)
		}
	}
	return groups, nil
}

// shellLookup asks the program id, which knows every directory that the machine is
// joined to, also when this program was built without the C library. A timeout of 0
// is none.
func shellLookup(timeout time.Duration) Lookup {
	return func(name string) ([]string, error) {
		ctx := context.Background()
		if timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
		var groups []string
		for _, what := range []string{"-gn", "-Gn"} {
			out, err := exec.CommandContext(ctx, "id", what, "--", name).Output()
			var exit *exec.ExitError
			switch {
			case ctx.Err() != nil:
				return nil, fmt.Errorf("id %s %s: no answer in %v", what, name, timeout)
			case errors.As(err, &exit) && strings.Contains(string(exit.Stderr), "no such user"):
				return nil, nil
			case err != nil && len(out) == 0:
				return nil, fmt.Errorf("id %s %s: %w", what, name, err)
			}
			groups = add(groups, strings.Fields(string(out))...)
		}
		return groups, nil
	}
}

// compositeLookup asks several directories (hadoop.security.group.mapping.providers),
// each with keys of its own.
func compositeLookup(c *conf.Config) (Lookup, error) {
	names := c.Strings(keyMapping + ".providers")
	combined, err := c.Bool(keyMapping+".providers.combined", true)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s.providers is empty: CompositeGroupsMapping has nobody to ask", keyMapping)
	}
	var providers []Lookup
	for _, name := range names {
		key := keyMapping + ".provider." + name
		class := c.Get(key)
		if class == "" || strings.HasSuffix(class, ".CompositeGroupsMapping") {
			return nil, fmt.Errorf("%s is %q: supported are %s, without the composite one", key, class, supported)
		}
		l, err := lookupOf(ownKeys(c, name), key, class)
		if err != nil {
			return nil, fmt.Errorf("group mapping %s: %w", name, err)
		}
		providers = append(providers, l)
	}
	return func(user string) (groups []string, failed error) {
		for i, l := range providers {
			found, err := l(user)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("group mapping %s: %w", names[i], err))
			}
			groups = add(groups, found...)
			if len(found) > 0 && !combined {
				break
			}
		}
		return groups, failed
	}, nil
}

// ownKeys is the configuration that a provider sees: its own keys
// (hadoop.security.group.mapping.provider.NAME.ldap.url) stand for the general ones.
func ownKeys(c *conf.Config, name string) *conf.Config {
	all := map[string]string{}
	for _, key := range c.Keys() {
		if strings.HasPrefix(key, "hadoop.security.group") {
			all[key] = c.Get(key)
		}
	}
	prefix := keyMapping + ".provider." + name + "."
	for key, value := range all {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			all[keyMapping+"."+rest] = value
		}
	}
	return conf.New(all)
}

// add appends the groups that are not there yet.
func add(groups []string, more ...string) []string {
	for _, g := range more {
		if !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	return groups
}
