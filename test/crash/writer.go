package crash

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/conf"
)

// writer puts files with data through the client and reads them back.
type writer struct {
	home    string
	client  *client.Client
	random  *rand.Rand
	number  int
	content map[string]string // of the files whose Close had no error

	written atomic.Int64
}

func newWriter(home, confDir string, seed uint64) (*writer, error) {
	cfg, err := conf.Load(conf.Options{Dir: confDir})
	if err != nil {
		return nil, err
	}
	c, err := client.New(cfg)
	if err != nil {
		return nil, err
	}
	return &writer{home: home, client: c, random: rand.New(rand.NewPCG(seed, 99)), content: map[string]string{}}, nil
}

// work writes files until the context ends. An error of a write only ends that
// file: the NameNode may be gone.
func (w *writer) work(ctx context.Context) {
	for ctx.Err() == nil {
		w.number++
		name := fmt.Sprintf("%s/f%d", w.home, w.number)
		data := strings.Repeat(fmt.Sprintf("%s %d\n", name, w.number), 1+w.random.IntN(5000))
		if err := w.write(ctx, name, data); err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		w.content[name] = data
		w.written.Add(1)
	}
}

func (w *writer) write(ctx context.Context, name, data string) error {
	f, err := w.client.WithContext(ctx).Create(name, client.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, data); err != nil {
		f.Abort()
		return err
	}
	return f.Close()
}

// check reads the files whose Close had no error; all of them if most is
// negative, else the last most ones.
func (w *writer) check(ctx context.Context, most int) error {
	for n := w.number; n > 0 && most != 0; n-- {
		name := fmt.Sprintf("%s/f%d", w.home, n)
		want, ok := w.content[name]
		if !ok {
			continue
		}
		most--
		f, err := w.client.WithContext(ctx).Open(name)
		if err != nil {
			return err
		}
		got, err := io.ReadAll(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if string(got) != want {
			return fmt.Errorf("%s has %d bytes, not the %d that were written", name, len(got), len(want))
		}
	}
	return nil
}
