package main

import (
	"strings"
	"testing"
)

func TestNamenodeArgs(t *testing.T) {
	for _, c := range []struct {
		args string
		want namenodeArgs
		bad  string // part of the error
	}{
		{args: "", want: namenodeArgs{do: "-regular"}},
		{args: "-regular", want: namenodeArgs{do: "-regular"}},
		{args: "-FORMAT -clusterId CID-1 -Force -nonInteractive", want: namenodeArgs{do: "-format", clusterID: "CID-1", force: true, nonInteractive: true}},
		{args: "-format -clusterid -force", bad: "-clusterid needs a cluster id"},
		{args: "-format -clusterid", bad: "-clusterid needs a cluster id"},
		{args: "-format -clusterid " + strings.Repeat("x", 256), bad: "at most 255"},
		{args: "-format -what", bad: "-format does not take -what"},
		{args: "-regular -force", bad: "-regular does not take -force"},
		{args: "-dropAndCreateDB -force", want: namenodeArgs{do: "-dropandcreatedb", force: true}},
		{args: "-upgrade -force", want: namenodeArgs{do: "-upgrade", force: true}},
		{args: "-bootstrapStandby -skipSharedEditsCheck", want: namenodeArgs{do: "-bootstrapstandby"}},
		{args: "-initializeSharedEdits", want: namenodeArgs{do: "-initializesharededits"}},
		{args: "-rollingUpgrade started", want: namenodeArgs{do: "-rollingupgrade"}},
		{args: "-foo", bad: "unknown option -foo"},
		{args: "foo", bad: "unknown option foo"},
	} {
		got, err := parseNamenodeArgs(strings.Fields(c.args))
		if c.bad != "" {
			if err == nil || !strings.Contains(err.Error(), c.bad) {
				t.Errorf("%q: error %v, want one with %q", c.args, err, c.bad)
			}
			continue
		}
		if err != nil || *got != c.want {
			t.Errorf("%q: %+v, %v", c.args, got, err)
		}
	}
}

func TestNamenodeWithoutAStore(t *testing.T) {
	for args, want := range map[string]int{"-genclusterid": 0, "-bootstrapStandby": 0, "-initializeSharedEdits": 0, "-h": 0,
		"-rollback": 1, "-importCheckpoint": 1, "-rollingUpgrade started": 1, "-nope": 1, "-conf /no/such/file": 1} {
		if got := runNamenode(strings.Fields(args)); got != want {
			t.Errorf("hdfs namenode %s: exit %d, want %d", args, got, want)
		}
	}
}
