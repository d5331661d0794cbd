// Package ldapserver is a small LDAP server within a test: it binds and searches. It
// knows the filters with and, or, not, equality and presence, compares without regard
// to case, and refuses what it does not know.
package ldapserver

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// An Entry is something with a distinguished name and attributes.
type Entry struct {
	DN         string
	Attributes map[string][]string
}

// Server answers until the test ends.
type Server struct {
	Address string // host:port

	password map[string]string
	entries  []Entry
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
	closed   bool
}

// Start starts a server. Who searches must be one of the users, by password.
func Start(tb testing.TB, users map[string]string, entries []Entry) *Server {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{Address: l.Addr().String(), password: users, entries: entries, listener: l}
	tb.Cleanup(s.Close)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if !s.keep(c) {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

// keep remembers a connection. It returns false, and closes it, after Close.
func (s *Server) keep(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return false
	}
	s.conns = append(s.conns, c)
	return true
}

// Close stops listening and hangs up.
func (s *Server) Close() {
	_ = s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.conns {
		_ = c.Close()
	}
}

// serve answers the requests of a connection.
func (s *Server) serve(c net.Conn) {
	defer c.Close()
	bound := false
	for {
		p, err := ber.ReadPacket(c)
		if err != nil || len(p.Children) < 2 {
			return
		}
		id, ok := p.Children[0].Value.(int64)
		if !ok {
			return
		}
		request := p.Children[1]
		var answers []*ber.Packet
		switch request.Tag {
		case ldap.ApplicationBindRequest:
			code := uint16(ldap.LDAPResultInvalidCredentials)
			if want, ok := s.password[text(request.Children[1])]; ok && text(request.Children[2]) == want {
				bound, code = true, ldap.LDAPResultSuccess
			}
			answers = append(answers, result(ldap.ApplicationBindResponse, code))
		case ldap.ApplicationSearchRequest:
			answers = s.search(request, bound)
		default: // unbind, and what this server does not know
			return
		}
		for _, a := range answers {
			m := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
			m.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
			m.AppendChild(a)
			if _, err := c.Write(m.Bytes()); err != nil {
				return
			}
		}
	}
}

func result(tag ber.Tag, code uint16) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, uint64(code), ""))
	for range 2 {
		p.AppendChild(octets(""))
	}
	return p
}

func octets(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}

func text(p *ber.Packet) string { return ber.DecodeString(p.Data.Bytes()) }

// search answers a search: the whole tree below a base.
func (s *Server) search(request *ber.Packet, bound bool) (answers []*ber.Packet) {
	code := uint16(ldap.LDAPResultSuccess)
	if !bound {
		return append(answers, result(ldap.ApplicationSearchResultDone, ldap.LDAPResultInsufficientAccessRights))
	}
	base, filter := strings.ToLower(text(request.Children[0])), request.Children[6]
	var wanted []string
	for _, a := range request.Children[7].Children {
		wanted = append(wanted, strings.ToLower(text(a)))
	}
	for _, e := range s.entries {
		dn := strings.ToLower(e.DN)
		if dn != base && !strings.HasSuffix(dn, ","+base) || !e.matches(filter) {
			continue
		}
		p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
		p.AppendChild(octets(e.DN))
		attributes := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
		for name, values := range e.Attributes {
			if len(wanted) > 0 && !slices.Contains(wanted, strings.ToLower(name)) {
				continue
			}
			a := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
			a.AppendChild(octets(name))
			set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
			for _, v := range values {
				set.AppendChild(octets(v))
			}
			a.AppendChild(set)
			attributes.AppendChild(a)
		}
		p.AppendChild(attributes)
		answers = append(answers, p)
	}
	return append(answers, result(ldap.ApplicationSearchResultDone, code))
}

// matches says whether a filter holds for an entry.
func (e Entry) matches(filter *ber.Packet) bool {
	holds := func(f *ber.Packet) bool { return e.matches(f) }
	switch filter.Tag {
	case ldap.FilterAnd:
		return !slices.ContainsFunc(filter.Children, func(f *ber.Packet) bool { return !e.matches(f) })
	case ldap.FilterOr:
		return slices.ContainsFunc(filter.Children, holds)
	case ldap.FilterNot:
		return !slices.ContainsFunc(filter.Children, holds)
	case ldap.FilterPresent:
		return len(e.values(text(filter))) > 0
	case ldap.FilterEqualityMatch:
		value := text(filter.Children[1])
		return slices.ContainsFunc(e.values(text(filter.Children[0])), func(v string) bool { return strings.EqualFold(v, value) })
	}
	return false
}

func (e Entry) values(name string) []string {
	for n, values := range e.Attributes {
		if strings.EqualFold(n, name) {
			return values
		}
	}
	return nil
}
