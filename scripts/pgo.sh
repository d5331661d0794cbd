#!/usr/bin/env bash
# Makes cmd/hdfs/default.pgo, by which the Go compiler knows what a NameNode does all day: where to inline and where
# to place branches. `go build` takes it from there by itself. Run it on an idle machine after changes that matter for
# speed; it takes about two minutes, and the next build compiles everything anew.
#
#   scripts/pgo.sh           5 seconds of each operation, on SQLite and on MariaDB
#   scripts/pgo.sh SECONDS   the same for so long
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-5}
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then
	echo "usage: scripts/pgo.sh [SECONDS]" >&2
	exit 2
fi
if [[ -z ${HOPSQL_TEST_MYSQL-} ]]; then
	# shellcheck source=scripts/install.sh
	. scripts/install.sh
	tools mariadbd=mariadb-server
	exec go run ./testkit/withmariadb "scripts/$(basename "$0")" "$@"
fi

work=$(mktemp -d)
namenode=
stop() {
	[[ -z $namenode ]] || kill "$namenode" 2>/dev/null || true
	wait
	namenode=
}
trap 'stop; rm -rf "$work"' EXIT
operations=(mkdir create write stat open ls rename delete)
go build -o "$work/hdfs" ./cmd/hdfs
export HADOOP_CONF_DIR=$work

# profile NAME URL: one profile of a NameNode on that store.
profile() {
	local rpc=$((20000 + RANDOM % 10000)) length=$((${#operations[@]} * (seconds + 1)))
	local http=$((rpc + 10000))
	cat >"$work/core-site.xml" <<-XML
		<configuration><property><name>fs.defaultFS</name><value>hdfs://127.0.0.1:$rpc</value></property></configuration>
	XML
	cat >"$work/hdfs-site.xml" <<-XML
		<configuration>
		<property><name>dfs.storage.driver.url</name><value>$2</value></property>
		<property><name>dfs.namenode.http-address</name><value>127.0.0.1:$http</value></property>
		<property><name>hopsql.pprof.enable</name><value>true</value></property>
		</configuration>
	XML
	"$work/hdfs" namenode -format -force -nonInteractive >>"$work/log" 2>&1
	"$work/hdfs" namenode >>"$work/log" 2>&1 &
	namenode=$!
	for _ in {1..50}; do
		"$work/hdfs" dfsadmin -safemode get 2>/dev/null | grep -q OFF && break
		sleep 0.2
	done
	go tool pprof -proto -seconds "$length" "http://127.0.0.1:$http/debug/pprof/profile" >"$work/$1.pprof" 2>>"$work/log" &
	local reader=$!
	"$work/hdfs" bench -callers 64 -warmup 1s -time "${seconds}s" -files 5000 -datanodes 3 "${operations[@]}"
	wait "$reader"
	stop
}

echo "On SQLite:"
profile sqlite "sqlite://$work/namespace.db"
echo "On MariaDB:"
profile mariadb "${HOPSQL_TEST_MYSQL%/}/pgo"
go tool pprof -proto "$work/sqlite.pprof" "$work/mariadb.pprof" >cmd/hdfs/default.pgo 2>>"$work/log"
ls -l cmd/hdfs/default.pgo
