// Package client is a file system over the wire: names, directories and files of
// HDFS with the shape of package os.
//
// It promises: names are absolute or relative to /user/<user>; errors are
// *fs.PathError (or *os.LinkError) that answer errors.Is(err, fs.ErrNotExist) and
// its like, and errors.As to *rpc.Exception where a server spoke; a call that may
// be repeated safely is repeated over NameNodes with its first client and call
// id; what is read has had its checksums verified; what Close of a Writer
// accepted is on DataNodes.
//
// It does not know how a NameNode stores names, what a shell prints, or where
// the process' flags come from.
package client
