// Package bench puts load on a live NameNode and tells how it bore it: calls a
// second, latencies, and the CPU that each process took for a call.
//
// It speaks ClientProtocol as stock clients do, so any HDFS NameNode will do. It
// costs little itself: callers share a few connections, requests and answers are
// written and read by hand, and of an answer only what is checked is looked at. An
// answer that is not what was asked for counts as a failed call.
//
// All it makes lies below Options.Dir.
package bench
