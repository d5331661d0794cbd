// Package groups maps users to their groups, as the NameNode's machine knows them
// (hadoop.security.group.mapping's default) or as the configuration overrides them.
// An unknown user has no groups; that is no error, because SIMPLE users need no
// account. Answers are cached. It knows no permissions.
package groups

import (
	"fmt"
	"log/slog"
	"os/user"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/hopsql/hopsql/hadoop/conf"
)

// Config are the settings of a Mapping. The zero value of a field means its default.
type Config struct {
	TTL         time.Duration       // how long an answer is good (hadoop.security.groups.cache.secs, 300 s)
	NegativeTTL time.Duration       // the same for a user without groups (30 s)
	Static      map[string][]string // answers that nothing else overrides
	Users       int                 // how many users are remembered; 100,000
	Lookup      func(user string) ([]string, error)
	Now         func() time.Time
	Logger      *slog.Logger
}

// FromConf reads the settings from Hadoop's keys.
func FromConf(c *conf.Config) (Config, error) {
	var cfg Config
	var err error
	if cfg.TTL, err = c.Duration("hadoop.security.groups.cache.secs", 5*time.Minute, time.Second); err != nil {
		return cfg, err
	}
	if cfg.NegativeTTL, err = c.Duration("hadoop.security.groups.negative-cache.secs", 30*time.Second, time.Second); err != nil {
		return cfg, err
	}
	cfg.Static, err = parseStatic(c.Get("hadoop.user.group.static.mapping.overrides"))
	return cfg, err
}

// parseStatic reads "user=group,group;user=": a user without groups has none.
func parseStatic(s string) (map[string][]string, error) {
	static := map[string][]string{}
	for part := range strings.SplitSeq(s, ";") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		name, list, ok := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.Contains(list, "=") {
			return nil, fmt.Errorf("hadoop.user.group.static.mapping.overrides: %q is not user=group,group", part)
		}
		static[name] = nil
		for g := range strings.SplitSeq(list, ",") {
			if g = strings.TrimSpace(g); g != "" {
				static[name] = append(static[name], g)
			}
		}
	}
	return static, nil
}

// A Mapping answers who is in which groups. Safe for many goroutines.
type Mapping struct {
	cfg   Config
	mu    sync.Mutex
	cache *lru.Cache[string, *entry]
}

// entry is one user's answer. Its fields but done are guarded by Mapping.mu.
type entry struct {
	groups  []string
	until   time.Time
	done    chan struct{} // closed when there is an answer
	loading bool
}

// New returns an empty mapping.
func New(cfg Config) *Mapping {
	if cfg.TTL == 0 {
		cfg.TTL = 5 * time.Minute
	}
	if cfg.NegativeTTL == 0 {
		cfg.NegativeTTL = 30 * time.Second
	}
	if cfg.Users == 0 {
		cfg.Users = 100_000
	}
	if cfg.Lookup == nil {
		cfg.Lookup = fromSystem
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cache, err := lru.New[string, *entry](max(1, cfg.Users))
	if err != nil {
		panic(err) // only a size below 1 is refused
	}
	return &Mapping{cfg: cfg, cache: cache}
}

// Of returns the groups of a user, the primary one first. The caller must not
// change the slice. Only a user's first lookup is waited for: an answer that is too
// old is still given while a newer one is fetched.
func (m *Mapping) Of(name string) []string {
	if g, ok := m.cfg.Static[name]; ok {
		return g
	}
	m.mu.Lock()
	e, ok := m.cache.Get(name)
	if !ok {
		e = &entry{done: make(chan struct{}), loading: true}
		m.cache.Add(name, e)
		m.mu.Unlock()
		m.load(name, e)
		close(e.done)
		m.mu.Lock()
	} else if !e.loading && !m.cfg.Now().Before(e.until) {
		e.loading = true
		go m.load(name, e)
	}
	groups := e.groups
	m.mu.Unlock()
	if groups != nil {
		return groups
	}
	<-e.done
	m.mu.Lock()
	defer m.mu.Unlock()
	return e.groups
}

// load asks for one user's groups.
func (m *Mapping) load(name string, e *entry) {
	groups, err := m.cfg.Lookup(name)
	ttl := m.cfg.TTL
	if err != nil {
		m.cfg.Logger.Debug("no groups found for a user", "user", name, "err", err)
		groups = nil
	}
	if len(groups) == 0 {
		ttl = m.cfg.NegativeTTL
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e.groups, e.until, e.loading = groups, m.cfg.Now().Add(ttl), false
}

// Refresh forgets every answer.
func (m *Mapping) Refresh() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cache.Purge()
}

// fromSystem asks the operating system's user database, without a shell. A group
// that has no name is left out.
func fromSystem(name string) ([]string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	var groups []string
	for _, id := range ids {
		if g, err := user.LookupGroupId(id); err == nil {
			groups = append(groups, g.Name)
		}
	}
	return groups, nil
}
