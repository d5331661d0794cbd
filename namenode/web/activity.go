package web

import "github.com/hopsql/hopsql/namenode/metrics"

// rpcActivity is the load of a port.
func rpcActivity(p *metrics.Port) bean {
	name := "RpcActivityForPort" + p.Number()
	b := bean{"name": beanPrefix + name, "modelerType": name, "tag.port": p.Number(), "tag.Context": "rpc"}
	st := p.Stats()
	b["ReceivedBytes"], b["SentBytes"] = st.ReceivedBytes, st.SentBytes
	b["NumOpenConnections"], b["CallQueueLength"], b["NumInProcessHandler"] = st.Connections, st.Waiting, st.Running
	b["RpcClientBackoff"] = st.Busy
	queue, processing, failed := p.Calls()
	for _, a := range []metrics.Average{queue, processing} {
		b[a.Name+"NumOps"], b[a.Name+"AvgTime"] = a.Ops, a.Milliseconds
	}
	b["RpcCallSuccesses"] = processing.Ops - min(failed, processing.Ops)
	return b
}

// rpcDetailed are the methods of a port, and its errors under the names of their classes.
func rpcDetailed(p *metrics.Port) bean {
	name := "RpcDetailedActivityForPort" + p.Number()
	b := bean{"name": beanPrefix + name, "modelerType": name, "tag.port": p.Number(), "tag.Context": "rpcdetailed"}
	for _, a := range p.Methods() {
		n := upper(a.Name)
		b[n+"NumOps"], b[n+"AvgTime"] = a.Ops, a.Milliseconds
	}
	return b
}
