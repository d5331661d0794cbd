package client

import (
	"fmt"
	"time"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// dataSettings is what the configuration says about reading and writing blocks.
type dataSettings struct {
	blockSize   int64
	replication int
	checksum    datatransfer.Checksum
	packet      int
	inFlight    int

	blockRetries  int           // dfs.client.block.write.retries: new blocks after a failed pipeline
	locateRetries int           // dfs.client.block.write.locateFollowingBlock.retries: addBlock and complete
	locateDelay   time.Duration // first pause of those, doubled each time
	readRounds    int           // dfs.client.max.block.acquire.failures: fresh locations of one block

	replace    string // policy of dfs.client.block.write.replace-datanode-on-failure
	bestEffort bool

	peers *datatransfer.Peers
}

func readDataSettings(cfg *conf.Config) (d dataSettings, err error) {
	fields := []struct {
		key string
		def int64
		to  func(n int64)
	}{
		{"dfs.blocksize", 128 << 20, func(n int64) { d.blockSize = n }},
		{"dfs.replication", 3, func(n int64) { d.replication = int(n) }},
		{"dfs.bytes-per-checksum", 512, func(n int64) { d.checksum.BytesPerChecksum = int(n) }},
		{"dfs.client-write-packet-size", 64 << 10, func(n int64) { d.packet = int(n) }},
		{"dfs.client.write.max-packets-in-flight", 80, func(n int64) { d.inFlight = int(n) }},
		{"dfs.client.block.write.retries", 3, func(n int64) { d.blockRetries = int(n) }},
		{"dfs.client.block.write.locateFollowingBlock.retries", 5, func(n int64) { d.locateRetries = int(n) }},
		{"dfs.client.max.block.acquire.failures", 3, func(n int64) { d.readRounds = int(n) }},
	}
	for _, f := range fields {
		n, err := cfg.Size(f.key, f.def)
		if err != nil {
			return d, err
		}
		f.to(n)
	}
	if d.locateDelay, err = cfg.Duration("dfs.client.block.write.locateFollowingBlock.initial.delay.ms", 400*time.Millisecond, time.Millisecond); err != nil {
		return d, err
	}
	switch t := cfg.Get("dfs.checksum.type"); t {
	case "CRC32C", "":
		d.checksum.Type = hdfspb.ChecksumTypeProto_CHECKSUM_CRC32C
	case "CRC32":
		d.checksum.Type = hdfspb.ChecksumTypeProto_CHECKSUM_CRC32
	default:
		return d, fmt.Errorf("dfs.checksum.type is %q: want CRC32C or CRC32", t)
	}
	if err := d.readReplace(cfg); err != nil {
		return d, err
	}
	return d, d.connect(cfg)
}

func (d *dataSettings) readReplace(cfg *conf.Config) error {
	const key = "dfs.client.block.write.replace-datanode-on-failure."
	on, err := cfg.Bool(key+"enable", true)
	if err != nil {
		return err
	}
	if d.bestEffort, err = cfg.Bool(key+"best-effort", false); err != nil {
		return err
	}
	switch p := cfg.Get(key + "policy"); {
	case !on:
		d.replace = "NEVER"
	case p == "":
		d.replace = "DEFAULT"
	case p == "NEVER" || p == "ALWAYS" || p == "DEFAULT":
		d.replace = p
	default:
		return fmt.Errorf("%spolicy is %q: want NEVER, DEFAULT or ALWAYS", key, p)
	}
	return nil
}

func (d *dataSettings) connect(cfg *conf.Config) error {
	timeout, err := cfg.Duration("dfs.client.socket-timeout", time.Minute, time.Millisecond)
	if err != nil {
		return err
	}
	byName, err := cfg.Bool("dfs.client.use.datanode.hostname", false)
	if err != nil {
		return err
	}
	d.peers = datatransfer.NewPeers(datatransfer.PeerConfig{Timeout: timeout, UseHostname: byName})
	return nil
}
