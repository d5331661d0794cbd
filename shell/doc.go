// Package shell is `hdfs dfs`: the verbs of Hadoop's file system shell over any
// FileSystem, an HDFS or the local disk.
//
// It promises what scripts depend on: the words on standard output and standard
// error, their order, and the exit code (0 done, 1 some of it failed, 130
// interrupted, 255 wrong usage) are those of Apache Hadoop 3.4. Each verb is one
// row of the table in verbs.go and one function.
//
// It does not know how a NameNode is reached, which configuration files there
// are, or that it runs in a process: all of that is handed to Shell.
package shell
