#!/usr/bin/env bash
# Stops the NameNode of this machine and formats the file system: everything in it is lost. On a terminal it asks
# first; arguments such as -force, -nonInteractive and -clusterid ID are passed on.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
hdfs=${HOPSQL_HOME:-$here/..}/bin/hdfs
[[ -x $hdfs ]] || hdfs=hdfs
"$here/hadoop-daemon.sh" --script hdfs stop namenode || exit
exec "$hdfs" namenode -format "$@"
