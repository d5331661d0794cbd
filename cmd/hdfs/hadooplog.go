package main

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// hadoopLog is a slog.Handler that writes lines as Hadoop's log4j pattern does,
// for people and tools that read such logs:
//
//	2026-11-21 07:36:08,702 INFO datanode: registered namenode=nn1 pool=BP-1
type hadoopLog struct {
	mu    *sync.Mutex
	w     io.Writer
	name  string // where log4j has the class
	level slog.Leveler
	attrs string // of With, ready to be appended
	group string // prefix of the keys that come
}

func newHadoopLog(w io.Writer, name string, level slog.Leveler) *hadoopLog {
	return &hadoopLog{mu: new(sync.Mutex), w: w, name: name, level: level}
}

// Enabled says whether the level is to be logged.
func (h *hadoopLog) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// Handle writes one line.
func (h *hadoopLog) Handle(_ context.Context, r slog.Record) error {
	b := r.Time.AppendFormat(nil, "2006-01-02 15:04:05,000")
	b = append(b, ' ')
	b = append(b, r.Level.String()...)
	b = append(b, ' ')
	b = append(b, h.name...)
	b = append(b, ": "...)
	b = append(b, oneLine(r.Message)...)
	b = append(b, h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		b = appendAttr(b, h.group, a)
		return true
	})
	b = append(b, '\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.w.Write(b)
	return err
}

// WithAttrs returns a handler that adds attrs to every line.
func (h *hadoopLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	b := []byte(h.attrs)
	for _, a := range attrs {
		b = appendAttr(b, h.group, a)
	}
	c.attrs = string(b)
	return &c
}

// WithGroup returns a handler that puts name and a dot before the keys.
func (h *hadoopLog) WithGroup(name string) slog.Handler {
	c := *h
	if name != "" {
		c.group += name + "."
	}
	return &c
}

func appendAttr(b []byte, group string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	if a.Equal(slog.Attr{}) {
		return b
	}
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, sub := range v.Group() {
			b = appendAttr(b, group, sub)
		}
		return b
	}
	text := v.String()
	if v.Kind() == slog.KindTime {
		text = v.Time().Format(time.RFC3339Nano)
	}
	if text == "" || strings.ContainsAny(text, " \t\r\n\"=") {
		text = strconv.Quote(text)
	}
	b = append(b, ' ')
	b = append(b, group...)
	b = append(b, a.Key...)
	b = append(b, '=')
	return append(b, text...)
}

// oneLine keeps a message from looking like several.
func oneLine(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	return strings.Join(slices.DeleteFunc(strings.FieldsFunc(s, func(r rune) bool { return r == '\r' || r == '\n' }),
		func(l string) bool { return strings.TrimSpace(l) == "" }), " | ")
}
