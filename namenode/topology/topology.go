// Package topology says on which rack of the network a host is: by a script, by a
// table, or nothing is known and all are on one rack. Answers are kept. It knows no
// DataNode.
package topology

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/hopsql/hopsql/hadoop/conf"
)

// DefaultRack is where a host is of which nothing is known.
const DefaultRack = "/default-rack"

// Keys of the configuration.
const (
	keyMapping = "net.topology.node.switch.mapping.impl"
	keyScript  = "net.topology.script.file.name"
	keyArgs    = "net.topology.script.number.args"
	keyTable   = "net.topology.table.file.name"
)

// remembered is how many answers are kept. Clients are hosts as well.
const remembered = 100_000

// A source is where racks come from: a script or a table. It returns "" for a host
// that it does not know.
type source interface {
	rack(ctx context.Context, host string) (string, error)
	// quick reports whether rack answers from memory.
	quick() bool
	reload() error
}

// Mapping answers where hosts are. Safe for many goroutines.
type Mapping struct {
	from source // nil for one rack
	log  *slog.Logger

	mu      sync.Mutex
	known   *lru.Cache[string, string] // rack by host
	asked   map[string]bool            // hosts that are being looked up for Guess
	reloads int
}

// FromConf reads the keys net.topology.*. A table that cannot be read is an error.
func FromConf(c *conf.Config, log *slog.Logger) (*Mapping, error) {
	var from source
	impl := c.Get(keyMapping)
	switch name := impl[strings.LastIndexByte(impl, '.')+1:]; name {
	case "", "ScriptBasedMapping":
		if file := c.Get(keyScript); file != "" {
			args, err := c.Int(keyArgs, 100)
			if err != nil {
				return nil, err
			}
			if args < 1 {
				return nil, fmt.Errorf("%s is %d: expected 1 or more", keyArgs, args)
			}
			from = &script{file: file}
		}
	case "TableMapping":
		t := &table{file: c.Get(keyTable)}
		if t.file == "" {
			return nil, fmt.Errorf("%s is not set, which %s=%s needs", keyTable, keyMapping, impl)
		}
		if err := t.reload(); err != nil {
			return nil, err
		}
		from = t
	default:
		return nil, fmt.Errorf("%s is %s: expected ScriptBasedMapping or TableMapping of org.apache.hadoop.net", keyMapping, impl)
	}
	return newMapping(from, log), nil
}

func newMapping(from source, log *slog.Logger) *Mapping {
	if log == nil {
		log = slog.Default()
	}
	known, err := lru.New[string, string](remembered)
	if err != nil {
		panic(err) // only a size below 1 is refused
	}
	return &Mapping{from: from, log: log, known: known, asked: map[string]bool{}}
}

// Rack returns the rack of a host, given by its address and perhaps by its name. It
// waits for the script. ok is false if there is a script or table and it does not
// know the host: then the rack is DefaultRack.
func (m *Mapping) Rack(ctx context.Context, names ...string) (rack string, ok bool) {
	if m.from == nil {
		return DefaultRack, true
	}
	for _, name := range names {
		if rack, ok := m.known.Get(name); ok {
			return rack, true
		}
	}
	for _, name := range names {
		rack, err := m.look(ctx, name)
		if err != nil {
			m.log.Warn("the rack of a host cannot be found out", "host", name, "err", err)
			break
		}
		if rack != "" {
			return rack, true
		}
	}
	return DefaultRack, false
}

// look asks the source and keeps the answer, unless Reload was called meanwhile.
func (m *Mapping) look(ctx context.Context, name string) (string, error) {
	m.mu.Lock()
	before := m.reloads
	m.mu.Unlock()
	rack, err := m.from.rack(ctx, name)
	if err != nil || rack == "" {
		return "", err
	}
	rack, err = Clean(rack)
	if err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reloads == before {
		m.known.Add(name, rack)
	}
	return rack, nil
}

// Guess is Rack for those who cannot wait: while the script runs, and for hosts that
// it does not know, the rack is "".
func (m *Mapping) Guess(name string) string {
	if m == nil || m.from == nil || name == "" {
		return ""
	}
	if rack, ok := m.known.Get(name); ok {
		return rack
	}
	if m.from.quick() {
		rack, err := m.look(context.Background(), name)
		if err != nil {
			m.log.Debug("the table has no rack of a client", "host", name, "err", err)
		}
		return rack
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked[name] || len(m.asked) >= remembered {
		return ""
	}
	m.asked[name] = true
	go func() {
		rack, err := m.look(context.Background(), name)
		if err != nil {
			m.log.Debug("the rack of a client cannot be found out", "host", name, "err", err)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if rack != "" {
			delete(m.asked, name) // else it stays: the script is not asked again and again
		}
	}()
	return ""
}

// Reload forgets all answers and reads the table again.
func (m *Mapping) Reload() error {
	if m.from == nil {
		return nil
	}
	err := m.from.reload()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reloads++
	m.known.Purge()
	m.asked = map[string]bool{}
	return err
}

// Clean returns a rack as paths of the network are written, /a/b. The error is for
// one that is none.
func Clean(rack string) (string, error) {
	if len(rack) > 255 || !strings.HasPrefix(rack, "/") {
		return "", fmt.Errorf("%.80q is no rack: expected a path such as /rack1", rack)
	}
	return "/" + strings.Trim(rack, "/"), nil
}

// Distance is the number of switches between two racks and their hosts, as HDFS
// counts: 0 for the same rack, and 2 for each level that they do not share.
func Distance(a, b string) int {
	if a == b {
		return 0
	}
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	same := 0
	for same < min(len(as), len(bs)) && as[same] == bs[same] {
		same++
	}
	return len(as) + len(bs) - 2*same
}

// address is a host as tables and answers name it: an address without its zone, in
// its shortest form, or a name in lower case.
func address(host string) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().WithZone("").String()
	}
	return strings.ToLower(host)
}
