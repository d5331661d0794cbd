package shell

import (
	"context"
	"io"
	"iter"
	"math"
	"time"

	"github.com/hopsql/hopsql/client"
)

// HDFS makes a FileSystem of a Client; its calls end with the Client's context.
func HDFS(c *client.Client) FileSystem { return hdfs{c} }

// hdfs closes the gaps between the os-like Client and what the verbs want.
type hdfs struct{ *client.Client }

// How long cleaning up may take after Ctrl-C.
const detachedTime = 5 * time.Second

// Detached is the same file system for a few calls after the context has ended;
// done must be called.
func (h hdfs) Detached() (f FileSystem, done func()) {
	ctx, cancel := context.WithTimeout(context.Background(), detachedTime)
	return hdfs{h.Client.WithContext(ctx)}, cancel
}

func (h hdfs) List(path string) iter.Seq2[*client.FileInfo, error] { return h.Entries(path) }

func (h hdfs) Delete(path string, recursive bool) (bool, error) {
	return h.Client.Delete(path, recursive)
}

func (h hdfs) Open(path string, verify bool) (io.ReadSeekCloser, error) {
	if verify {
		return h.Client.Open(path)
	}
	return h.OpenUnverified(path)
}

func (h hdfs) Create(path string, o client.CreateOptions) (io.WriteCloser, error) {
	w, err := h.Client.Create(path, o)
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (h hdfs) Append(path string, newBlock bool) (io.WriteCloser, error) {
	w, err := h.Client.Append(path, newBlock)
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (h hdfs) StatFS(string) (*client.FSStat, error) { return h.Client.StatFS() }

func (h hdfs) TrashInterval() (time.Duration, error) {
	d, err := h.ServerDefaults()
	if err != nil {
		return 0, err
	}
	return d.Trash, nil
}

func (h hdfs) Replicas(path string) ([]int, error) {
	blocks, err := h.BlockLocations(path, 0, math.MaxInt64)
	var n []int
	for _, b := range blocks {
		n = append(n, len(b.Nodes))
	}
	return n, err
}
