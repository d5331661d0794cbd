#!/usr/bin/env bash
# Starts, stops or asks for one daemon, with the files where Hadoop puts them.
#
#   hadoop-daemon.sh [--config DIR] [--script hdfs] start|stop|status namenode|datanode [argument...]
#
# Environment: HADOOP_CONF_DIR, HADOOP_LOG_DIR, HADOOP_PID_DIR, HADOOP_IDENT_STRING, HADOOP_STOP_TIMEOUT (s),
# HOPSQL_START_TIMEOUT (s), HOPSQL_HOME.
set -uo pipefail

home=${HOPSQL_HOME:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}

usage() {
	echo "Usage: hadoop-daemon.sh [--config <conf-dir>] [--script hdfs] (start|stop|status) (namenode|datanode) [args...]" >&2
	exit 1
}

while [[ ${1-} == --* ]]; do
	case $1 in
	--config) export HADOOP_CONF_DIR=${2-} ;;
	--script) ;; # Hadoop 2's way to say which program it is: here there is one
	*) usage ;;
	esac
	(($# >= 2)) || usage
	shift 2
done
(($# >= 2)) || usage
action=$1 daemon=$2
shift 2
[[ $daemon == namenode || $daemon == datanode ]] || usage
if [[ -n ${HADOOP_CONF_DIR-} && ! -d $HADOOP_CONF_DIR ]]; then
	echo "ERROR: the configuration folder $HADOOP_CONF_DIR does not exist." >&2
	exit 1
fi
# shellcheck disable=SC1091
if [[ -r ${HADOOP_CONF_DIR-}/hadoop-env.sh ]]; then . "$HADOOP_CONF_DIR/hadoop-env.sh"; fi

ident=${HADOOP_IDENT_STRING:-${USER:-$(id -un)}}
log_dir=${HADOOP_LOG_DIR:-${HADOOP_HOME:-$home}/logs}
pid_dir=${HADOOP_PID_DIR:-/tmp}
pid_file=$pid_dir/hadoop-$ident-$daemon.pid
log=$log_dir/hadoop-$ident-$daemon-$(hostname).log
out=${log%.log}.out

# ours PID: the process lives and is this daemon, not somebody who got its number.
ours() {
	local word
	[[ $1 =~ ^[0-9]+$ ]] && mapfile -d '' -t word <"/proc/$1/cmdline" || return 1
	word=("${word[@]-}" "")
	[[ ${word[0]##*/} == hdfs && ${word[1]} == "$daemon" ]]
} 2>/dev/null

running() {
	pid=$(cat "$pid_file" 2>/dev/null) && ours "$pid"
}

# wait_gone PID SECONDS
wait_gone() {
	local i
	for ((i = 0; i < $2 * 20; i++)); do
		ours "$1" || return 0
		sleep 0.05
	done
	! ours "$1"
}

binary() {
	if [[ -x $home/bin/hdfs ]]; then
		echo "$home/bin/hdfs"
	elif ! command -v hdfs; then
		echo "ERROR: no hdfs program in $home/bin or on PATH; build it: go build -o $home/bin/hdfs $home/cmd/hdfs" >&2
		return 1
	fi
}

need_dir() {
	mkdir -p "$1" 2>/dev/null && [[ -w $1 ]] && return
	echo "ERROR: Unable to write in $1. Aborting." >&2
	exit 1
}

start() {
	if running; then
		echo "$daemon is running as process $pid.  Stop it first." >&2
		exit 1
	fi
	local hdfs i from
	hdfs=$(binary) || exit 1
	need_dir "$pid_dir"
	need_dir "$log_dir"
	rm -f "$pid_file"
	for i in 4 3 2 1; do [[ ! -f $out.$i ]] || mv "$out.$i" "$out.$((i + 1))"; done
	[[ ! -f $out ]] || mv "$out" "$out.1"
	ulimit -a >"$out"
	touch "$log"
	from=$(stat -c %s "$log")
	setsid "$hdfs" "$daemon" "$@" </dev/null >>"$out" 2>>"$log" &
	pid=$!
	disown
	if ! (set -o noclobber && echo "$pid" >"$pid_file") 2>/dev/null; then
		kill "$pid"
		echo "$daemon is running as process $(cat "$pid_file").  Stop it first." >&2
		exit 1
	fi
	await_up "$from"
}

# await_up OFFSET: the daemon says one line when it is up, after OFFSET in its log.
await_up() {
	local limit=${HOPSQL_START_TIMEOUT:-60} i
	for ((i = 0; i < limit * 20; i++)); do
		if tail -c +"$(($1 + 1))" "$log" | cat - "$out" | grep -qi "$daemon up:"; then return; fi
		if [[ ! -d /proc/$pid ]]; then
			rm -f "$pid_file"
			echo "ERROR: $daemon did not start:" >&2
			tail -c +"$(($1 + 1))" "$log" | tail -n 20 >&2
			exit 1
		fi
		sleep 0.05
	done
	echo "ERROR: $daemon runs as process $pid, but is not up after $limit seconds; the end of $log:" >&2
	tail -c +"$(($1 + 1))" "$log" | tail -n 5 >&2
	exit 1
}

stop() {
	[[ -f $pid_file ]] || exit 0
	if running; then
		local limit=${HADOOP_STOP_TIMEOUT:-5}
		kill "$pid"
		if ! wait_gone "$pid" "$limit"; then
			echo "WARNING: $daemon did not stop gracefully after $limit seconds: Trying to kill with kill -9" >&2
			if ours "$pid"; then kill -9 "$pid"; fi
			if ! wait_gone "$pid" 5; then
				echo "ERROR: Unable to kill $pid" >&2
				exit 1
			fi
		fi
	fi
	rm -f "$pid_file"
}

# Exit codes as the Linux Standard Base has them: 0 running, 1 dead with a pid file, 3 not running.
status() {
	if running; then exit 0; fi
	[[ ! -f $pid_file ]] || exit 1
	exit 3
}

case $action in
start | stop | status) "$action" "$@" ;;
*) usage ;;
esac
