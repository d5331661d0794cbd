// Package calls runs single calls of ClientProtocol, written as lines ("alice$ mkdirs 755
// /d"), at a NameNode, ours or Apache's, and returns their answers as text that may be
// compared: without ids, addresses of DataNodes and times of today.
package calls

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
)

const clientProtocol = "org.apache.hadoop.hdfs.protocol.ClientProtocol"

// Superuser runs the servers: its lines begin with "$ ".
var Superuser = conf.UserName()

// A Server is a NameNode that is called, with a connection for each user.
type Server struct {
	tb    testing.TB
	addr  string
	users map[string]*rpc.Client
	open  map[string]*handle
	nodes *Datanodes
}

// New is a server at host:port. What is written goes to nodes, which may be nil.
func New(tb testing.TB, addr string, nodes *Datanodes) *Server {
	return &Server{tb: tb, addr: addr, users: map[string]*rpc.Client{}, open: map[string]*handle{}, nodes: nodes}
}

func (s *Server) as(user string) *rpc.Client {
	c := s.users[user]
	if c == nil {
		c = rpc.NewClient(rpc.ClientConfig{User: user, CallTimeout: 60 * time.Second, Logger: slog.New(slog.DiscardHandler)})
		s.tb.Cleanup(func() { c.Close() })
		s.users[user] = c
	}
	return c
}

// Do runs one command ("alice$ mkdirs 755 /d") and returns its answer. A word that begins
// with a quote is a Go string; elsewhere \s stands for a blank.
func (s *Server) Do(line string) string {
	user, cmd, _ := strings.Cut(line, "$ ")
	if user == "" {
		user = Superuser
	}
	w, err := words(cmd)
	if err != nil {
		s.tb.Fatalf("%s: %v", line, err)
	}
	known := false
	for _, c := range commands {
		var answer string
		if answer, known, err = c(&call{Server: s, client: s.as(user)}, append(w, make([]string, 8)...)); known {
			if err != nil {
				return failure(err)
			}
			return answer
		}
	}
	s.tb.Fatalf("unknown command %q", w[0])
	return ""
}

// words takes a command apart.
func words(cmd string) ([]string, error) {
	var w []string
	for cmd = strings.TrimLeft(cmd, " "); cmd != ""; cmd = strings.TrimLeft(cmd, " ") {
		if cmd[0] != '"' {
			var word string
			word, cmd, _ = strings.Cut(cmd, " ")
			w = append(w, strings.ReplaceAll(word, `\s`, " "))
			continue
		}
		quoted, err := strconv.QuotedPrefix(cmd)
		if err != nil {
			return nil, err
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		w, cmd = append(w, word), cmd[len(quoted):]
	}
	return w, nil
}

// Word is how a string is written in a line.
func Word(s string) string {
	if s == "" || strings.ContainsAny(s, " \"\\") || strconv.Quote(s) != `"`+s+`"` {
		return strconv.QuoteToASCII(s)
	}
	return s
}

// numbers are ids and stamps in the text of an error.
var numbers = regexp.MustCompile(`\d{5,}`)

// failure shows the class of an exception and the first line of its text.
func failure(err error) string {
	var x *rpc.Exception
	if !errors.As(err, &x) {
		return "FAILED " + err.Error()
	}
	msg, _, _ := strings.Cut(x.Message, "\n")
	return x.Class + ": " + numbers.ReplaceAllString(msg, "#")
}

// commands answer the lines; the first that knows a command does it.
var commands = []func(c *call, w []string) (answer string, known bool, err error){
	names, attributes, lists, extras, quotas, writes,
}

// A call is one that is made by somebody.
type call struct {
	*Server
	client *rpc.Client
}

func (c *call) send(method string, req, resp proto.Message) error {
	return c.client.Call(c.tb.Context(), c.addr, clientProtocol, method, req, resp)
}

// modes reads MASKED or MASKED/UNMASKED.
func modes(s string) (masked, unmasked *hdfspb.FsPermissionProto) {
	m, u, both := strings.Cut(s, "/")
	if both {
		unmasked = perm(u)
	}
	return perm(m), unmasked
}

func perm(s string) *hdfspb.FsPermissionProto {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil {
		panic(err)
	}
	return &hdfspb.FsPermissionProto{Perm: proto.Uint32(uint32(n))}
}

// number reads a decimal number; a negative one is sent as Java does it.
func number(s string) uint64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return uint64(n)
}

// today is when times are no longer compared: they are those of the clock.
const today = 1_000_000_000_000

func moment(ms uint64) string {
	if ms > today {
		return "now"
	}
	return strconv.FormatUint(ms, 10)
}

// status shows what must be equal: no ids and no times of the clock.
func status(st *hdfspb.HdfsFileStatusProto) string {
	if st == nil {
		return "null"
	}
	atime, flags := moment(st.GetAccessTime()), st.GetFlags()
	if st.GetFileType() == hdfspb.HdfsFileStatusProto_IS_DIR {
		// A directory has no time of access here, and Apache's root might have snapshots.
		atime, flags = "", flags&^uint32(hdfspb.HdfsFileStatusProto_SNAPSHOT_ENABLED)
	}
	return fmt.Sprintf("%s %o flags=%d %s:%s length=%d rep=%d block=%d policy=%d children=%d mtime=%s atime=%s", st.GetFileType(),
		st.GetPermission().GetPerm(), flags, st.GetOwner(), st.GetGroup(), st.GetLength(), st.GetBlockReplication(), st.GetBlocksize(),
		st.GetStoragePolicy(), st.GetChildrenNum(), moment(st.GetModificationTime()), atime)
}
