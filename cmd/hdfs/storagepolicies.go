package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/shell"
)

// A policyVerb is one verb of storagepolicies.
type policyVerb struct {
	name, usage, help string
	noPath            string // what is said without -path
	do                func(p *policyTool, path, policy string) int
}

var policyVerbs = []policyVerb{
	{"listPolicies", "[-listPolicies]", "List all the existing block storage policies.\n", "", (*policyTool).list},
	{"setStoragePolicy", "[-setStoragePolicy -path <path> -policy <policy>]",
		"Set the storage policy to a file/directory.\n\n" +
			"<path>    The path of the file/directory to set storage policy \n<policy>  The name of the block storage policy                 \n",
		"Please specify the path for setting the storage policy.", (*policyTool).set},
	{"getStoragePolicy", "[-getStoragePolicy -path <path>]",
		"Get the storage policy of a file/directory.\n\n<path>  The path of the file/directory for getting the storage policy \n",
		"Please specify the path with -path.", (*policyTool).get},
	{"unsetStoragePolicy", "[-unsetStoragePolicy -path <path>]",
		"Unset the storage policy set for a file/directory.\n\n" +
			"<path>  The path of the file/directory from which the storage policy will be   \n        unset.                                                                 \n",
		"Please specify the path from which the storage policy will be unset.", (*policyTool).unset},
	{"satisfyStoragePolicy", "[-satisfyStoragePolicy -path <path>]",
		"Schedule blocks to move based on file/directory policy.\n\n<path>  The path of the file/directory to satisfy storage policy \n",
		"Please specify the path for setting the storage policy.", (*policyTool).satisfy},
}

// Exit codes of storagepolicies.
const (
	policyUsage  = 1
	policyFailed = 2
)

// policyTool is one run of storagepolicies.
type policyTool struct {
	*tool
	nn   *client.Client
	verb policyVerb
}

func (t *tool) storagePolicies(args []string) int {
	cfg, rest, err := load(args)
	if err != nil {
		return t.complain("hdfs storagepolicies", err)
	}
	if len(rest) == 0 {
		printPolicyUsage(t.err)
		return policyUsage
	}
	if rest[0] == "-help" {
		return t.policyHelp(rest[1:])
	}
	for _, v := range policyVerbs {
		if rest[0] != "-"+v.name {
			continue
		}
		p := &policyTool{tool: t, verb: v}
		path, policy := optionOf(rest[1:], "-path"), optionOf(rest[1:], "-policy")
		switch {
		case path == "" && v.noPath != "":
			return p.wrong(v.noPath)
		case policy == "" && v.name == "setStoragePolicy":
			return p.wrong("Please specify the policy name.")
		}
		c, err := dial(cfg)
		if err != nil {
			return t.complain("hdfs storagepolicies", err)
		}
		defer c.Close()
		p.nn = c.WithContext(t.ctx)
		return v.do(p, path, policy)
	}
	fmt.Fprintf(t.err, "Can't understand command '%s'\n", rest[0])
	printPolicyUsage(t.err)
	return policyUsage
}

// optionOf is the word behind an option, "" without it.
func optionOf(args []string, name string) string {
	for i, a := range args {
		if a == name && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

func printPolicyUsage(w io.Writer) {
	fmt.Fprintln(w, "Usage: bin/hdfs storagepolicies [COMMAND]")
	for _, v := range policyVerbs {
		fmt.Fprintln(w, "          "+v.usage)
	}
	fmt.Fprintln(w, "          [-help <command-name>]")
	fmt.Fprintln(w)
	io.WriteString(w, shell.GenericUsage)
}

func (t *tool) policyHelp(args []string) int {
	if len(args) == 0 {
		for _, v := range policyVerbs {
			fmt.Fprintf(t.out, "%s\n\n%s\n", v.usage, v.help)
		}
		return policyUsage
	}
	for _, v := range policyVerbs {
		if args[0] == v.name || args[0] == "-"+v.name {
			fmt.Fprintf(t.out, "%s\n\n%s\n", v.usage, v.help)
			return 0
		}
	}
	fmt.Fprintf(t.err, "Unknown command '%s'.\nValid help command names are:\n", args[0])
	for _, v := range policyVerbs {
		fmt.Fprintln(t.err, v.name)
	}
	return policyUsage
}

func (p *policyTool) wrong(text string) int {
	fmt.Fprintf(p.err, "%s\nUsage: %s\n\n%s\n", text, p.verb.usage, p.verb.help)
	return policyUsage
}

// failed prints an error with the short name of its class, as Apache's tool does: its
// client knows the classes of some and calls all others RemoteException.
func (p *policyTool) failed(err error) int {
	var x *rpc.Exception
	class := "IOException"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		class = "FileNotFoundException"
	case errors.Is(err, fs.ErrPermission):
		class = "AccessControlException"
	case errors.As(err, &x):
		class = "RemoteException"
	}
	fmt.Fprintf(p.err, "%s: %s\n", class, shell.Message(err))
	return policyFailed
}

func (p *policyTool) list(string, string) int {
	all, err := p.nn.StoragePolicies()
	if err != nil {
		return p.failed(err)
	}
	fmt.Fprintln(p.out, "Block Storage Policies:")
	for i := range all {
		fmt.Fprintln(p.out, "\t"+all[i].String())
	}
	return 0
}

func (p *policyTool) get(path, _ string) int {
	info, err := p.nn.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(p.err, "File/Directory does not exist: "+path)
		return policyFailed
	}
	if err != nil {
		return p.failed(err)
	}
	id := info.Policy
	if id == 0 {
		fmt.Fprintf(p.out, "The storage policy of %s is unspecified\n", path)
		return 0
	}
	all, err := p.nn.StoragePolicies()
	if err != nil {
		return p.failed(err)
	}
	for i := range all {
		if all[i].ID == id {
			fmt.Fprintf(p.out, "The storage policy of %s:\n%s\n", path, all[i].String())
			return 0
		}
	}
	fmt.Fprintln(p.err, "Cannot identify the storage policy for "+path)
	return policyFailed
}

func (p *policyTool) set(path, policy string) int {
	if err := p.nn.SetStoragePolicy(path, policy); err != nil {
		return p.failed(err)
	}
	fmt.Fprintf(p.out, "Set storage policy %s on %s\n", policy, path)
	return 0
}

func (p *policyTool) unset(path, _ string) int {
	if err := p.nn.UnsetStoragePolicy(path); err != nil {
		return p.failed(err)
	}
	fmt.Fprintf(p.out, "Unset storage policy from %s\n", path)
	return 0
}

func (p *policyTool) satisfy(path, _ string) int {
	if err := p.nn.SatisfyStoragePolicy(path); err != nil {
		return p.failed(err)
	}
	fmt.Fprintf(p.out, "Scheduled blocks to move based on the current storage policy on %s\n", path)
	return 0
}
