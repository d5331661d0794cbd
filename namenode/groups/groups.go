// Package groups maps users to their groups, as the NameNode's machine, a directory
// (LDAP) or the configuration knows them: see hadoop.security.group.mapping.
// An unknown user has no groups; that is no error, because SIMPLE users need no
// account. Answers are cached, and kept for a while when nobody can be asked. It knows
// no permissions.
package groups

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/hopsql/hopsql/hadoop/conf"
)

// Config are the settings of a Mapping. The zero value of a field means its default.
type Config struct {
	TTL         time.Duration       // how long an answer is good (hadoop.security.groups.cache.secs, 300 s)
	NegativeTTL time.Duration       // the same for a user without groups (30 s); below 0 is not at all
	WarnAfter   time.Duration       // a slower lookup is logged; 5 s
	Static      map[string][]string // answers that nothing else overrides
	Users       int                 // how many users are remembered; 100,000
	Lookup      Lookup              // of users that are not remembered; the operating system
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
	if cfg.NegativeTTL == 0 {
		cfg.NegativeTTL = -1
	}
	if cfg.TTL <= 0 {
		return cfg, fmt.Errorf("hadoop.security.groups.cache.secs is %s, not a time above 0", c.Get("hadoop.security.groups.cache.secs"))
	}
	if cfg.WarnAfter, err = c.Duration("hadoop.security.groups.cache.warn.after.ms", 5*time.Second, time.Millisecond); err != nil {
		return cfg, err
	}
	if cfg.Static, err = parseStatic(c.Get("hadoop.user.group.static.mapping.overrides")); err != nil {
		return cfg, err
	}
	cfg.Lookup, err = lookupOf(c, keyMapping, c.Get(keyMapping))
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
	good    time.Time     // until when groups are kept while nobody can be asked
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
	if cfg.WarnAfter == 0 {
		cfg.WarnAfter = 5 * time.Second
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

// keepFor is how many times TTL an answer is kept while nobody can be asked.
const keepFor = 10

// load asks for one user's groups.
func (m *Mapping) load(name string, e *entry) {
	began := m.cfg.Now()
	groups, err := m.cfg.Lookup(name)
	now := m.cfg.Now()
	if d := now.Sub(began); d > m.cfg.WarnAfter {
		m.cfg.Logger.Warn("it took long to find the groups of a user", "user", name, "took", d)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	ttl := m.cfg.TTL
	if err != nil {
		m.cfg.Logger.Warn("the groups of a user cannot be found out", "user", name, "err", err)
		if ttl = m.cfg.NegativeTTL; len(groups) == 0 && now.Before(e.good) {
			groups = e.groups
		}
	} else {
		e.good = now.Add(keepFor * m.cfg.TTL)
		if len(groups) == 0 {
			ttl = m.cfg.NegativeTTL
		}
	}
	if len(groups) == 0 && ttl < 0 {
		// Whoever waits for it has the entry; nobody else finds it.
		if cached, ok := m.cache.Peek(name); ok && cached == e {
			m.cache.Remove(name)
		}
	}
	e.groups, e.until, e.loading = groups, now.Add(max(0, ttl)), false
}

// Refresh forgets every answer.
func (m *Mapping) Refresh() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cache.Purge()
}
