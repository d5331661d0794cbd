package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/conf"
)

func TestFsckQuery(t *testing.T) {
	for words, want := range map[string]string{
		"/d -files -blocks -locations":       "&files=1&blocks=1&locations=1 /d",
		"-list-corruptfileblocks":            "&listcorruptfileblocks=1 /",
		"-blockId blk_1 blk_2 -maintenance":  "&blockId=blk_1+blk_2+&maintenance=1 /",
		"-metadata":                          "&metadata=1 /",
		"rel/ative -replicaDetails -racks":   "&replicadetails=1&racks=1 rel/ative",
		"/a /b":                              "can only operate on one path at a time '/b'",
		"/ -nonsense":                        "Illegal option '-nonsense'",
		"-includeSnapshots -showprogress /x": "&includeSnapshots=1&showprogress=1 /x",
	} {
		query, path, err := fsckQuery(strings.Fields(words))
		got := query + " " + path
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("fsck %s: %q, want %q", words, got, want)
		}
	}
}

func TestFsckEnds(t *testing.T) {
	for text, want := range map[string]int{
		"…\n\n\nThe filesystem under path '/' is HEALTHY": 0,
		"…\nThe filesystem under path '/' is CORRUPT":     1,
		"\n\nPath '/x' does not exist":                    0,
		"Block replica on datanode/rack: h/r is STALE\n":  6,
		"Incorrect blockId format: x\n":                   0,
		"\n\nFsck on path '/' FAILED":                     exitBad,
		"":                                                exitBad,
	} {
		var out bytes.Buffer
		tl := &tool{ctx: t.Context(), out: &out, err: &out}
		if code := tl.fsckAnswer(strings.NewReader(text)); code != want || out.String() != strings.TrimSuffix(text, "\n")+"\n" {
			t.Errorf("%q: exit %d, want %d; printed %q", text, code, want, out.String())
		}
	}
	for text, want := range map[string]string{
		"FSCK started by u\nblk_1\t2\t/a\nCookie:\t1\n\n\nThe filesystem under path '/' has 1 CORRUPT files\n\n": "255 The list of corrupt blocks under path '/' are:\nblk_1\t2\t/a\nThe filesystem under path '/' has 1 CORRUPT blocks\n",
		"FSCK started by u\nCookie:\t0\n\n\nThe filesystem under path '/' has no CORRUPT files\n\n":              "0 The filesystem under path '/' has 0 CORRUPT blocks\n",
		"FSCK ended at\nAccess denied for user bob. Superuser\n":                                                 "255 Failed to open path '/': Permission denied\n",
	} {
		var out bytes.Buffer
		tl := &tool{ctx: t.Context(), out: &out, err: &out}
		code := tl.corruptBlocks(strings.NewReader(text), "/")
		if got := strings.TrimSpace(strings.Fields(want)[0]); got != map[int]string{0: "0", exitBad: "255"}[code] || out.String() != want[len(got)+1:] {
			t.Errorf("%q: exit %d, printed %q", text, code, out.String())
		}
	}
}

// TestFsckAsksAnother goes on when the first NameNode does not answer.
func TestFsckAsksAnother(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.URL.RequestURI())) // the client reads it all
	}))
	defer web.Close()
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	cfg := conf.New(map[string]string{"dfs.namenode.http-address.ns.nn1": dead.Addr().String(), "dfs.namenode.http-address.ns.nn2": web.Listener.Addr().String()})
	ns := client.NameService{ID: "ns", NameNodes: []string{"nn1", "nn2"}, Addrs: []string{"h1:8020", "h2:8020"}}
	body, address, err := askWeb(context.Background(), cfg, ns, "/fsck?path=%2F")
	if err != nil || address != web.Listener.Addr().String() {
		t.Fatalf("asked %q: %v", address, err)
	}
	body.Close()
	one := client.NameService{NameNodes: []string{""}, Addrs: []string{"h1:8020"}}
	if got := webAddress(conf.New(map[string]string{"dfs.namenode.http-address": "0.0.0.0:9870"}), one, 0); got != "h1:9870" {
		t.Errorf("the HTTP port behind a wildcard is at %q", got)
	}
}
