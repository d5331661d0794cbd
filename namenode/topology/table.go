package topology

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
)

// A table is a file with a host and its rack on each line.
type table struct {
	file string

	mu    sync.RWMutex
	racks map[string]string
}

func (t *table) quick() bool { return true }

func (t *table) rack(_ context.Context, host string) (string, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.racks[address(host)], nil
}

// reload reads the file. Lines that are not two words are left out, as Hadoop does;
// so is what follows #.
func (t *table) reload() error {
	data, err := os.ReadFile(t.file)
	if err != nil {
		return fmt.Errorf("%s: %w", keyTable, err)
	}
	racks := map[string]string{}
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		if words := strings.Fields(line); len(words) == 2 {
			racks[address(words[0])] = words[1]
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.racks = racks
	return nil
}
