// Package open finds the store that a configuration names and opens it. It
// promises that a mistake in the configuration is one error which names the key,
// and that no error and no String holds a password. It knows the keys, and of the
// stores only how to open them.
package open

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/dal/sqlstore"
	"github.com/hopsql/hopsql/hadoop/conf"
)

// The keys that name the store.
const (
	// KeyURL is sqlite:///path/file.db, mysql://user:password@host:port/database with
	// the parameters engine (innodb, ndbcluster), tls, connections and socket (a unix
	// socket, which takes the place of host and port), or mem:.
	KeyURL = "dfs.storage.driver.url"
	// KeyPasswordFile names a file whose first line is the password.
	KeyPasswordFile = "dfs.storage.driver.password.file"
	// KeyClass and KeyFile are HopsFS's way: a class, which says NDB, and a file of
	// properties.
	KeyClass = "dfs.storage.driver.class"
	KeyFile  = "dfs.storage.driver.configfile"
	// EnvPassword is the environment variable with the password.
	EnvPassword = "HOPSQL_DB_PASSWORD"
)

// keyTmpDir is the folder of the default SQLite file.
const keyTmpDir = "hadoop.tmp.dir"

// A Location is where the tables are: a file, a server, or memory.
type Location struct {
	File  string                // of SQLite, "" otherwise
	MySQL *sqlstore.MySQLConfig // nil otherwise
}

// Open opens the store that cfg names. A database server need not be up: its
// absence shows at the first call.
func Open(_ context.Context, cfg *conf.Config) (dal.Store, error) {
	l, err := Locate(cfg)
	if err != nil {
		return nil, err
	}
	return l.Open(nil)
}

// Open opens the store. trace, if not nil, gets the statements of every round trip.
func (l Location) Open(trace func(roundTrip string)) (dal.Store, error) {
	switch {
	case l.MySQL != nil:
		c := *l.MySQL
		c.Trace = trace
		s, err := sqlstore.OpenMySQL(c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", KeyURL, err)
		}
		return s, nil
	case l.File != "":
		s, err := sqlstore.OpenSQLite(sqlstore.SQLiteConfig{Path: l.File, Trace: trace})
		if err != nil {
			return nil, fmt.Errorf("%s (sqlite): %w", KeyURL, err)
		}
		return s, nil
	}
	return memstore.New(), nil
}

// String names the place for people, without a password.
func (l Location) String() string {
	switch {
	case l.MySQL != nil:
		where, socket := l.MySQL.Address, ""
		if filepath.IsAbs(where) {
			where, socket = "localhost", "&socket="+where
		}
		return fmt.Sprintf("mysql://%s@%s/%s?engine=%s%s", l.MySQL.User, where, l.MySQL.Database, l.MySQL.Engine, socket)
	case l.File != "":
		return "sqlite://" + l.File
	}
	return "mem:"
}

// Locate reads the configuration and opens nothing. The password comes from
// KeyPasswordFile if that is set, else from EnvPassword, else from the URL or the
// file of properties.
func Locate(cfg *conf.Config) (Location, error) {
	l, err := locate(cfg)
	if err != nil || l.MySQL == nil {
		return l, err
	}
	password, ok, err := secret(cfg)
	if err != nil {
		return Location{}, err
	}
	if ok {
		l.MySQL.Password = password
	}
	return l, nil
}

func locate(cfg *conf.Config) (Location, error) {
	if raw := strings.TrimSpace(cfg.Get(KeyURL)); raw != "" {
		return parse(raw)
	}
	if class := strings.TrimSpace(cfg.Get(KeyClass)); class != "" {
		return hopsFS(cfg, class)
	}
	dir := cfg.Get(keyTmpDir)
	if dir == "" {
		return Location{}, fmt.Errorf("neither %s nor %s is set", KeyURL, keyTmpDir)
	}
	return Location{File: strings.TrimSuffix(dir, "/") + "/dfs/namespace.db"}, nil
}

// secret returns the password that is kept apart from the address.
func secret(cfg *conf.Config) (password string, ok bool, err error) {
	if name := cfg.Get(KeyPasswordFile); name != "" {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", false, fmt.Errorf("%s: %w", KeyPasswordFile, err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		return strings.TrimSuffix(line, "\r"), true, nil
	}
	password, ok = os.LookupEnv(EnvPassword)
	return password, ok, nil
}
