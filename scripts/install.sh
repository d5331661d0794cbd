# Sourced by the scripts that need tools of the machine: installs Debian packages whose tool is missing, and fetches
# the jars of Hadoop. It starts no service.
# shellcheck shell=bash

# Where Hadoop's jars are kept.
hadoop_lib=${HOPSQL_HADOOP_LIB:-${XDG_CACHE_HOME:-$HOME/.cache}/hopsql/hadoop-3.4.3}
export HOPSQL_HADOOP_LIB=$hadoop_lib

# install TOOL=PACKAGE...: installs the Debian packages whose tool is missing. No service is started.
install() {
	local pair missing=() sudo=() log
	for pair in "$@"; do
		command -v "${pair%%=*}" >/dev/null || [[ -x /usr/sbin/${pair%%=*} ]] || missing+=("${pair#*=}")
	done
	((${#missing[@]})) || return 0
	if ((EUID != 0)); then sudo=(sudo -n); fi
	echo "installing ${missing[*]}"
	log=$(mktemp)
	local policy=/usr/sbin/policy-rc.d made=
	if [[ ! -e $policy ]]; then
		# Debian asks this file whether a fresh package may start its service: no.
		printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null && made=yes
		"${sudo[@]}" chmod 755 "$policy"
	fi
	"${sudo[@]}" apt-get update -qq &&
		"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log" 2>&1
	local code=$?
	if [[ -n $made ]]; then "${sudo[@]}" rm -f "$policy"; fi
	if ((code)); then
		tail -n 20 "$log"
		echo "could not install: run this as root: apt-get install ${missing[*]}"
	fi
	rm -f "$log"
	return "$code"
}

# tools TOOL=PACKAGE...: install, and what Go needs to build.
tools() {
	if ! command -v go >/dev/null; then
		echo "Go 1.26 is needed: https://go.dev/dl/"
		return 1
	fi
	install "$@" && go mod download
}

# jars: fetches Hadoop's jars with Maven.
jars() {
	[[ -f $hadoop_lib/resources/testHDFSConf.xml ]] && return
	mvn -q -B -Dstyle.color=never -f test/hadoop/pom.xml package -DlibDir="$hadoop_lib.new" && rm -rf "$hadoop_lib" && mv "$hadoop_lib.new" "$hadoop_lib"
}

# clients: makes the Python environment of test/clients: 430 MB, two to four minutes. Its list is copied into it at the
# end, as the sign that it is whole.
clients() {
	local dir=${XDG_CACHE_HOME:-$HOME/.cache}/hopsql/clients list=test/clients/requirements.txt
	cmp -s "$list" "$dir/requirements.txt" && return
	install python3=python3 || return
	# On Debian a Python without a package of its own makes no environments. No tool tells it from one with it.
	python3 -c 'import ensurepip, venv' 2>/dev/null || install ensurepip=python3-venv || return
	rm -rf "$dir"
	python3 -m venv "$dir" &&
		"$dir/bin/python" -m pip install -q --disable-pip-version-check --no-cache-dir --require-hashes -r "$list" &&
		cp "$list" "$dir/"
}
