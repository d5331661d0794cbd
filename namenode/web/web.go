// Package web is the NameNode's HTTP port: the probe of load balancers, the
// configuration, the beans that monitoring reads, and what hdfs fsck asks. It shows what
// the parts of a NameNode tell of themselves.
package web

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	runtimepprof "runtime/pprof"
	"strings"
	"time"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/namenode/audit"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/election"
	"github.com/hopsql/hopsql/namenode/fsck"
	"github.com/hopsql/hopsql/namenode/metrics"
	"github.com/hopsql/hopsql/namenode/rpc"
)

// Config are the parts that are shown.
type Config struct {
	Conf       *conf.Config
	Identity   rpc.Identity
	Blocks     *blocks.Registry
	Safe       *blocks.Safe
	Leader     func() (leads bool, epoch int64)
	Living     func() []election.Member
	RPCAddress string
	Version    string
	Audit      *audit.Log
	Fsck       *fsck.Checker
	Groups     func(user string) []string
	Metrics    *metrics.Metrics
	Ports      []*metrics.Port // the first one is that of the clients
	Prometheus bool            // serve /prom and /metrics
	Profile    bool            // serve /debug/pprof/
	Logger     *slog.Logger
}

// Server answers HTTP.
type Server struct {
	cfg     Config
	started time.Time
	http    *http.Server
	stop    context.CancelFunc // of answers that take long
}

// New makes a server; Serve starts it.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, started: time.Now()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /isActive", s.isActive)
	mux.HandleFunc("GET /jmx", s.jmx)
	mux.HandleFunc("GET /conf", s.conf)
	mux.HandleFunc("GET /stacks", s.stacks)
	mux.HandleFunc("GET /fsck", s.fsck)
	if cfg.Prometheus {
		cfg.Metrics.Add(beanCollector{s})
		mux.Handle("GET /prom", cfg.Metrics.Handler())
		mux.Handle("GET /metrics", cfg.Metrics.Handler())
	}
	if cfg.Profile {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "hopsql NameNode %s, RPC at %s\n/isActive /jmx /prom /conf /stacks /fsck\n", cfg.Version, cfg.RPCAddress)
	})
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.http = &http.Server{Handler: mux, BaseContext: func(net.Listener) context.Context { return ctx }, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug)}
	return s
}

// Serve answers on l until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}

// Shutdown stops accepting, breaks answers off that take long, and waits for the others
// until ctx ends.
func (s *Server) Shutdown(ctx context.Context) {
	s.stop()
	if err := s.http.Shutdown(ctx); err != nil {
		s.http.Close()
	}
}

// isActive is the probe of load balancers: every NameNode that runs is active.
func (s *Server) isActive(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, "I am Active!")
}

// stacks dumps what every goroutine does.
func (s *Server) stacks(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, "Process Thread Dump: %d goroutines\n", runtime.NumGoroutine())
	_ = runtimepprof.Lookup("goroutine").WriteTo(w, 1) // an error is the client's, which went away
}

type property struct {
	XMLName xml.Name `xml:"property" json:"-"`
	Name    string   `xml:"name" json:"key"`
	Value   string   `xml:"value" json:"value"`
	Final   bool     `xml:"final" json:"isFinal"`
	Source  string   `xml:"source" json:"resource"`
}

// conf shows the effective configuration without passwords: all of it, or one key.
func (s *Server) conf(w http.ResponseWriter, r *http.Request) {
	keys := s.cfg.Conf.Keys()
	name := r.URL.Query().Get("name")
	if name != "" {
		if _, ok := s.cfg.Conf.Lookup(name); !ok {
			http.Error(w, "Property "+name+" not found", http.StatusNotFound)
			return
		}
		keys = []string{name}
	}
	all := make([]property, len(keys))
	for i, k := range keys {
		all[i] = property{Name: k, Value: s.cfg.Conf.Redacted(k), Source: s.cfg.Conf.Source(k)}
	}
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		var v any = map[string]any{"properties": all}
		if name != "" {
			v = map[string]any{"property": all[0]}
		}
		writeJSON(w, v)
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	fmt.Fprint(w, xml.Header)
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	// An error is the client's, which went away.
	_ = e.EncodeElement(struct{ Properties []property }{all}, xml.StartElement{Name: xml.Name{Local: "configuration"}})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf8")
	w.Header().Set("Access-Control-Allow-Methods", "GET")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // an error is the client's, which went away
}
