package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
)

// policyKeys are the keys of hadoop-policy.xml by protocol, without ".acl".
var policyKeys = map[string]string{
	ClientProtocol:          "security.client.protocol",
	DatanodeProtocol:        "security.datanode.protocol",
	LifelineProtocol:        "security.datanode.lifeline.protocol",
	NamenodeProtocol:        "security.namenode.protocol",
	HAServiceProtocol:       "security.ha.service.protocol",
	RefreshAuthorization:    "security.refresh.policy.protocol",
	RefreshUserMappings:     "security.refresh.user.mappings.protocol",
	GetUserMappings:         "security.get.user.mappings.protocol",
	RefreshCallQueue:        "security.refresh.callqueue.protocol",
	GenericRefresh:          "security.refresh.generic.protocol",
	ReconfigurationProtocol: "security.reconfiguration.protocol",
	NameNodesProtocol:       "security.client.protocol", // for clients, and of this project
}

const policyDefault = "security.service.authorization.default"

// An access says who may use a protocol, and from where.
type access struct {
	users, blockedUsers       people
	machines, blockedMachines machines
}

// people are users and groups, or everybody.
type people struct {
	all           bool
	users, groups []string
}

// parsePeople reads "user,user group,group": either part may be empty, "*" is
// everybody.
func parsePeople(s string) people {
	if strings.TrimSpace(s) == "*" {
		return people{all: true}
	}
	users, groups, _ := strings.Cut(s, " ")
	return people{users: names(users), groups: names(groups)}
}

func names(list string) (all []string) {
	for n := range strings.SplitSeq(list, ",") {
		if n = strings.TrimSpace(n); n != "" {
			all = append(all, n)
		}
	}
	return all
}

func (p *people) has(user string, groups func(string) []string) bool {
	if p.all || slices.Contains(p.users, user) {
		return true
	}
	return len(p.groups) > 0 && slices.ContainsFunc(groups(user), func(g string) bool { return slices.Contains(p.groups, g) })
}

// newAccess reads who may use each protocol.
func newAccess(c *conf.Config) (map[string]*access, error) {
	all := map[string]*access{}
	for protocol, key := range policyKeys {
		get := func(suffix, def string) string {
			for _, k := range []string{key, policyDefault} {
				if v, ok := c.Lookup(k + suffix); ok {
					return v
				}
			}
			return def
		}
		a := &access{users: parsePeople(get(".acl", "*")), blockedUsers: parsePeople(get(".acl.blocked", ""))}
		if err := a.machines.add(key+".hosts", names(get(".hosts", "*"))); err != nil {
			return nil, err
		}
		if err := a.blockedMachines.add(key+".hosts.blocked", names(get(".hosts.blocked", ""))); err != nil {
			return nil, err
		}
		all[protocol] = a
	}
	return all, nil
}

// Authorize decides whether a connection may act for its user, and use its protocol;
// see ipc.ServerConfig.Authorize.
func (s *Service) Authorize(c *ipc.Call) error {
	if c.RealUser != "" {
		if err := s.checkProxy(c); err != nil {
			return err
		}
	}
	if !s.authorization {
		return nil
	}
	a := (*s.access.Load())[c.Protocol]
	switch {
	case a == nil:
		return &ipc.Exception{Class: classAuthorization, Message: fmt.Sprintf("Protocol %s is not known.", c.Protocol)}
	case !a.users.has(c.User, s.groups.Of) || a.blockedUsers.has(c.User, s.groups.Of):
		who := c.User
		if c.RealUser != "" {
			who += " (auth:PROXY) via " + c.RealUser
		}
		return &ipc.Exception{Class: classAuthorization,
			Message: fmt.Sprintf("User %s (auth:SIMPLE) is not authorized for protocol interface %s: denied by configured ACL", who, c.Protocol)}
	case !a.machines.has(c.RemoteIP) || a.blockedMachines.has(c.RemoteIP):
		return &ipc.Exception{Class: classAuthorization,
			Message: fmt.Sprintf("Host %s is not authorized for protocol interface %s", c.RemoteIP, c.Protocol)}
	}
	return nil
}

// refreshAccess reads hadoop-policy.xml again.
func (s *Service) refreshAccess(_ context.Context, c *ipc.Call, _ *ipcpb.RefreshServiceAclRequestProto) (*ipcpb.RefreshServiceAclResponseProto, error) {
	if !s.authorization {
		return nil, &ipc.Exception{Class: classAuthorization, Message: "Service Level Authorization not enabled!"}
	}
	fresh, err := s.fresh()
	if err != nil {
		return nil, err
	}
	all, err := newAccess(fresh)
	if err != nil {
		return nil, err
	}
	s.access.Store(&all)
	s.audit(c, nil, "refreshServiceAcl", "", "")
	return nil, nil
}

// fresh is the configuration, read again.
func (s *Service) fresh() (*conf.Config, error) {
	if s.reload == nil {
		return nil, errors.New("the configuration of this NameNode cannot be read again")
	}
	return s.reload()
}
