package failover

import (
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/process"
)

// throttled gives n bytes of noise, piece by piece in some time.
type throttled struct {
	source *rand.ChaCha8
	left   int
	piece  int
	every  time.Duration
	sum    interface{ Write([]byte) (int, error) }
}

func (r *throttled) Read(b []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(r.every)
	n := min(len(b), r.piece, r.left)
	_, _ = r.source.Read(b[:n]) // never fails
	_, _ = r.sum.Write(b[:n])   // a hash takes everything
	r.left -= n
	return n, nil
}

// TestStockPut puts a file with Apache's `hdfs dfs -put` from a pipe that takes its
// time, a call for each of its blocks, while every NameNode is killed in turn.
func TestStockPut(t *testing.T) {
	const (
		size  = 16 << 20
		piece = 32 << 10 // a pipe gives no more at once anyway
		every = 25 * time.Millisecond
		rest  = 1200 * time.Millisecond
	)
	c := start(t, 3, 2, nil)
	stock := c.Stock(t, stockSettings)
	sum := sha256.New()
	in := &throttled{source: rand.NewChaCha8([32]byte{1}), left: size, piece: piece, every: every, sum: sum}
	var done atomic.Bool
	var put process.Result
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer done.Store(true)
		put = stock.RunFrom(t, in, "org.apache.hadoop.fs.FsShell", "-put", "-", "/piped")
	}()
	kills := 0
	for i := 0; !done.Load() && !t.Failed(); i = (i + 1) % 3 {
		time.Sleep(rest)
		c.Kill(i)
		kills++
		time.Sleep(rest / 2)
		c.Start(t, i)
	}
	<-ended
	put.OK(t)
	t.Logf("%d kills during the put", kills)
	if kills < 6 {
		t.Errorf("only %d kills during the put: the NameNode in use may have been spared", kills)
	}
	back := sha256.New()
	f, err := only(t, c, 0).Open("/piped")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := io.Copy(back, f)
	if err != nil || n != size || string(back.Sum(nil)) != string(sum.Sum(nil)) {
		t.Errorf("%d bytes came back, want the %d that were put (%v)", n, size, err)
	}
	c.CheckStore(t)
}
