package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hopsql/hopsql/hadoop/rpc"
)

const clientProtocol = "org.apache.hadoop.hdfs.protocol.ClientProtocol"

// caller does one call after the other. What it needs for them it uses again.
type caller struct {
	run    *run
	ctx    context.Context
	rpc    *rpc.Client
	addr   string
	holder []byte // of its leases
	random *rand.Rand

	request, answer, path, other []byte

	took  Histogram
	parts []*Histogram // of the operations of a mix, nil for those not yet called
	own   []ownFile    // files of a mix that only it changes
}

// call sends what is in c.request; the answer is good until the next call.
func (c *caller) call(method string) ([]byte, error) {
	var err error
	c.answer, err = c.rpc.CallEncoded(c.ctx, c.addr, clientProtocol, method, c.request, c.answer[:0])
	return c.answer, err
}

// check is call for an answer that tells success.
func (c *caller) check(method string, good func([]byte) error) error {
	answer, err := c.call(method)
	if err == nil {
		err = good(answer)
	}
	return c.failed(method, err)
}

// failed says of an error which call it is of.
func (c *caller) failed(method string, err error) error {
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, c.path, err)
	}
	return nil
}

func nothing([]byte) error { return nil }

// some is the path of a file that exists.
func (c *caller) some() []byte {
	f := &c.run.files
	c.path = f.appendPath(c.path[:0], f.first+c.run.choose(c.random))
	return c.path
}

// leaf is the path of the directory of such a file.
func (c *caller) leaf() []byte {
	t := c.run.tree
	c.path = t.AppendLeaf(c.path[:0], (c.run.files.first+c.run.choose(c.random))%t.Leaves())
	return c.path
}

func (c *caller) stat(int64) error {
	c.request = getFileInfo(c.request[:0], c.some())
	return c.check("getFileInfo", isThere)
}

func (c *caller) open(int64) error {
	c.request = getBlockLocations(c.request[:0], c.some())
	return c.check("getBlockLocations", isThere)
}

func (c *caller) chmod(int64) error {
	c.request = setPermission(c.request[:0], c.some(), 0o600|uint64(c.random.IntN(0o100)))
	return c.check("setPermission", nothing)
}

func (c *caller) chown(int64) error {
	groups := [...]string{"bench", "bench2"}
	c.request = setOwner(c.request[:0], c.some(), groups[c.random.IntN(len(groups))])
	return c.check("setOwner", nothing)
}

func (c *caller) setrep(int64) error {
	c.request = setReplication(c.request[:0], c.some(), 1+c.random.IntN(3))
	return c.check("setReplication", isTrue)
}

func (c *caller) summary(int64) error {
	c.request = getContentSummary(c.request[:0], c.leaf())
	return c.check("getContentSummary", isThere)
}

func (c *caller) mkdir(i int64) error {
	c.path = c.run.tree.AppendName(c.path[:0], kindDir, i)
	c.request = mkdirs(c.request[:0], c.path)
	return c.check("mkdirs", isTrue)
}

func (c *caller) create(i int64) error {
	c.path = c.run.tree.AppendName(c.path[:0], kindFile, i)
	return c.createEmpty()
}

// createEmpty makes the file c.path.
func (c *caller) createEmpty() error {
	file, err := c.begin()
	if err != nil {
		return err
	}
	c.request = complete(c.request[:0], c.path, c.holder, nil, file)
	return c.check("complete", isTrue)
}

func (c *caller) write(i int64) error {
	c.path = c.run.tree.AppendName(c.path[:0], kindFile, i)
	return c.writeBlock()
}

// writeBlock makes the file c.path with one block.
func (c *caller) writeBlock() error {
	file, err := c.begin()
	if err != nil {
		return err
	}
	c.request = addBlock(c.request[:0], c.path, c.holder, file)
	answer, err := c.call("addBlock")
	if err == nil {
		_, answer, err = find(answer, 1)
	}
	if err == nil {
		answer, err = c.run.nodes.received(c.ctx, answer)
	}
	if err != nil {
		return c.failed("addBlock", err)
	}
	c.other = number(append(c.other[:0], answer...), 4, writtenBytes) // the last of several lengths counts
	c.request = complete(c.request[:0], c.path, c.holder, c.other, file)
	for try := 1; ; try++ {
		err := c.check("complete", isTrue)
		if !errors.Is(err, errFalse) || try == completeTries {
			return err
		}
		time.Sleep(completePause) // as clients do: not all is reported yet
	}
}

const (
	completeTries = 500
	completePause = 2 * time.Millisecond
)

// makeFile makes a file for operations that want one.
func (c *caller) makeFile(i int64) error {
	if c.run.nodes != nil {
		return c.write(i)
	}
	return c.create(i)
}

// begin opens the file c.path for writing and returns its id.
func (c *caller) begin() (file uint64, err error) {
	c.request = create(c.request[:0], c.path, c.holder, c.run.replication())
	answer, err := c.call("create")
	if err == nil {
		_, answer, err = find(answer, 1)
	}
	if err == nil {
		file, _, err = find(answer, 13)
	}
	return file, c.failed("create", err)
}

func (c *caller) rename(i int64) error {
	f := &c.run.files
	i = f.low + i%(f.high-f.low)
	f.take(i) // a slow call may be overtaken by the next one of the same file
	defer f.giveBack(i)
	c.path = f.appendPath(c.path[:0], i)
	f.swapName(i)
	c.other = f.appendPath(c.other[:0], i)
	c.request = rename(c.request[:0], c.path, c.other)
	return c.check("rename", isTrue)
}

func (c *caller) remove(i int64) error {
	c.path = c.run.files.appendPath(c.path[:0], i)
	c.request = remove(c.request[:0], c.path, false)
	return c.check("delete", isTrue)
}

// list reads a whole directory, page after page.
func (c *caller) list(int64) error {
	c.leaf()
	c.other = c.other[:0]
	for {
		c.request = getListing(c.request[:0], c.path, c.other)
		answer, err := c.call("getListing")
		if err == nil {
			_, answer, err = find(answer, 1)
		}
		var last []byte
		var left uint64
		if err == nil {
			last, left, err = endOfPage(answer)
		}
		if err == nil && left > 0 && bytes.Compare(last, c.other) <= 0 {
			err = errAnswer // it would never end
		}
		if err != nil || left == 0 {
			return c.failed("getListing", err)
		}
		c.other = append(c.other[:0], last...)
	}
}
