package rpc_test

import (
	"os"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/namenode/rpc"
)

// TestRefusalsAreDocumented: users can read about every method that is refused.
func TestRefusalsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/divergences.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rpc.Unsupported {
		if !strings.Contains(string(page), "`"+r.Method+"`") {
			t.Errorf("docs/divergences.md does not name %s", r.Method)
		}
	}
}
