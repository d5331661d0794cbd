#!/usr/bin/env bash
# Stops the NameNode; see hadoop-daemon.sh for the environment.
exec "$(dirname "${BASH_SOURCE[0]}")/hadoop-daemon.sh" --script hdfs stop namenode "$@"
