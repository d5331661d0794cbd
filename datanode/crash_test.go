package datanode

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
)

// TestMain lets the test binary be a DataNode process that can be killed.
func TestMain(m *testing.M) {
	if nn := os.Getenv("HOPSQL_TEST_NAMENODE"); nn != "" {
		d, err := New(nodeConf(nn, os.Getenv("HOPSQL_TEST_DIR")), WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))),
			WithReady(func(d *DataNode) { fmt.Println("up", d.UUID()) }))
		if err == nil {
			err = d.Run(context.Background())
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// startProcess starts a DataNode in a process of its own.
func startProcess(t *testing.T, nn *fakeNN, dir string) (*exec.Cmd, *testNode) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HOPSQL_TEST_NAMENODE="+nn.addr, "HOPSQL_TEST_DIR="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	uuid, ok := strings.CutPrefix(strings.TrimSpace(line), "up ")
	if err != nil || !ok {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("DataNode process said %q, %v\n%s", line, err, &stderr)
	}
	return cmd, &testNode{uuid: uuid, dir: dir}
}

// kill -9 in the middle of writes: what was flushed is there after the restart,
// finished blocks are whole, and no replica claims bytes it does not have.
func TestKilledDuringWrites(t *testing.T) {
	nn := startNN(t)
	dir := t.TempDir()
	p := datatransfer.NewPeers(datatransfer.PeerConfig{Timeout: 5 * time.Second})
	defer p.Close()
	data := randomBytes(6<<20, 21)
	finished := map[int64]int{}
	for round := range 3 {
		cmd, d := startProcess(t, nn, dir)
		base := int64(500 + 10*round)
		writeBlock(t, p, nn.located(base, 1001, 0, d), data[:100_000+round])
		finished[base] = 100_000 + round
		flushed := newBlock(t, p, nn.located(base+1, 1001, 0, d))
		mustWrite(t, flushed, data[:300_000+round])
		if err := flushed.Flush(); err != nil {
			t.Fatal(err)
		}
		streaming := newBlock(t, p, nn.located(base+2, 1001, 0, d))
		done := make(chan error, 1)
		go func() {
			_, err := streaming.Write(data)
			done <- err
		}()
		time.Sleep(time.Duration(2+3*round) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if err := <-done; err != nil {
			broken(t, err)
		}
		acked := streaming.Acked()

		nn.forget(d)
		again := startNode(t, nn, dir)
		if again.uuid != d.uuid {
			t.Fatal("another DataNode after the restart")
		}
		eventually(t, "full report", func() (ok bool) { nn.do(func() { ok = nn.fulls[d.uuid] > 0 }); return ok })
		for id, n := range finished {
			wantBytes(t, p, nn.located(id, 1001, 0, again), data[:n])
		}
		for id, least := range map[int64]int64{base + 1: int64(300_000 + round), base + 2: acked} {
			i, err := again.store.Stat(id)
			if err != nil && least == 0 {
				continue
			}
			if err != nil || i.State != replicas.RWR || i.Length < least {
				t.Errorf("blk_%d is %+v, %v; %d bytes were acked", id, i, err, least)
			}
			nn.command(again, recoverCommand(nn.located(id, 1001, 0, again), 1002))
			if i.Length == 0 {
				nn.wantCommit(id, 1002, 0, true, 0)
				continue
			}
			nn.wantCommit(id, 1002, i.Length, false, 1)
			wantBytes(t, p, nn.located(id, 1002, 0, again), data[:i.Length])
		}
		if err := again.stop(); err != nil {
			t.Fatal(err)
		}
		nn.forget(d)
	}
}
