package web

import (
	"cmp"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/hopsql/hopsql/namenode/audit"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/fsck"
	"github.com/hopsql/hopsql/namenode/namespace"
)

// stuck is how long one piece of an answer may wait for its reader.
const stuck = 2 * time.Minute

// stranger is who asks without a name (hadoop.http.staticuser.user).
const stranger = "dr.who"

// fsck answers /fsck, which `hdfs fsck` of any make asks. The answer is text whose last
// line says how it ended; it comes as the tree is read.
func (s *Server) fsck(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	on := func(key string) bool { return q.Has(key) }
	name, _, _ := strings.Cut(q.Get("ugi"), ",")
	user := cmp.Or(q.Get("user.name"), name, s.cfg.Conf.Get("hadoop.http.staticuser.user"), stranger)
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	req := &fsck.Request{
		Caller: &namespace.Caller{User: user, Groups: s.cfg.Groups(user), Host: host, Call: "fsck"},
		Path:   cmp.Or(q.Get("path"), "/"),
		Files:  on("files"), Blocks: on("blocks"), Locations: on("locations"), Racks: on("racks"), Details: on("replicadetails"),
		Domains: on("upgradedomains"), Maintenance: on("maintenance"), Policies: on("storagepolicies"), Open: on("openforwrite"),
		Move: on("move"), Delete: on("delete"), Replicate: on("replicate"), Progress: on("showprogress"),
		CorruptFiles: on("listcorruptfileblocks"), Skip: q.Get("startblockafter"), BlockIDs: q.Get("blockId"), Metadata: on("metadata"),
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain;charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	out := &slowly{w: w, c: http.NewResponseController(w)}
	err = s.cfg.Fsck.Run(r.Context(), out, req)
	denied := errors.Is(err, fault.AccessDenied)
	if err != nil && !denied {
		s.cfg.Logger.Warn("fsck broke off", "path", req.Path, "err", err)
	}
	s.cfg.Audit.Write(&audit.Event{Time: time.Now(), Allowed: !denied, User: user, IP: host, Cmd: "fsck", Src: req.Path})
}

// slowly is an answer that may take any time, as long as its reader takes the pieces.
type slowly struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func (s *slowly) Write(b []byte) (int, error) { return s.w.Write(b) }

// Flush sends what was written.
func (s *slowly) Flush() error {
	if err := s.c.SetWriteDeadline(time.Now().Add(stuck)); err != nil {
		return err
	}
	return s.c.Flush()
}
