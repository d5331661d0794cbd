package main

import (
	"bytes"
	"errors"
	"log/slog"
	"regexp"
	"testing"
)

func TestHadoopLogLines(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(newHadoopLog(&b, "datanode", slog.LevelInfo))
	log.Debug("not this")
	log.With("a", 1).WithGroup("g").Warn("two\nlines", "err", errors.New("x y"), slog.Group("h", "k", "v"), "empty", "")
	want := `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARN datanode: two \| lines a=1 g\.err="x y" g\.h\.k=v g\.empty=""\n$`
	if !regexp.MustCompile(want).Match(b.Bytes()) {
		t.Errorf("logged %q, want %s", b.String(), want)
	}
}
