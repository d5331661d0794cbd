package groups

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// groupsOf is the Lookup: it tries the servers, and the users that may ask, in turn.
func (d *directory) groupsOf(user string) ([]string, error) {
	var last error
	who := 0
	for i := range d.attempts {
		server := d.urls[i/d.beforeFailover%len(d.urls)]
		conn, err := d.dial(server, d.binds[who])
		if err == nil {
			var groups []string
			groups, err = d.ask(conn, user)
			_ = conn.Close()
			if err == nil {
				return groups, nil
			}
		}
		last = fmt.Errorf("%s: %w", server, err)
		if ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
			who = (who + 1) % len(d.binds)
		}
	}
	return nil, last
}

// ask finds the user and then the groups.
func (d *directory) ask(conn *ldap.Conn, name string) ([]string, error) {
	users, err := d.query(conn, d.userBase, fill(d.userFilter, name), slices.Concat(d.filterArgs, []string{d.memberOf, d.uid, d.gid})...)
	if err != nil || len(users) == 0 {
		return nil, err
	}
	if groups := d.named(users[0]); len(groups) > 0 && d.levels == 0 {
		return groups, nil
	}
	filter, ok := d.filterFor(users[0])
	if !ok {
		return nil, nil
	}
	groups, dns, err := d.search(conn, nil, filter)
	if err != nil || d.posix() {
		return groups, err
	}
	for range d.levels {
		if len(dns) == 0 {
			break
		}
		var any strings.Builder
		for _, dn := range dns {
			any.WriteString("(" + d.member + "=" + ldap.EscapeFilter(dn) + ")")
		}
		if groups, dns, err = d.search(conn, groups, "(&"+d.groupFilter+"(|"+any.String()+"))"); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// named reads the groups from the entry of a user, none if one of them has another
// kind of name.
func (d *directory) named(user *ldap.Entry) (groups []string) {
	if d.memberOf == "" {
		return nil
	}
	for _, text := range user.GetEqualFoldAttributeValues(d.memberOf) {
		dn, err := ldap.ParseDN(text)
		if err != nil || len(dn.RDNs) == 0 {
			return nil
		}
		first := dn.RDNs[0].Attributes[0]
		if !strings.EqualFold(first.Type, d.groupName) {
			return nil
		}
		groups = add(groups, first.Value)
	}
	return groups
}

func (d *directory) posix() bool {
	return len(d.filterArgs) == 0 && strings.Contains(d.groupFilter, "posixGroup") && strings.Contains(d.userFilter, "posixAccount")
}

// filterFor is how the groups of a user are found: false if the user has no entry
// that could tell.
func (d *directory) filterFor(user *ldap.Entry) (string, bool) {
	if len(d.filterArgs) > 0 {
		var args []string
		for _, a := range d.filterArgs {
			if strings.EqualFold(a, "userDN") {
				args = append(args, user.DN)
				continue
			}
			args = append(args, user.GetEqualFoldAttributeValue(a))
		}
		return fill(d.groupFilter, args...), !slices.Contains(args, "")
	}
	if d.posix() {
		uid, gid := user.GetEqualFoldAttributeValue(d.uid), user.GetEqualFoldAttributeValue(d.gid)
		return fill("(&"+d.groupFilter+"(|("+d.gid+"={0})("+d.member+"={1})))", gid, uid), uid != "" && gid != ""
	}
	return fill("(&"+d.groupFilter+"("+d.member+"={0}))", user.DN), true
}

// search adds the names of the groups that a filter finds, and returns their
// distinguished names.
func (d *directory) search(conn *ldap.Conn, groups []string, filter string) (_, dns []string, err error) {
	found, err := d.query(conn, d.groupBase, filter, d.groupName)
	if err != nil {
		return nil, nil, err
	}
	for _, g := range found {
		name := g.GetEqualFoldAttributeValue(d.groupName)
		if name == "" {
			return nil, nil, fmt.Errorf("group %s has no %s", g.DN, d.groupName)
		}
		groups, dns = add(groups, name), append(dns, g.DN)
	}
	return groups, dns, nil
}

// query searches a part of the tree.
func (d *directory) query(conn *ldap.Conn, base, filter string, attributes ...string) ([]*ldap.Entry, error) {
	attributes = slices.DeleteFunc(slices.Clone(attributes), func(a string) bool { return a == "" })
	limit := int((d.limit + time.Second - 1) / time.Second)
	r, err := conn.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.DerefAlways, 0, limit, false, filter, attributes, nil))
	if err != nil {
		return nil, fmt.Errorf("search %s below %q: %w", filter, base, err)
	}
	return r.Entries, nil
}

// fill puts values in the places {0}, {1} … of a filter. No value can be more than
// a value.
func fill(filter string, values ...string) string {
	var pairs []string
	for i, v := range values {
		pairs = append(pairs, "{"+strconv.Itoa(i)+"}", ldap.EscapeFilter(v))
	}
	return strings.NewReplacer(pairs...).Replace(filter)
}
