package clients

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/testkit/process"
)

// half is how many rows the job writes at once.
const half = 50_000

// said is a line of the Spark job.
type said struct {
	Version, Hadoop, FS string
	Refused             bool
	Lines               int
	described
}

// described is what is left of a table's rows.
type described struct{ Rows, Total, Check int64 }

// TestSpark counts the words of files that `hdfs dfs -put` wrote, and has a table of
// parquet files made larger while the NameNodes are killed one after the other.
func TestSpark(t *testing.T) {
	s := start(t)
	text, want, lines := words(t)
	shell := s.stock.Shell(t)
	shell.DFS(t, "-put", text, home+"/text").OK(t)
	shell.DFS(t, "-mkdir", home+"/events").OK(t)

	job := s.spark(t, source("python/spark.py"), home+"/text", home)
	began := job.said()
	t.Logf("Spark %s with Hadoop %s on %s", began.Version, began.Hadoop, began.FS)
	if began.FS != s.FS() {
		t.Errorf("the file system is %s, want %s", began.FS, s.FS())
	}
	if !job.said().Refused {
		t.Error("words were written over words")
	}
	s.counted(t, want)
	job.say("go on")
	if !job.said().Refused {
		t.Error("a table was written over a table")
	}
	s.Kill(0)
	if got, want := job.said().described, describe(2*half, func(int64) bool { return true }); got != want {
		t.Errorf("after the append: %+v, want %+v", got, want)
	}
	s.committed(t, "table", 6)
	s.restart(t, 0)
	s.Kill(1)
	job.say("go on")
	if got, want := job.said().described, describe(half, func(int64) bool { return true }); got != want {
		t.Errorf("after partitions were overwritten: %+v, want %+v", got, want)
	}
	if got, want := job.said().described, describe(half, func(id int64) bool { return id%7 == 3 }); got != want {
		t.Errorf("one partition: %+v, want %+v", got, want)
	}
	s.committed(t, "parts", 7*3)
	total := 0
	for _, n := range lines {
		total += n
	}
	if got := job.said().Lines; got != total {
		t.Errorf("%d lines came through the stream, want %d", got, total)
	}
	shell.DFS(t, "-cp", home+"/text/0.txt", home+"/text/more.txt").OK(t)
	job.say("go on")
	if got := job.said().Lines; got != total+lines[0] {
		t.Errorf("%d lines after one more file, want %d", got, total+lines[0])
	}
	if err := job.close(); err != nil {
		t.Errorf("the job ended with %v\n%s", err, job.tail())
	}
	s.logged(t)
	s.Stop(t, 0)
	s.CheckStore(t)
}

// logged wants the job to have logged to its end, to a file that was open all the time.
func (s *system) logged(t *testing.T) {
	t.Helper()
	if list := s.HDFS(t, "dfs", "-ls", "-R", "-C", home+"/events").OK(t); strings.Contains(list, "inprogress") {
		t.Errorf("the job has not closed its log:\n%s", list)
	}
	log := s.HDFS(t, "dfs", "-cat", home+"/events/*/events_*").OK(t)
	for _, event := range []string{"SparkListenerApplicationStart", "SparkListenerApplicationEnd"} {
		if !strings.Contains(log, event) {
			t.Errorf("no %s in %d bytes of the job's log", event, len(log))
		}
	}
}

// words makes files of text and returns their folder, how often each word is in it, and
// the number of lines of each file.
func words(t *testing.T) (dir string, all map[string]int, lines []int) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "text")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	all = map[string]int{}
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 3 {
		var b strings.Builder
		for b.Len() < 2*blockSize {
			// Some words are frequent, and some are beyond ASCII.
			w := fmt.Sprintf("wört%d", int(r.ExpFloat64()*200))
			all[w]++
			b.WriteString(w)
			b.WriteByte(" \n\t"[r.IntN(3)])
		}
		b.WriteString("\n")
		lines = append(lines, strings.Count(b.String(), "\n"))
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.txt", i)), []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, all, lines
}

// spark starts a job.
func (s *system) spark(t *testing.T, args ...string) *session {
	t.Helper()
	dir := t.TempDir()
	var options []string
	for _, set := range []string{
		"spark.master=local[2]", "spark.driver.memory=768m", "spark.ui.enabled=false",
		"spark.driver.host=127.0.0.1", "spark.driver.bindAddress=127.0.0.1",
		"spark.local.dir=" + dir, "spark.sql.warehouse.dir=" + filepath.Join(dir, "warehouse"), "spark.sql.shuffle.partitions=2",
		"spark.eventLog.enabled=true", "spark.eventLog.dir=" + s.FS() + home + "/events", "spark.eventLog.compress=false",
		// Two cores have better things to do than to optimize a job of a minute.
		"spark.driver.extraJavaOptions=-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
	} {
		options = append(options, "--conf", "'"+set+"'")
	}
	return s.open(t, process.Spec{Name: "Spark", Args: append([]string{python(t)}, args...), Env: []string{
		"SPARK_LOCAL_IP=127.0.0.1",
		"PYSPARK_SUBMIT_ARGS=" + strings.Join(append(options, "pyspark-shell"), " "),
	}})
}

func (c *session) said() said {
	c.t.Helper()
	line := c.hear()
	var s said
	if err := json.Unmarshal([]byte(line), &s); err != nil {
		c.t.Fatalf("the job said %q: %v", line, err)
	}
	return s
}

// counted compares the counts that the job wrote.
func (s *system) counted(t *testing.T, want map[string]int) {
	t.Helper()
	s.committed(t, "words", 3)
	got := map[string]int{}
	for line := range strings.Lines(s.HDFS(t, "dfs", "-cat", home+"/words/part-*").OK(t)) {
		word, n, _ := strings.Cut(strings.TrimSpace(line), "\t")
		count, err := strconv.Atoi(n)
		if _, twice := got[word]; err != nil || twice {
			t.Errorf("line %q", line)
		}
		got[word] = count
	}
	if !maps.Equal(got, want) {
		t.Errorf("%d words were counted, want %d, or the counts differ", len(got), len(want))
	}
}

// committed wants a directory as the committer leaves it: its sign, files of a number,
// and nothing of the attempts.
func (s *system) committed(t *testing.T, dir string, files int) {
	t.Helper()
	signs, parts := 0, 0
	list := s.HDFS(t, "dfs", "-ls", "-R", "-C", home+"/"+dir).OK(t)
	for name := range strings.Lines(list) {
		base := filepath.Base(strings.TrimSpace(name))
		switch {
		case base == "_SUCCESS":
			signs++
		case strings.HasPrefix(base, "part-"):
			parts++
		case !strings.HasPrefix(base, "part="):
			t.Errorf("%s holds %s", dir, name)
		}
	}
	if signs != 1 || parts != files {
		t.Errorf("%s has %d _SUCCESS and %d files, want 1 and %d:\n%s", dir, signs, parts, files, list)
	}
}

// describe is described of the rows 0 to n that are kept.
func describe(n int64, keep func(id int64) bool) described {
	var d described
	for id := range n {
		if keep(id) {
			d.Rows++
			d.Total += id
			d.Check += int64(crc32.ChecksumIEEE([]byte(sum(strconv.AppendInt(nil, id, 10)))))
		}
	}
	return d
}
