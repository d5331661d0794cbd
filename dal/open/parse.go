package open

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hopsql/hopsql/dal/sqlstore"
	"github.com/hopsql/hopsql/hadoop/conf"
)

// maxConnections caps the parameter of that name: more hide a mistake.
const maxConnections = 1000

const (
	sqliteForm = "it must look like sqlite:///folder/file.db"
	mysqlForm  = "it must look like mysql://user:password@host:3306/database?engine=innodb (or engine=ndbcluster)"
)

// parse reads the value of KeyURL. Its errors never quote the value, which may
// hold a password.
func parse(raw string) (Location, error) {
	scheme, rest, ok := strings.Cut(raw, ":")
	switch {
	case !ok:
	case scheme == "mem" && rest == "":
		return Location{}, nil
	case scheme == "sqlite":
		return parseSQLite(rest)
	case scheme == "mysql" && strings.HasPrefix(rest, "//"):
		c, err := parseMySQL(rest[2:])
		if err != nil {
			return Location{}, fmt.Errorf("%s: %w; %s", KeyURL, err, mysqlForm)
		}
		return Location{MySQL: c}, nil
	}
	return Location{}, fmt.Errorf("%s names no store that is known; %s, or %s", KeyURL, sqliteForm, mysqlForm)
}

func parseSQLite(rest string) (Location, error) {
	path, ok := strings.CutPrefix(rest, "//")
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	if !ok || !filepath.IsAbs(path) || strings.HasSuffix(path, "/") || strings.ContainsRune(path, 0) {
		return Location{}, fmt.Errorf("%s: no absolute file name in sqlite:%s; %s", KeyURL, rest, sqliteForm)
	}
	return Location{File: path}, nil
}

// parseMySQL reads user:password@host:port/database?parameters. The password may
// hold any character: it ends at the last @.
func parseMySQL(rest string) (*sqlstore.MySQLConfig, error) {
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return nil, errors.New("there is no user")
	}
	user, password, _ := strings.Cut(rest[:at], ":")
	u, err := url.Parse("mysql://" + rest[at+1:])
	if err != nil {
		return nil, errors.New("what follows the @ cannot be read")
	}
	c := &sqlstore.MySQLConfig{User: unescape(user), Password: unescape(password), Database: strings.TrimPrefix(u.Path, "/")}
	switch {
	case c.User == "":
		return nil, errors.New("there is no user")
	case u.Hostname() == "":
		return nil, errors.New("there is no host")
	case c.Database == "" || strings.Contains(c.Database, "/"):
		return nil, errors.New("there is no database, or more than one")
	case u.Fragment != "":
		return nil, errors.New("a # stands behind the database")
	}
	if c.Address, err = address(u.Hostname(), u.Port()); err != nil {
		return nil, err
	}
	return c, parameters(c, u.RawQuery)
}

// unescape decodes %XX, and leaves a text alone that holds another %.
func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

func address(host, port string) (string, error) {
	if port == "" {
		port = "3306"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("%q is no port", port)
	}
	return net.JoinHostPort(host, port), nil
}

func parameters(c *sqlstore.MySQLConfig, query string) error {
	c.Engine = sqlstore.InnoDB
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the parameters cannot be read")
	}
	for name, list := range values {
		v := list[len(list)-1]
		switch name {
		case "engine":
			if v = strings.ToLower(v); v != sqlstore.InnoDB && v != sqlstore.NDBCluster {
				return fmt.Errorf("engine=%s is not known", v)
			}
			c.Engine = v
		case "tls":
			if v != "true" && v != "false" && v != "skip-verify" && v != "preferred" {
				return fmt.Errorf("tls=%s is none of true, false, skip-verify, preferred", v)
			}
			c.TLS = v
		case "connections":
			if c.MaxConnections, err = strconv.Atoi(v); err != nil || c.MaxConnections < 2 || c.MaxConnections > maxConnections {
				return fmt.Errorf("connections=%s is not between 2 and %d", v, maxConnections)
			}
		case "socket":
			if !filepath.IsAbs(v) {
				return fmt.Errorf("socket=%s is no absolute path", v)
			}
			c.Address = v
		default:
			return fmt.Errorf("the parameter %s is not known (engine, tls, connections, socket are)", name)
		}
	}
	return nil
}

// hopsFSClass is the only class of HopsFS's key that means something here.
const hopsFSClass = "io.hops.metadata.ndb.NdbStorageFactory"

// Properties of HopsFS's file that are read; the others configure its own driver.
const (
	propServer   = "io.hops.metadata.ndb.mysqlserver."
	propDatabase = "com.mysql.clusterj.database"
)

// hopsFS finds the server in a file of properties as HopsFS has it.
func hopsFS(cfg *conf.Config, class string) (Location, error) {
	if class != hopsFSClass {
		return Location{}, fmt.Errorf("%s is %s: only %s is known; better set %s", KeyClass, class, hopsFSClass, KeyURL)
	}
	name := cfg.Get(KeyFile)
	if name == "" {
		name = "ndb-config.properties"
	}
	if dir := os.Getenv("HADOOP_CONF_DIR"); dir != "" && !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return Location{}, fmt.Errorf("%s: %w", KeyFile, err)
	}
	p := properties(string(text))
	c := &sqlstore.MySQLConfig{
		User: p[propServer+"username"], Password: p[propServer+"password"],
		Database: p[propDatabase], Engine: sqlstore.NDBCluster,
	}
	if strings.EqualFold(p[propServer+"useSSL"], "true") {
		c.TLS = "preferred"
	}
	for _, key := range []string{propServer + "host", propServer + "username", propDatabase} {
		if p[key] == "" {
			return Location{}, fmt.Errorf("%s: %s has no %s", KeyFile, name, key)
		}
	}
	if c.Address, err = address(p[propServer+"host"], p[propServer+"port"]); err != nil {
		return Location{}, fmt.Errorf("%s: %s: %sport: %w", KeyFile, name, propServer, err)
	}
	return Location{MySQL: c}, nil
}

// properties reads key=value lines; # and ! start comments.
func properties(text string) map[string]string {
	p := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		if i := strings.IndexAny(line, "=:"); i >= 0 {
			p[strings.TrimSpace(line[:i])] = strings.TrimSpace(line[i+1:])
		}
	}
	return p
}
