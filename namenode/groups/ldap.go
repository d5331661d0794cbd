package groups

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/hopsql/hopsql/hadoop/conf"
)

const keyLDAP = keyMapping + ".ldap."

// A directory is an LDAP server, or several with the same entries, and how users and
// groups are found there. The fields are Hadoop's keys.
type directory struct {
	urls            []string
	roots           *x509.CertPool // nil for those of the system
	binds           []bind
	userBase        string
	groupBase       string
	userFilter      string // with {0} for the name
	groupFilter     string
	filterArgs      []string // attributes of the user for {0}, {1} … of groupFilter
	memberOf        string   // attribute of a user with the names of groups, or ""
	member          string
	groupName       string
	uid, gid        string
	levels          int
	attempts        int
	beforeFailover  int
	connect, answer time.Duration
	limit           time.Duration // of a search
}

// bind is who asks. Without a user nobody in particular does.
type bind struct{ user, password string }

// ldapLookup reads the keys of LdapGroupsMapping.
func ldapLookup(c *conf.Config) (Lookup, error) {
	d, err := readDirectory(c)
	if err != nil {
		return nil, err
	}
	return d.groupsOf, nil
}

// ruledLookup is ldapLookup with groups in capital or small letters.
func ruledLookup(c *conf.Config) (Lookup, error) {
	l, err := ldapLookup(c)
	if err != nil {
		return nil, err
	}
	var rule func(string) string
	switch key := keyLDAP + "conversion.rule"; strings.ToLower(c.Get(key)) {
	case "", "none":
		return l, nil
	case "to_upper":
		rule = strings.ToUpper
	case "to_lower":
		rule = strings.ToLower
	default:
		return nil, fmt.Errorf("%s is %s, not none, to_upper or to_lower", key, c.Get(key))
	}
	return func(user string) ([]string, error) {
		found, err := l(user)
		var groups []string
		for _, g := range found {
			groups = add(groups, rule(g))
		}
		return groups, err
	}, nil
}

func readDirectory(c *conf.Config) (*directory, error) {
	get := func(name, def string) string {
		if v := strings.TrimSpace(c.Get(keyLDAP + name)); v != "" {
			return v
		}
		return def
	}
	base := get("base", "")
	d := &directory{
		userBase: get("userbase", base), groupBase: get("groupbase", base),
		userFilter: get("search.filter.user", "(&(objectClass=user)(sAMAccountName={0}))"), groupFilter: get("search.filter.group", "(objectClass=group)"),
		filterArgs: c.Strings(keyLDAP + "group.search.filter.pattern"),
		memberOf:   get("search.attr.memberof", ""), member: get("search.attr.member", "member"), groupName: get("search.attr.group.name", "cn"),
		uid: get("posix.attr.uid.name", "uidNumber"), gid: get("posix.attr.gid.name", "gidNumber"),
	}
	for _, k := range []struct {
		name string
		to   *int
		def  int64
	}{{"search.group.hierarchy.levels", &d.levels, 0}, {"num.attempts", &d.attempts, 3}, {"num.attempts.before.failover", &d.beforeFailover, 3}} {
		n, err := c.Int(keyLDAP+k.name, k.def)
		if err != nil {
			return nil, err
		}
		*k.to = int(n)
	}
	d.attempts, d.beforeFailover = max(1, d.attempts), max(1, d.beforeFailover)
	for _, k := range []struct {
		name string
		to   *time.Duration
		def  time.Duration
	}{{"connection.timeout.ms", &d.connect, time.Minute}, {"read.timeout.ms", &d.answer, time.Minute}, {"directory.search.timeout", &d.limit, 10 * time.Second}} {
		var err error
		if *k.to, err = c.Duration(keyLDAP+k.name, k.def, time.Millisecond); err != nil {
			return nil, err
		}
	}
	for _, filter := range []string{d.userFilter, d.groupFilter} {
		if _, err := ldap.CompileFilter(fill(filter, "x", "x", "x", "x", "x")); err != nil {
			return nil, fmt.Errorf("%ssearch.filter: %s is no filter: %w", keyLDAP, filter, err)
		}
	}
	return d, errors.Join(d.readServers(c), d.readBinds(c))
}

// readServers reads where the servers are and whom to believe that they are.
func (d *directory) readServers(c *conf.Config) error {
	ssl, err := c.Bool(keyLDAP+"ssl", false)
	if err != nil {
		return err
	}
	for _, s := range c.Strings(keyLDAP + "url") {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.Scheme != "ldap" && u.Scheme != "ldaps" {
			return fmt.Errorf("%surl: %q is not ldap://HOST or ldaps://HOST", keyLDAP, s)
		}
		if strings.Trim(u.Path, "/") != "" {
			return fmt.Errorf("%surl: %q has a path: it belongs into %sbase", keyLDAP, s, keyLDAP)
		}
		if ssl {
			u.Scheme = "ldaps"
		}
		d.urls = append(d.urls, u.Scheme+"://"+u.Host)
	}
	if len(d.urls) == 0 {
		return fmt.Errorf("%surl is empty: LdapGroupsMapping has nobody to ask", keyLDAP)
	}
	if c.Get(keyLDAP+"ssl.keystore") != "" {
		return fmt.Errorf("%sssl.keystore: certificates of the client are not supported", keyLDAP)
	}
	if file := c.Get(keyLDAP + "ssl.truststore"); file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("%sssl.truststore: %w", keyLDAP, err)
		}
		d.roots = x509.NewCertPool()
		if !d.roots.AppendCertsFromPEM(data) {
			return fmt.Errorf("%sssl.truststore: %s has no certificates as PEM (keytool -exportcert -rfc makes such a file of a Java keystore)", keyLDAP, file)
		}
	}
	return nil
}

// readBinds reads who asks: one user, or several of whom the next one is tried when
// one is refused.
func (d *directory) readBinds(c *conf.Config) error {
	prefixes := []string{keyLDAP}
	if aliases := c.Strings(keyLDAP + "bind.users"); len(aliases) > 0 {
		prefixes = nil
		for _, a := range aliases {
			prefixes = append(prefixes, keyLDAP+"bind.users."+a+".")
		}
	}
	for _, p := range prefixes {
		b := bind{user: c.Get(p + "bind.user"), password: c.Get(p + "bind.password")}
		if c.Get(p+"bind.password.alias") != "" {
			return fmt.Errorf("%sbind.password.alias: credential providers are not supported, use %sbind.password.file", p, p)
		}
		if file := c.Get(p + "bind.password.file"); file != "" && b.password == "" {
			data, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("%sbind.password.file: %w", p, err)
			}
			b.password = strings.TrimSpace(string(data))
		}
		d.binds = append(d.binds, b)
	}
	return nil
}

// dial connects to a server and says who asks.
func (d *directory) dial(url string, who bind) (*ldap.Conn, error) {
	conn, err := ldap.DialURL(url, ldap.DialWithDialer(&net.Dialer{Timeout: d.connect}),
		ldap.DialWithTLSConfig(&tls.Config{RootCAs: d.roots, ServerName: hostOf(url), MinVersion: tls.VersionTLS12}))
	if err != nil {
		return nil, err
	}
	conn.SetTimeout(d.answer)
	if who.user != "" {
		if err := conn.Bind(who.user, who.password); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("bind as %s: %w", who.user, err)
		}
	}
	return conn, nil
}

func hostOf(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "" // readServers has refused it
	}
	return u.Hostname()
}
