package rpc

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
)

// A client whose user holds any token, or whose configuration asks for
// security, begins with the SASL byte and waits for an answer to NEGOTIATE.
// SUCCESS tells it to go on with SIMPLE. Some clients do not wait and send
// INITIATE for SIMPLE, which Hadoop takes without an answer.

// saslReply is what the server does about one SASL message: answer or not, and
// whether the connection is SIMPLE from here on.
func saslReply(m *ipcpb.RpcSaslProto) (answer *ipcpb.RpcSaslProto, err *wireError) {
	refuse := func(class, format string, args ...any) *wireError {
		return &wireError{statusFatal, detailUnauthorized, class, fmt.Sprintf(format, args...)}
	}
	switch m.GetState() {
	case ipcpb.RpcSaslProto_NEGOTIATE:
		return &ipcpb.RpcSaslProto{State: ipcpb.RpcSaslProto_SUCCESS.Enum()}, nil
	case ipcpb.RpcSaslProto_INITIATE:
		if len(m.GetAuths()) != 1 {
			return nil, refuse(classSasl, "Client mechanism is malformed")
		}
		if method := m.GetAuths()[0].GetMethod(); method != "SIMPLE" {
			return nil, refuse(classAccessControl, "%s authentication is not enabled.  Available:[SIMPLE]", method)
		}
		return nil, nil
	}
	return nil, refuse(classSasl, "Client sent unsupported state %s", m.GetState())
}

// sasl takes one SASL message of a client.
func (c *conn) sasl(body []byte) *wireError {
	if !c.negotiating {
		return fatalf(detailInvalidHeader, "SASL protocol not requested by client")
	}
	var m ipcpb.RpcSaslProto
	if err := decodeDelimited(body, &m); err != nil {
		return err
	}
	answer, refused := saslReply(&m)
	if refused != nil {
		return refused
	}
	c.negotiating = false
	if answer == nil {
		return nil
	}
	b := newBuffer()
	defer b.free()
	b.b = beginFrame(b.b)
	b.b = appendResponseHeader(b.b, idSasl, noRetryCount, nil, nil)
	var err error
	if b.b, err = appendMessage(b.b, answer); err != nil {
		return toWire(err)
	}
	c.out.send(endFrame(b.b, 0)) // an error closed the connection already
	return nil
}

// decodeDelimited decodes the one message that body begins with.
func decodeDelimited(body []byte, m proto.Message) *wireError {
	msg, _, err := cutMessage(body)
	if err == nil {
		err = proto.Unmarshal(msg, m)
	}
	if err != nil {
		return fatalf(detailDeserializing, "Error decoding %s: %v", m.ProtoReflect().Descriptor().Name(), err)
	}
	return nil
}
