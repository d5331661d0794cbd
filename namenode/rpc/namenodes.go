package rpc

import (
	"context"
	"errors"
	"net"
	"strconv"

	"github.com/hopsql/hopsql/hadoop/protocols/hopsqlpb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/election"
)

// nameNodesMethods tell who else serves the file system. The answer is what this
// NameNode saw at its last heartbeat: it costs no statement, and is given also when
// the store is away, which is when it is needed.
func (s *Service) nameNodesMethods() map[string]ipc.Method {
	return map[string]ipc.Method{
		"getActiveNamenodes": handle(func(context.Context, *ipc.Call, *hopsqlpb.GetActiveNamenodesRequestProto) (*hopsqlpb.GetActiveNamenodesResponseProto, error) {
			m := &hopsqlpb.GetActiveNamenodesResponseProto{}
			for _, n := range s.living() {
				m.Namenodes = append(m.Namenodes, encodeNameNode(&n))
			}
			return m, nil
		}),
	}
}

func encodeNameNode(n *election.Member) *hopsqlpb.ActiveNodeProto {
	host, ip, port := splitAddress(n.RPCAddress)
	m := &hopsqlpb.ActiveNodeProto{Id: &n.ID, RpcHostname: &host, RpcIpAddress: ip, RpcPort: &port, HttpAddress: &n.HTTPAddress,
		Leader: &n.Leader, Version: &n.Version, Load: &n.Load, Started: &n.Started}
	if n.ServiceAddress != "" {
		host, _, port := splitAddress(n.ServiceAddress)
		m.ServiceIpAddress, m.ServicePort = &host, &port
	}
	return m
}

// splitAddress takes host:port apart; ip is nil if the host is a name.
func splitAddress(addr string) (host string, ip *string, port int32) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, nil, 0
	}
	if net.ParseIP(host) != nil {
		ip = &host
	}
	n, _ := strconv.ParseUint(p, 10, 16) // it was listened on
	return host, ip, int32(n)
}

// serving wraps methods that another NameNode can answer as well: they end once this
// one has lost the store while others serve, and the client is sent to those. Where
// there are no others, the client waits for the store here. base is the context that
// they would run under.
func (s *Service) serving(base context.Context, methods map[string]ipc.Method) map[string]ipc.Method {
	if s.serve == nil {
		return methods
	}
	begin := s.serve(base)
	enter := func() (context.Context, error) {
		ctx, err := begin()
		if err != nil {
			return nil, exception(err)
		}
		return ctx, nil
	}
	failed := func(ctx context.Context, err error) error {
		var x *ipc.Exception
		if errors.As(err, &x) && x.Class == classRetriable && ctx.Err() != nil && base.Err() == nil {
			return exception(election.ErrAway)
		}
		return err
	}
	out := make(map[string]ipc.Method, len(methods))
	for name, m := range methods {
		out[name] = m.Within(enter, failed)
	}
	return out
}
