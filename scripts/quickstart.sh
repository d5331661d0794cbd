#!/usr/bin/env bash
# A whole file system on this machine: builds the program, formats a NameNode on SQLite, starts it and a DataNode,
# puts a file and reads it back.
#
#   quickstart.sh [FOLDER]   keeps everything in FOLDER (default ~/hopsql-quickstart) and leaves the daemons running
#   quickstart.sh --check    does it in a folder of its own, stops again, removes the folder; exit 0 if all went well
set -euo pipefail

home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
hdfs=$home/bin/hdfs
check=
if [[ ${1-} == --check ]]; then
	check=yes
	dir=$(mktemp -d)
else
	dir=${1:-$HOME/hopsql-quickstart}
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
fi
export HADOOP_CONF_DIR=$dir/conf HADOOP_LOG_DIR=$dir/logs HADOOP_PID_DIR=$dir HOPSQL_HOME=$home
unset HADOOP_HOME

stop() {
	"$home/scripts/stop-dn.sh" || true
	"$home/scripts/stop-nn.sh" || true
}

# free_port FIRST: the first port from FIRST on that nobody listens on.
free_port() {
	local port=$1
	while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
	echo "$port"
}

property() { printf '  <property><name>%s</name><value>%s</value></property>\n' "$1" "$2"; }

configure() {
	mkdir -p "$HADOOP_CONF_DIR"
	{
		echo '<configuration>'
		property fs.defaultFS "hdfs://127.0.0.1:$(free_port 8020)"
		property hadoop.tmp.dir "$dir"
		echo '</configuration>'
	} >"$HADOOP_CONF_DIR/core-site.xml"
	{
		echo '<configuration>'
		property dfs.replication 1
		property dfs.storage.driver.url "sqlite://$dir/namespace.db"
		property dfs.namenode.http-address "127.0.0.1:$(free_port 9870)"
		property dfs.datanode.data.dir "file://$dir/blocks"
		property dfs.datanode.hostname 127.0.0.1
		property dfs.datanode.address "127.0.0.1:$(free_port 9866)"
		property dfs.datanode.http.address "127.0.0.1:$(free_port 9864)"
		property dfs.datanode.ipc.address "127.0.0.1:$(free_port 9867)"
		echo '</configuration>'
	} >"$HADOOP_CONF_DIR/hdfs-site.xml"
	if ! "$hdfs" namenode -format -nonInteractive >"$dir/format.log" 2>&1; then
		cat "$dir/format.log" >&2
		rm -f "$HADOOP_CONF_DIR/hdfs-site.xml"
		return 1
	fi
}

if [[ -n $check ]]; then trap 'stop; rm -rf "$dir"' EXIT; fi

if [[ -n $check || ! -x $hdfs ]]; then
	echo "Building $hdfs"
	(cd "$home" && go build -o bin/hdfs ./cmd/hdfs)
fi
if [[ ! -f $HADOOP_CONF_DIR/hdfs-site.xml ]]; then
	echo "Formatting a file system in $dir"
	configure
fi
for daemon in namenode datanode; do
	if "$home/scripts/hadoop-daemon.sh" status "$daemon"; then continue; fi
	echo "Starting the $daemon"
	"$home/scripts/hadoop-daemon.sh" start "$daemon"
done

"$hdfs" dfsadmin -safemode wait >/dev/null
for ((i = 0; i < 300; i++)); do
	if "$hdfs" dfsadmin -report | grep -q '^Live datanodes'; then break; fi
	sleep 0.1
done

# 5,000 numbered lines, so that a byte out of place shows.
seq 5000 >"$dir/hello.txt"
"$hdfs" dfs -mkdir -p /hello
"$hdfs" dfs -put -f "$dir/hello.txt" /hello/hello.txt
"$hdfs" dfs -ls /hello
"$hdfs" dfs -cat /hello/hello.txt | cmp - "$dir/hello.txt"
echo "A file was put and read back, byte for byte."

if [[ -z $check ]]; then
	cat <<-END

		Go on with:   export HADOOP_CONF_DIR=$HADOOP_CONF_DIR HADOOP_PID_DIR=$HADOOP_PID_DIR HADOOP_LOG_DIR=$HADOOP_LOG_DIR
		              $hdfs dfs -ls /          (Apache's own hdfs works too, with the same HADOOP_CONF_DIR)
		Stop with:    $home/scripts/stop-dn.sh; $home/scripts/stop-nn.sh
		Remove with:  rm -r $dir
	END
fi
