package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hdfs runs the program in the test process, in UTC.
func hdfs(t *testing.T, args ...string) (out, errOut string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(context.Background(), &tool{in: strings.NewReader(""), out: &o, err: &e, zone: time.UTC}, args)
	return o.String(), e.String(), code
}

// configure makes a configuration directory of key, value, … and uses it.
func configure(t *testing.T, kv ...string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("<configuration>\n")
	for i := 0; i < len(kv); i += 2 {
		b.WriteString("<property><name>" + kv[i] + "</name><value>" + kv[i+1] + "</value></property>\n")
	}
	b.WriteString("</configuration>\n")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "core-site.xml"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HADOOP_CONF_DIR", dir)
}

func TestProgram(t *testing.T) {
	configure(t)
	cases := []struct {
		args     string
		code     int
		out, err string // parts of what is printed
	}{
		{"", 1, "", "Usage: hdfs [OPTIONS] SUBCOMMAND"},
		{"--help", 0, "SUBCOMMAND is one of:", ""},
		{"nonsense", 1, "", "ERROR: nonsense is not COMMAND"},
		{"--config /no/such/dir dfs", 1, "", "ERROR: Cannot find configuration directory: /no/such/dir"},
		{"--config", 1, "", "ERROR: --config wants a value."},
		{"--loglevel LOUD version", 1, "", "want DEBUG, INFO, WARN or ERROR"},
		{"--loglevel debug version", 0, "Hadoop 3.4", ""},
		{"--daemon start namenode", 1, "", "scripts/hadoop-daemon.sh"},
		{"--workers version", 1, "", "this machine only"},
		{"--what version", 1, "", "ERROR: unknown option --what"},
		{"version", 0, "Hadoop 3.4", ""},
		{"classpath", 0, os.Getenv("HADOOP_CONF_DIR"), ""},
		{"envvars", 0, "HADOOP_CONF_DIR='" + os.Getenv("HADOOP_CONF_DIR") + "'\n", ""},
		{"dfs", 255, "", "Usage: hadoop fs [generic options]"},
		{"dfs ls", 255, "", "ls: Unknown command\nDid you mean -ls?"},
		{"dfs -conf /no/such.xml -ls /", 255, "", "/no/such.xml"},
		{"dfs -fs xyz://h -ls /", 1, "", `ls: No FileSystem for scheme "xyz"`},
		{"dfsadmin", 255, "", "Usage: hdfs dfsadmin\n"},
		{"dfsadmin -nonsense", 255, "", "nonsense: Unknown command"},
		{"dfsadmin -rollEdits", 255, "", "rollEdits: there is no image"},
		{"dfsadmin -help safemode", 0, "[-safemode <enter", ""},
		{"dfsadmin -help", 0, "[-printTopology]", ""},
		{"dfsadmin -safemode get", 255, "", "safemode: \"file:///\" is not an HDFS"},
		{"haadmin", 255, "", "Usage: haadmin"},
		{"haadmin -getServiceState nn1", 255, "", "Illegal argument: Unable to determine the name service ID."},
		{"haadmin -getAllServiceState", 255, "", "Failed to get service IDs"},
		{"haadmin -getServiceState", 255, "", "getServiceState: incorrect number of arguments\nUsage: haadmin"},
		{"haadmin -nonsense", 255, "", "nonsense: Unknown command"},
		{"haadmin -help", 0, "Usage: haadmin", ""},
		{"getconf", 255, "", "hdfs getconf is utility"},
		{"getconf -x", 255, "", "hdfs getconf is utility"},
		{"getconf -confKey", 255, "", "usage: -confKey [key]"},
		{"getconf -confKey no.such", 255, "", "Configuration no.such is missing.\n"},
		{"getconf -confKey dfs.replication", 0, "3\n", ""},
		{"getconf -D dfs.replication=7 -confKey dfs.replication", 0, "7\n", ""},
		{"getconf -journalNodes", 0, "\n", ""},
		{"getconf -excludeFile", 255, "", "Configuration dfs.hosts.exclude is missing.\n"},
	}
	for _, c := range cases {
		out, errOut, code := hdfs(t, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errOut, c.err) {
			t.Errorf("hdfs %s: exit %d, want %d\nout %q\nerr %q", c.args, code, c.code, out, errOut)
		}
		if c.out == "" && out != "" || c.err == "" && errOut != "" {
			t.Errorf("hdfs %s: printed too much\nout %q\nerr %q", c.args, out, errOut)
		}
	}
}

// Every subcommand of Hadoop's hdfs script is known here.
func TestStockNamesAreKnown(t *testing.T) {
	stock := strings.Fields(`balancer cacheadmin classpath crypto datanode debug dfs dfsadmin dfsrouter dfsrouteradmin
		diskbalancer ec envvars fetchdt fsck getconf groups haadmin jmxget journalnode lsSnapshottableDir mover namenode nfs3
		oev oiv oiv_legacy portmap secondarynamenode snapshotDiff sps storagepolicies version zkfc`)
	table := map[string]bool{}
	for _, c := range commands(&tool{}) {
		table[c.Name] = true
	}
	for _, name := range stock {
		text, known := elsewhere[name]
		if known == table[name] {
			t.Errorf("%s: in the table %v, elsewhere %v", name, table[name], known)
			continue
		}
		if !known {
			continue
		}
		out, errOut, code := hdfs(t, name, "-whatever")
		if want := "hdfs " + name + ": " + text + "\n"; code != 1 || out != "" || errOut != want {
			t.Errorf("hdfs %s: exit %d, %q, %q", name, code, out, errOut)
		}
	}
}

func TestGetconfAddresses(t *testing.T) {
	configure(t, "fs.defaultFS", "hdfs://ns", "dfs.nameservices", "ns", "dfs.ha.namenodes.ns", "a,b",
		"dfs.namenode.rpc-address.ns.a", "one.example:8020", "dfs.namenode.rpc-address.ns.b", "two.example:9000")
	if out, errOut, code := hdfs(t, "getconf", "-namenodes"); out != "one.example two.example\n" || code != 0 {
		t.Errorf("%q %q %d", out, errOut, code)
	}
	if out, errOut, code := hdfs(t, "getconf", "-NNRPCADDRESSES"); out != "one.example:8020\ntwo.example:9000\n" || code != 0 {
		t.Errorf("%q %q %d", out, errOut, code)
	}
}

func TestDFSOnTheLocalDisk(t *testing.T) {
	configure(t, "fs.defaultFS", "file:///")
	dir := t.TempDir()
	if _, errOut, code := hdfs(t, "dfs", "-mkdir", "-p", dir+"/a/b"); code != 0 {
		t.Fatal(errOut)
	}
	if out, _, code := hdfs(t, "dfs", "-ls", "-C", dir); out != dir+"/a\n" || code != 0 {
		t.Errorf("%q %d", out, code)
	}
	if _, errOut, code := hdfs(t, "dfs", "-ls", dir+"/none"); errOut != "ls: `"+dir+"/none': No such file or directory\n" || code != 1 {
		t.Errorf("%q %d", errOut, code)
	}
}

func TestNameNodeIsDown(t *testing.T) {
	configure(t, "fs.defaultFS", "hdfs://127.0.0.1:1", "ipc.client.connect.max.retries", "0")
	for _, args := range []string{"dfs -ls /", "groups", "dfsadmin -report"} {
		out, errOut, code := hdfs(t, strings.Fields(args)...)
		if code == 0 || out != "" || strings.Count(errOut, "\n") != 1 ||
			!strings.Contains(errOut, "to 127.0.0.1:1 failed on connection exception: java.net.ConnectException: Connection refused") {
			t.Errorf("hdfs %s: exit %d\n%q\n%q", args, code, out, errOut)
		}
	}
}
