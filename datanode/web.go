package datanode

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/hopsql/hopsql/datanode/replicas"
)

// status is what the http port shows. Sizes are in bytes.
type status struct {
	DatanodeUUID string
	Version      string
	Pool         string
	UptimeSecs   int64
	NameNodes    []string
	Active       string // the NameNode that is obeyed, "" if none
	Operations   int32  // in progress on the data port
	Blocks       int
	Volumes      []replicas.Storage
	Failed       []string // folders that could not be used
}

func (d *DataNode) webHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", d.webStatus)
	mux.HandleFunc("GET /status", d.webStatus)
	return mux
}

func (d *DataNode) webStatus(w http.ResponseWriter, _ *http.Request) {
	st := status{DatanodeUUID: d.UUID(), Version: Version, Pool: d.store.Pool(), UptimeSecs: int64(time.Since(d.start).Seconds()),
		Operations: d.sessions.busy.Load(), Blocks: d.store.Blocks(), Volumes: d.store.Storages(), Failed: d.store.Failed()}
	for _, a := range d.crew.all() {
		st.NameNodes = append(st.NameNodes, a.nn.addr)
	}
	if a := d.claims.current(); a != nil {
		st.Active = a.nn.addr
	}
	b, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	// A reader that went away is of no interest.
	_, _ = w.Write(append(b, '\n'))
}
