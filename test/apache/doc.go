// Package apache runs Apache Hadoop's own test suites against file systems of this
// project: the contract suites, the FileSystem and FileContext base suites, those of
// access control lists and extended attributes, and the command-line cases, the
// latter by Apache's FsShell and DFSAdmin and by this project's hdfs.
//
// The suites come from Apache's jars as they are (test/hadoop/pom.xml). What is in
// java/ leads them to a NameNode in another process, where they would start one in
// their own. exceptions.txt lists what may fail, with reasons: the tests fail when
// anything else does, and when a listed exception passes.
package apache
