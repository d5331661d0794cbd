package conf

import (
	"slices"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	ha := map[string]string{
		"dfs.nameservices": "ns1, ns2,single", "dfs.ha.namenodes.ns1": "nn1,nn2", "dfs.ha.namenodes.ns2": "a",
		"dfs.namenode.rpc-address.ns1.nn1": "h1:9000", "dfs.namenode.rpc-address.ns1.nn2": "h2", "dfs.namenode.rpc-address.single": "h3:1",
	}
	for _, tc := range []struct {
		fs   string
		want string // addresses, or part of the error
	}{
		{"hdfs://nn", "nn:8020"}, {"hdfs://nn/", "nn:8020"}, {"hdfs://nn:9000/user", "nn:9000"}, {"nn:9000", "nn:9000"}, {"nn", "nn:8020"},
		{"hdfs://[::1]:9000", "[::1]:9000"}, {"hdfs://[::1]", "[::1]:8020"}, {"hdfs://10.0.0.1:8020", "10.0.0.1:8020"},
		{"hdfs://ns1", "h1:9000 h2:8020"}, {"hdfs://ns1/x", "h1:9000 h2:8020"}, {"ns1", "h1:9000 h2:8020"}, {"hdfs://single", "h3:1"},
		{"hdfs://ns2", "!dfs.namenode.rpc-address.ns2.a is not set"}, {"hdfs://ns1:8020", "!does not use port information"},
		{"file:///", "!not an hdfs:// URI"}, {"hdfs:///x", "!names no host"}, {"hdfs://h:port", "!fs.defaultFS"}, {"hdfs://h:99999", "!not host:port"},
	} {
		c := New(ha)
		c.Set("fs.defaultFS", tc.fs)
		got, err := c.NameNodeAddresses()
		if says, bad := strings.CutPrefix(tc.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v, %v", tc.fs, got, err)
			}
		} else if err != nil || !slices.Equal(got, strings.Fields(tc.want)) {
			t.Errorf("%s: %v, %v", tc.fs, got, err)
		}
	}
}

func TestSuffixed(t *testing.T) {
	c := New(map[string]string{"k": "plain", "k.ns": "ns", "k.ns.nn": "both", "k.ns.empty": ""})
	for _, tc := range [][3]string{{"", "", "plain"}, {"ns", "", "ns"}, {"ns", "nn", "both"}, {"ns", "other", "ns"}, {"x", "nn", "plain"}, {"", "nn", "plain"}, {"ns", "empty", "ns"}} {
		if got := c.Suffixed("k", tc[0], tc[1]); got != tc[2] {
			t.Errorf("%v: %s", tc, got)
		}
	}
}

func TestIdentity(t *testing.T) {
	base := map[string]string{"dfs.nameservices": "ns", "dfs.ha.namenodes.ns": "nn1,nn2", "dfs.namenode.rpc-address.ns.nn1": "192.0.2.1:8020", "dfs.namenode.rpc-address.ns.nn2": "127.0.0.1:8020"}
	for _, tc := range []struct{ key, value, ns, nn, fails string }{
		{"x", "", "ns", "nn2", ""},
		{"dfs.ha.namenode.id", "nn1", "ns", "nn1", ""},
		{"dfs.nameservices", "", "", "", ""},
		{"dfs.ha.namenodes.ns", "", "ns", "", ""},
		{"dfs.namenode.rpc-address.ns.nn1", "127.0.0.1:1", "", "", "dfs.ha.namenode.id"},
	} {
		c := New(base)
		c.Set(tc.key, tc.value)
		ns, nn, err := c.Identity()
		if ns != tc.ns || nn != tc.nn || (err == nil) != (tc.fails == "") || err != nil && !strings.Contains(err.Error(), tc.fails) {
			t.Errorf("%s=%s: %q %q %v", tc.key, tc.value, ns, nn, err)
		}
	}
}

func TestWithPort(t *testing.T) {
	for addr, want := range map[string]string{"h": "h:1", "h:2": "h:2", "0.0.0.0:0": "0.0.0.0:0", "::1": "[::1]:1", "[::1]": "[::1]:1", "h:": "h:1", ":2": "", "h:x": "", "h:70000": "", "": "", "a b": ""} {
		if got, err := WithPort(addr, 1); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", addr, got, err)
		}
	}
}
