package datanodes

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLifeOfDataNodes has three of Apache's DataNodes go through what DataNodes go
// through. Every step leaves all files readable and all blocks with two replicas on
// two racks, and the next one starts from there.
func TestLifeOfDataNodes(t *testing.T) {
	s := start(t)
	s.run(0, 1)
	s.run(1, 2)
	for _, step := range []struct {
		name string
		do   func(*system)
	}{
		{"files", (*system).writeFiles},
		{"balancer", (*system).balance},
		{"dead", (*system).die},
		{"corrupt", (*system).spoil},
		{"decommission", (*system).decommission},
		{"wiped", (*system).wipe},
		{"report", (*system).lastReport},
	} {
		ok := t.Run(step.name, func(t *testing.T) {
			s.t = t
			step.do(s)
			s.verify()
		})
		if !ok {
			t.FailNow()
		}
	}
	s.t = t
	for i := range 2 {
		s.Stop(t, i)
	}
	s.CheckStore(t)
}

// writeFiles puts, appends, also to a block of its own, and truncates.
func (s *system) writeFiles() {
	for i := range 3 {
		s.put(fmt.Sprint("/large", i), 20<<20+i)
	}
	s.put("/empty", 0)
	s.put("/small", 700)
	for _, size := range []int{1, 511, 3 << 20, 4<<20 + 5} {
		s.add("/small", size)
	}
	before := len(s.blocksOf("/small"))
	s.add("/small", 100, "-n")
	if got := len(s.blocksOf("/small")); got != before+1 {
		s.t.Errorf("%d blocks after -appendToFile -n, want %d", got, before+1)
	}
	for _, size := range []int{6<<20 + 3, 4 << 20, 1000} {
		s.shell.DFS(s.t, "-truncate", "-w", fmt.Sprint(size), "/small").OK(s.t)
		s.files["/small"] = s.files["/small"][:size]
	}
	s.replicated(2)
	if r := s.report(0); r["Rack"] != "/row/a" || r["Decommission Status"] != "Normal" {
		s.t.Errorf("dn0 in the report: %q", r)
	}
}

// balance starts an empty DataNode and has Apache's balancer fill it.
func (s *system) balance() {
	s.run(2, 3)
	if used := s.used(2); used > 1<<20 {
		s.t.Fatalf("the new DataNode has %d bytes already", used)
	}
	r := s.stock.Run(s.t, "org.apache.hadoop.hdfs.server.balancer.Balancer", "-threshold", "6")
	// With more than one round Apache's balancer ends with an error of its own: it
	// registers its metrics once more in each.
	if r.Exit != 0 && !strings.Contains(r.Stdout+r.Stderr, "Metrics source Balancer-") {
		s.t.Fatalf("hdfs balancer: exit %d\n%s\n%s", r.Exit, r.Stdout, r.Stderr)
	}
	s.until("the balancer has filled the new DataNode", func() (string, bool) {
		used := s.used(2)
		return fmt.Sprintf("%d bytes\n%s\n%s", used, r.Stdout, r.Stderr), used > 10<<20
	})
	if r := s.shell.DFS(s.t, "-test", "-e", "/system/balancer.id"); r.Exit == 0 {
		s.t.Error("the balancer left its lock behind")
	}
	s.replicated(2)
}

// die kills a DataNode and starts it again later: its replicas are made elsewhere, and
// are too many when it comes back.
func (s *system) die() {
	s.nodes[1].proc.Kill()
	s.verify() // from the others
	s.WaitDataNodes(s.t, 2)
	s.replicated(2, 1)
	if out := s.shell.Admin(s.t, "-report", "-dead").OK(s.t); !strings.Contains(out, "Dead datanodes (1)") || !strings.Contains(out, s.nodes[1].address()) {
		s.t.Errorf("-report -dead:\n%s", out)
	}
	s.run(1, 3)
	s.replicated(2)
}

// spoil damages a replica on the disk of a DataNode.
func (s *system) spoil() {
	block := s.blocksOf("/large0")[0].GetB().GetBlockId()
	var whole []byte
	bad := -1
	for i, path := range s.replicaFiles(block) {
		data, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		if whole = data; bad >= 0 {
			continue
		}
		bad = i
		broken := bytes.Clone(data)
		for k := range 4096 {
			broken[k] ^= 0x55
		}
		write(s.t, path, broken)
	}
	s.until("the damaged replica is replaced by a good one", func() (string, bool) {
		s.verify() // who reads it tells the NameNode
		good := 0
		for _, path := range s.replicaFiles(block) {
			data, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(data, whole) {
				return path, false
			}
			good++
		}
		return fmt.Sprintf("%d replicas", good), good == 2
	})
	s.replicated(2)
}

// decommission empties a DataNode, kills the NameNode that leads meanwhile, and takes
// the DataNode into service again.
func (s *system) decommission() {
	write(s.t, s.exclude, []byte("# leaves\n"+s.nodes[2].address()+"\n"))
	s.shell.Admin(s.t, "-refreshNodes").OK(s.t)
	s.until("the DataNode is to leave", func() (string, bool) {
		status := s.report(2)["Decommission Status"]
		return status, strings.HasPrefix(status, "Decommission")
	})
	s.killLeader()
	s.put("/during", 5<<20) // nothing of it goes where it would not stay
	s.until("the DataNode is decommissioned", func() (string, bool) {
		status := s.report(2)["Decommission Status"]
		return status, status == "Decommissioned"
	})
	s.nodes[2].proc.Kill() // it is not needed any more
	s.verify()
	s.replicated(2, 2)
	s.Start(s.t, 1-s.nn)
	if status := s.report(2)["Decommission Status"]; status != "Decommissioned" {
		s.t.Errorf("at a NameNode that has just started: %q", status)
	}
	write(s.t, s.exclude, nil)
	s.run(2, 3)
	s.shell.Admin(s.t, "-refreshNodes").OK(s.t)
	s.until("the DataNode is in service again", func() (string, bool) {
		status := s.report(2)["Decommission Status"]
		return status, status == "Normal"
	})
	s.replicated(2)
}

// wipe has a DataNode come back with an empty disk.
func (s *system) wipe() {
	s.nodes[0].proc.Kill()
	if err := os.RemoveAll(filepath.Join(s.nodes[0].dir, "data")); err != nil {
		s.t.Fatal(err)
	}
	s.run(0, 3)
	// It is alone on its rack, so every block comes back to it.
	s.until("the empty DataNode has a replica of every block", func() (string, bool) {
		for name := range s.files {
			for _, b := range s.blocksOf(name) {
				if on := s.replicaFiles(b.GetB().GetBlockId()); on[0] == "" {
					return fmt.Sprintf("block %d of %s is on %v", b.GetB().GetBlockId(), name, on), false
				}
			}
		}
		return "", true
	})
	s.replicated(2)
}

// lastReport asks for the whole picture once more.
func (s *system) lastReport() {
	s.until("nothing is missing or short", func() (string, bool) {
		out := s.shell.Admin(s.t, "-report").OK(s.t)
		for _, want := range []string{"Under replicated blocks: 0", "Blocks with corrupt replicas: 0", "Missing blocks: 0", "Live datanodes (3)"} {
			if !strings.Contains(out, want) {
				return out, false
			}
		}
		return out, !strings.Contains(out, "Dead datanodes")
	})
	r := s.stock.Run(s.t, "org.apache.hadoop.hdfs.tools.DFSck", "/", "-files", "-blocks", "-racks")
	if r.Exit != 0 || !strings.Contains(r.Stdout, "/row/a/127.0.0.1:") || !strings.HasSuffix(strings.TrimSpace(r.Stdout), "The filesystem under path '/' is HEALTHY") {
		s.t.Errorf("hdfs fsck: exit %d\n%s\n%s", r.Exit, r.Stdout, r.Stderr)
	}
	out := s.shell.Admin(s.t, "-printTopology").OK(s.t)
	for i, rack := range []string{"/row/a", "/row/b", "/row/b"} {
		_, part, _ := strings.Cut(out, "Rack: "+rack+"\n")
		part, _, _ = strings.Cut(part, "\n\n")
		if !strings.Contains(part, s.nodes[i].address()) {
			s.t.Errorf("dn%d is not on %s:\n%s", i, rack, out)
		}
	}
}
