// Package rpc speaks Hadoop IPC version 9, both ends of it: the server that a
// NameNode or DataNode registers its protocols with, and a client.
//
// The server promises that a call is answered exactly once or its connection is
// closed, that answers go out in the order in which calls end, that no peer can
// make it allocate what it has not sent, and that a bad peer harms its own
// connection only. The client promises that a call ends with an answer, with
// the error a server sent (*Exception), or with one of ErrConnect,
// ErrConnectionLost and ErrTimeout, so that the caller knows whether the server
// may have run it.
//
// Authentication is SIMPLE: the peer is believed. A client that begins with the
// SASL byte is led to SIMPLE; Kerberos, tokens and encryption are not spoken.
// getProtocolSignature of the meta protocol names versions without method
// fingerprints, because those are hashes of Java class names.
//
// The package knows no NameNode, no file and no retry policy.
package rpc
