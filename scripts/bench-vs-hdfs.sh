#!/usr/bin/env bash
# Measures our NameNode on MariaDB and on SQLite beside Apache's on this machine: installs what is missing, starts all
# three, runs Apache's NNThroughputBenchmark and `hdfs bench` on each in turn, and prints tables with ratios.
#
#   scripts/bench-vs-hdfs.sh              three rounds, an hour or more
#   scripts/bench-vs-hdfs.sh -short       one round of small runs, about a quarter of an hour
#   scripts/bench-vs-hdfs.sh -help        all options
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/install.sh
. scripts/install.sh

tools mariadbd=mariadb-server javac=default-jdk-headless mvn=maven >&2
jars >&2
program=$(mktemp -d)
trap 'rm -rf "$program"' EXIT
go build -o "$program/versus" ./bench/versus
"$program/versus" "$@"
