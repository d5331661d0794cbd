package topology

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// patience is how long the script may take.
const patience = 30 * time.Second

// A script prints the rack of its argument.
type script struct{ file string }

func (s *script) quick() bool   { return false }
func (s *script) reload() error { return nil }

// rack runs the script for one host.
func (s *script) rack(ctx context.Context, host string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.file, address(host))
	cmd.Dir = filepath.Dir(s.file)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %.200s", s.file, err, errs.String())
	}
	words := strings.Fields(out.String())
	if len(words) != 1 {
		return "", fmt.Errorf("%s printed %d racks for one host", s.file, len(words))
	}
	return words[0], nil
}
