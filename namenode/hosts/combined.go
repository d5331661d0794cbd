package hosts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// listed is one DataNode of the combined file.
type listed struct {
	HostName   string `json:"hostName"`
	Port       int64  `json:"port"`
	AdminState string `json:"adminState"` // "" for NORMAL
	// ExpireTime is in ms since the epoch; 0 or none for no end.
	ExpireTime *int64 `json:"maintenanceExpireTimeInMS"`
}

// readCombined reads the file of JSON objects, one for each DataNode: an array, or
// one behind the other. Without one that is to serve everybody may.
func (l *Lists) readCombined(ctx context.Context, file string) (*reading, error) {
	r := &reading{entries: map[string][]entry{}}
	if file == "" {
		return nil, fmt.Errorf("%s is not set, which the combined file of hosts needs", keyHosts)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyHosts, err)
	}
	all, err := parseCombined(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", keyHosts, file, err)
	}
	for _, d := range all {
		e := entry{port: d.Port, in: true}
		if d.ExpireTime != nil && *d.ExpireTime != 1<<63-1 {
			e.until = *d.ExpireTime
		}
		switch d.AdminState {
		case "", "NORMAL":
			r.closed = true
		case "DECOMMISSIONED", "DECOMMISSION_INPROGRESS":
			e.wish = Empty
		case "IN_MAINTENANCE", "ENTERING_MAINTENANCE":
			e.wish = Maintain
		default:
			return nil, fmt.Errorf("%s: %s: adminState %q of %s: expected NORMAL, DECOMMISSIONED or IN_MAINTENANCE", keyHosts, file, d.AdminState, d.HostName)
		}
		if d.HostName == "" {
			return nil, fmt.Errorf("%s: %s: an entry has no hostName", keyHosts, file)
		}
		r.add(ctx, l.log, d.HostName, e)
	}
	return r, nil
}

func parseCombined(data []byte) (all []listed, err error) {
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '[' {
		err := json.Unmarshal(trimmed, &all)
		return all, err
	}
	for dec := json.NewDecoder(bytes.NewReader(data)); ; {
		var d listed
		err := dec.Decode(&d)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
}
