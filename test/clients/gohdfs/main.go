// Command gohdfs takes requests, a line of JSON each, and does them with
// github.com/colinmarc/hdfs.
//
// It is a module and a process of its own: that client and this project both register
// the messages of Hadoop by the same names, which protobuf allows once in a program.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/colinmarc/hdfs/v2"
	"github.com/colinmarc/hdfs/v2/hadoopconf"
)

type request struct{ Op, Path, To, Local string }

type reply struct {
	Error   string   `json:"error,omitempty"`
	Files   []entry  `json:"files,omitempty"`
	Summary *summary `json:"summary,omitempty"`
}

type entry struct {
	Name   string `json:"name"`
	Dir    bool   `json:"dir"`
	Length int64  `json:"length"`
	Mode   uint32 `json:"mode"`
	Owner  string `json:"owner"`
	Group  string `json:"group"`
}

type summary struct {
	Length int64 `json:"length"`
	Files  int   `json:"files"`
	Dirs   int   `json:"dirs"`
	Space  int64 `json:"space"`
}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	client, err := connect()
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return err
		}
		var answer reply
		if r.Op == "reconnect" {
			client.Close()
			client, err = connect()
		} else {
			answer, err = do(client, r)
		}
		if answer.Error = word(err); err != nil && client == nil {
			return err
		}
		line, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, string(line)); err != nil {
			return err
		}
	}
	return lines.Err()
}

// connect makes a client of HADOOP_CONF_DIR.
func connect() (*hdfs.Client, error) {
	conf, err := hadoopconf.LoadFromEnvironment()
	if err != nil {
		return nil, err
	}
	options := hdfs.ClientOptionsFromConf(conf)
	options.User = os.Getenv("HADOOP_USER_NAME")
	return hdfs.NewClient(options)
}

// word is what the test calls an error.
func word(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, fs.ErrNotExist):
		return "missing"
	case errors.Is(err, fs.ErrExist):
		return "exists"
	}
	return err.Error()
}

func do(c *hdfs.Client, r request) (reply, error) {
	switch r.Op {
	case "put":
		w, err := c.Create(r.Path)
		return reply{}, send(r.Local, w, err)
	case "append":
		w, err := c.Append(r.Path)
		return reply{}, send(r.Local, w, err)
	case "get":
		return reply{}, c.CopyToLocal(r.Path, r.Local)
	case "list":
		list, err := c.ReadDir(r.Path)
		return reply{Files: entries(list)}, err
	case "stat":
		info, err := c.Stat(r.Path)
		if err != nil {
			return reply{}, err
		}
		return reply{Files: entries([]os.FileInfo{info})}, nil
	case "mkdir":
		return reply{}, c.MkdirAll(r.Path, 0o755)
	case "rename":
		return reply{}, c.Rename(r.Path, r.To)
	case "delete":
		return reply{}, c.Remove(r.Path)
	case "remove tree":
		return reply{}, c.RemoveAll(r.Path)
	case "summary":
		s, err := c.GetContentSummary(r.Path)
		if err != nil {
			return reply{}, err
		}
		return reply{Summary: &summary{s.Size(), s.FileCount(), s.DirectoryCount(), s.SizeAfterReplication()}}, nil
	}
	return reply{}, fmt.Errorf("no request is called %q", r.Op)
}

// send writes a local file to a writer that was got with an error.
func send(local string, w *hdfs.FileWriter, err error) error {
	if err != nil {
		return err
	}
	f, err := os.Open(local)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(w, f); err != nil {
		return err
	}
	// As its documentation says: until the DataNodes have told the NameNode.
	for {
		if err = w.Close(); !hdfs.IsErrReplicating(err) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func entries(list []os.FileInfo) []entry {
	var all []entry
	for _, i := range list {
		e := entry{Name: i.Name(), Dir: i.IsDir(), Length: i.Size(), Mode: uint32(i.Mode().Perm())}
		if info, ok := i.(*hdfs.FileInfo); ok {
			e.Owner, e.Group = info.Owner(), info.OwnerGroup()
		}
		all = append(all, e)
	}
	return all
}
