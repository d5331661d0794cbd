package main

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/bench/lab"
	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// step is one run of NNThroughputBenchmark.
type step struct {
	op      string
	threads int
	from    string // the operation that left the files, "" if the run makes its own
	keep    bool   // the files stay for the next step
}

// steps are the runs of a round. Making files takes longer than reading them, so all
// reads share theirs, and the first delete takes them away.
func steps(threads []int) (all []step) {
	for _, op := range []string{"create", "mkdirs"} {
		for _, t := range threads {
			all = append(all, step{op: op, threads: t})
		}
	}
	from := ""
	for _, t := range threads {
		for _, op := range []string{"open", "fileStatus"} {
			all = append(all, step{op: op, threads: t, from: from, keep: true})
			from = op
		}
	}
	for _, t := range threads {
		all = append(all, step{op: "delete", threads: t, from: from})
		from = ""
	}
	for _, t := range threads {
		all = append(all, step{op: "rename", threads: t})
	}
	return all
}

func (c *contest) runThroughput(ctx context.Context, round int, order []*lab.System) error {
	for _, st := range steps(c.o.threads) {
		for _, s := range order {
			if err := c.runStep(ctx, round, s, st); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *contest) runStep(ctx context.Context, round int, s *lab.System, st step) error {
	ops := c.o.ops
	if c.round0 {
		ops = max(ops/4, 1)
	}
	c.progress.Now("round %d  %s: NNThroughputBenchmark %s with %d threads", round, s.Name, st.op, st.threads)
	var options []string
	if st.keep {
		options = append(options, "-keepResults")
	}
	if st.from != "" {
		options = append(options, "-useExisting")
		if err := handOver(s, st.from); err != nil {
			return fmt.Errorf("%s: files of %s for %s: %w", s.Name, st.from, st.op, err)
		}
	}
	sample, err := c.throughput.Run(ctx, s, st.op, st.threads, ops, options...)
	if err != nil {
		return err
	}
	c.add(round, sample)
	if st.keep {
		return leaveSafeMode(s)
	}
	return s.Settle(ctx, c.o.time)
}

// leaveSafeMode ends the safe mode that -keepResults leaves behind.
func leaveSafeMode(s *lab.System) error {
	cl, err := client.Dial(s.Address())
	if err != nil {
		return err
	}
	defer cl.Close()
	req := &hdfspb.SetSafeModeRequestProto{Action: hdfspb.SafeModeActionProto_SAFEMODE_LEAVE.Enum(), Checked: proto.Bool(false)}
	var resp hdfspb.SetSafeModeResponseProto
	const protocol = "org.apache.hadoop.hdfs.protocol.ClientProtocol"
	if err := cl.Invoke(protocol, "setSafeMode", req, &resp); err != nil {
		return fmt.Errorf("leave the safe mode of %s: %w", s.Name, err)
	}
	return nil
}

// handOver puts the files that an operation left where the next one with
// -useExisting looks for them.
func handOver(s *lab.System, from string) error {
	const home = "/nnThroughputBenchmark/"
	cl, err := client.Dial(s.Address())
	if err != nil {
		return err
	}
	defer cl.Close()
	return cl.Rename(home+from, home+"create", client.NoReplace)
}
