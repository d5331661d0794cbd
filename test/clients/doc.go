// Package clients runs what others have written for HDFS on a file system of this
// project, with two NameNodes over MariaDB: Spark, and the clients hdfs-native in Rust
// and colinmarc/hdfs in Go, which speak Hadoop's protocols without Java.
package clients
