package failover

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

// scripted runs the NameNodes of a cluster by the scripts, each with a configuration
// folder, pid files and logs of its own.
type scripted struct {
	t    *testing.T
	c    *cluster.Cluster
	conf []string
}

func newScripted(t *testing.T, c *cluster.Cluster, n int) *scripted {
	t.Helper()
	s := &scripted{t: t, c: c}
	for i := range n {
		s.conf = append(s.conf, c.NameNodeConf(t, i))
		t.Cleanup(func() {
			if err := s.command(i, "stop-nn.sh").Run(); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				t.Logf("NameNode %d:\n%s", i+1, s.log(i))
			}
		})
	}
	return s
}

func (s *scripted) folder(i int, what string) string {
	return filepath.Join(s.c.Dir, fmt.Sprintf("%s%d", what, i+1))
}

func (s *scripted) command(i int, script string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(cluster.Root(), "scripts", script))
	cmd.Env = append(os.Environ(), "HOPSQL_HOME="+filepath.Dir(filepath.Dir(s.c.Binary())), "HADOOP_HOME=", "HADOOP_CONF_DIR="+s.conf[i],
		"HADOOP_PID_DIR="+s.folder(i, "pid"), "HADOOP_LOG_DIR="+s.folder(i, "logs"), "HADOOP_IDENT_STRING=rolling")
	cmd.WaitDelay = 10 * time.Second // a daemon that keeps our pipe open is not detached
	return cmd
}

// run runs a script that must succeed and say nothing.
func (s *scripted) run(i int, script string) {
	s.t.Helper()
	if out, err := s.command(i, script).CombinedOutput(); err != nil || len(out) > 0 {
		s.t.Fatalf("%s of NameNode %d: %v\n%s%s", script, i+1, err, out, s.log(i))
	}
}

func (s *scripted) log(i int) string {
	logs, _ := filepath.Glob(filepath.Join(s.folder(i, "logs"), "*.log"))
	var all strings.Builder
	for _, log := range logs {
		data, _ := os.ReadFile(log)
		all.Write(data[max(0, len(data)-3000):])
	}
	return all.String()
}

func (s *scripted) waitDataNodes(i, want int) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		live, err := s.c.LiveDataNodes(s.t.Context(), i)
		if err == nil && live == want {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("NameNode %d knows %d live DataNodes, not %d (%v)\n%s", i+1, live, want, err, s.log(i))
		}
	}
}

// TestRollingRestart starts three NameNodes by start-nn.sh, the second and third just
// by their own configuration folders, and restarts all of them under load, one after
// the other, and once more the other way round.
func TestRollingRestart(t *testing.T) {
	const namenodes, datanodes = 3, 2
	c := cluster.New(t, cluster.Options{StoreURL: mariadb.Database(t), NameNodes: namenodes, DataNodes: datanodes, Conf: settings(nil)})
	c.Format(t)
	s := newScripted(t, c, namenodes)
	s.run(0, "start-nn.sh")
	for i := range datanodes {
		c.StartDataNode(t, i)
	}
	s.waitDataNodes(0, datanodes)
	stock := newStockLoop(t, c)
	l := startLoad(t, c, 16)
	for i := 1; i < namenodes; i++ {
		s.run(i, "start-nn.sh")
	}
	for i := range namenodes {
		s.waitDataNodes(i, datanodes)
	}
	seen := observe(t, c)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var group sync.WaitGroup
	group.Go(func() { stock.work(ctx) })
	var events []event
	for _, i := range []int{0, 1, 2, 2, 1, 0} {
		l.wantProgress(fmt.Sprintf("before the stop of NameNode %d", i+1))
		began := time.Now()
		events = append(events, event{at: began, leader: seen.last().NameNode == i})
		s.run(i, "stop-nn.sh")
		stopped := time.Since(began)
		s.run(i, "start-nn.sh")
		s.waitDataNodes(i, datanodes)
		t.Logf("NameNode %d stopped within %v; its DataNodes were back after %v", i+1, stopped.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	}
	l.wantProgress("after the last start")
	stop()
	group.Wait()
	l.end()
	stock.verify()
	seen.wantSettled(datanodes)
	c.CheckStore(t)
	t.Logf("clients of ours:\n%v", l.times.after(events, 2*time.Second))
	t.Logf("Apache's client, whole commands, %d rounds:\n%v", stock.done, stock.times.after(events, 2*time.Second))
}
