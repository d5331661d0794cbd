package rpc

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
)

// metaProtocol tells clients which protocols a server speaks. Every Java server has it.
const metaProtocol = "org.apache.hadoop.ipc.ProtocolMetaInfoPB"

const kindName = "RPC_PROTOCOL_BUFFER"

// registerMeta adds the meta protocol.
func (s *Server) registerMeta() {
	s.Register(metaProtocol, map[string]Method{
		"getProtocolVersions": Handle(func(_ context.Context, _ *Call, q *ipcpb.GetProtocolVersionsRequestProto) (*ipcpb.GetProtocolVersionsResponseProto, error) {
			if s.protocols[q.GetProtocol()] == nil {
				return nil, &Exception{classNotFound, q.GetProtocol()}
			}
			return &ipcpb.GetProtocolVersionsResponseProto{ProtocolVersions: []*ipcpb.ProtocolVersionProto{
				{RpcKind: proto.String(kindName), Versions: []uint64{1}},
			}}, nil
		}),
		// Methods would be hashes of Java class names; without them a client
		// takes every method for unsupported that it asks about.
		"getProtocolSignature": Handle(func(_ context.Context, _ *Call, q *ipcpb.GetProtocolSignatureRequestProto) (*ipcpb.GetProtocolSignatureResponseProto, error) {
			if s.protocols[q.GetProtocol()] == nil {
				return nil, &Exception{classNotFound, q.GetProtocol()}
			}
			if q.GetRpcKind() != kindName {
				return nil, nil
			}
			return &ipcpb.GetProtocolSignatureResponseProto{ProtocolSignature: []*ipcpb.ProtocolSignatureProto{
				{Version: proto.Uint64(1)},
			}}, nil
		}),
	})
}
