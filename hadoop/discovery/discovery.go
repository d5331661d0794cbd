// Package discovery is what clients and DataNodes make of the list by which a
// NameNode tells who else serves the file system. It knows how the list is read
// and how its addresses are matched with those of a configuration; who is asked,
// and what follows from the answer, is its callers' matter.
package discovery

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/hopsql/hopsql/hadoop/protocols/hopsqlpb"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"google.golang.org/protobuf/proto"
)

// Protocol is the name of the protocol on the wire, and Method its only method.
const (
	Protocol = "org.hopsql.protocol.NameNodesProtocol"
	Method   = "getActiveNamenodes"
)

// NameNode is one NameNode that serves the file system.
type NameNode struct {
	ID          int64  // of this start of it; larger is younger
	RPCAddr     string // host:port for clients
	ServiceAddr string // host:port for DataNodes
	HTTPAddr    string // host:port, "" if unknown
	Leader      bool   // it does the background work
	Load        int64  // calls in progress at its last heartbeat
	Version     string
	Started     time.Time // by its own clock; zero if unknown

	names []string // host:port by which it may be configured
}

// Caller is what Ask needs of an rpc.Client.
type Caller interface {
	Call(ctx context.Context, addr, protocol, method string, req, resp proto.Message) error
}

// Ask asks the NameNode at addr for all that live, the oldest first. The error
// answers Unknown if it has no answer to that.
func Ask(ctx context.Context, c Caller, addr string) ([]NameNode, error) {
	resp := &hopsqlpb.GetActiveNamenodesResponseProto{}
	if err := c.Call(ctx, addr, Protocol, Method, &hopsqlpb.GetActiveNamenodesRequestProto{}, resp); err != nil {
		return nil, err
	}
	if len(resp.GetNamenodes()) == 0 {
		return nil, errors.New("the NameNode at " + addr + " knows of nobody, not even itself")
	}
	return Decode(resp), nil
}

// Unknown tells whether an error of Ask says that the server does not know the
// protocol, or keeps it from the caller: asking again is useless. Apache's do so.
func Unknown(err error) bool {
	var x *rpc.Exception
	return errors.As(err, &x) && x.Class != "org.apache.hadoop.ipc.StandbyException" && x.Class != "org.apache.hadoop.ipc.RetriableException"
}

// Decode reads the list. An address is the IP address that the NameNode names,
// else its host name.
func Decode(resp *hopsqlpb.GetActiveNamenodesResponseProto) []NameNode {
	var out []NameNode
	for _, p := range resp.GetNamenodes() {
		n := NameNode{ID: p.GetId(), HTTPAddr: p.GetHttpAddress(), Leader: p.GetLeader(), Load: p.GetLoad(), Version: p.GetVersion()}
		if p.GetStarted() != 0 {
			n.Started = time.UnixMilli(p.GetStarted())
		}
		port := strconv.Itoa(int(p.GetRpcPort()))
		n.RPCAddr = net.JoinHostPort(host(p.GetRpcIpAddress(), p.GetRpcHostname()), port)
		n.ServiceAddr = n.RPCAddr
		n.names = []string{n.RPCAddr, net.JoinHostPort(p.GetRpcHostname(), port)}
		if p.GetServicePort() != 0 {
			port = strconv.Itoa(int(p.GetServicePort()))
			service := p.GetServiceIpAddress() // which may be a name
			if ip := net.ParseIP(service); service == "" || ip.IsUnspecified() {
				service = host(p.GetRpcIpAddress(), p.GetRpcHostname())
			}
			n.ServiceAddr = net.JoinHostPort(service, port)
			n.names = append(n.names, n.ServiceAddr, net.JoinHostPort(p.GetRpcHostname(), port))
		}
		out = append(out, n)
	}
	return out
}

// host is ip if that is an address to connect to, else name.
func host(ip, name string) string {
	if parsed := net.ParseIP(ip); parsed == nil || parsed.IsUnspecified() {
		return name
	}
	return ip
}

// Resolver finds the IP addresses of a host, as net.Resolver.LookupHost does.
type Resolver func(ctx context.Context, host string) ([]string, error)

// Spelled gives the NameNodes of a list that the one at from gave by their
// addresses: spelled as in known where one of those is meant, else as choose
// has it. Known host names are looked up if that is needed to tell.
func Spelled(ctx context.Context, resolve Resolver, from string, known []string, list []NameNode, choose func(NameNode) string) map[string]NameNode {
	out, rest := make(map[string]NameNode), slices.Clone(list)
	match := func(addr string, names []string) {
		for i, n := range rest {
			if slices.ContainsFunc(names, func(name string) bool { return slices.Contains(n.names, name) }) {
				out[addr], rest = n, slices.Delete(rest, i, i+1)
				return
			}
		}
	}
	for _, addr := range known {
		match(addr, []string{addr})
	}
	for _, addr := range known {
		host, port, err := net.SplitHostPort(addr)
		if _, found := out[addr]; found || err != nil || len(rest) == 0 || net.ParseIP(host) != nil {
			continue
		}
		ips, err := resolve(ctx, host)
		if err != nil {
			continue // then it is not where the list came from
		}
		for i := range ips {
			ips[i] = net.JoinHostPort(ips[i], port)
		}
		match(addr, ips)
	}
	for _, n := range rest {
		if addr := choose(n); !isLoopback(addr) || isLoopback(from) { // else it means another machine than this
			out[addr] = n
		}
	}
	return out
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}
