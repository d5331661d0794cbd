#!/usr/bin/env bash
# Installs what the tests need, runs them all, and says at the end how each part went.
#
#   scripts/test.sh           everything: vet, race detector, fuzz targets, end to end with stock Hadoop (under an hour)
#   scripts/test.sh -short    vet, house rules and the fast tests (under three minutes)
#
# Environment: HOPSQL_FUZZTIME (how long each fuzz target runs, default 30s), HOPSQL_HADOOP_LIB (where Hadoop's jars
# are kept, default ~/.cache/hopsql/hadoop-3.4.3).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

short=
case ${1-} in
'') ;;
-short) short=yes ;;
*)
	echo "usage: scripts/test.sh [-short]" >&2
	exit 2
	;;
esac

# shellcheck source=scripts/install.sh
. scripts/install.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
started=$SECONDS
: >"$work/summary"
: >"$work/closing"

say() { printf '\n==== %s\n' "$*"; }

# step NAME COMMAND...: runs a part and remembers how it went.
step() {
	local name=$1 from=$SECONDS verdict=passed
	shift
	say "$name"
	"$@" 2>&1 | tee "$work/out" || verdict=FAILED
	grep -E '^(ok|FAIL|---|panic:|WARNING: DATA RACE)' "$work/out" >>"$work/closing"
	printf '%-28s %s (%d s)\n' "$name" "$verdict" $((SECONDS - from)) >>"$work/summary"
	[[ $verdict == passed ]]
}

# needed: what the tests need.
needed() {
	local wanted=(mariadbd=mariadb-server shellcheck=shellcheck gcc=gcc)
	if [[ -z $short ]]; then wanted+=(javac=default-jdk-headless mvn=maven cmp=diffutils setsid=util-linux); fi
	tools "${wanted[@]}"
}

formatted() {
	local files
	files=$(gofmt -l .) && [[ -z $files ]] && return
	echo "not gofmt clean: $files"
	return 1
}

# The end-to-end tests, which start servers and JVMs, run after the others: those that only compare answers two at a
# time, those that kill, count or wait alone.
answers() { go list ./test/... | grep -E '/test/(apache|stock|histories|identity|clients)$'; }
alone() { go list ./test/... | grep -E '/test/(throughput|crash|limits|readme|failover|scale|datanodes)$'; }

fast() { go list ./... | grep -vxFf <(answers; alone); }

race() {
	# shellcheck disable=SC2046
	go run ./testkit/withmariadb go test -race -timeout 20m -p 2 $(fast)
}

quick() {
	# shellcheck disable=SC2046
	go run ./testkit/withmariadb go test -short -timeout 5m -p 2 $(fast)
}

# fuzz: every fuzz target for HOPSQL_FUZZTIME, two at a time.
fuzz() {
	local time=${HOPSQL_FUZZTIME:-30s}
	grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r file; do
		sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$file" | sed "s|^|$(dirname "$file") |"
	done | sort >"$work/targets"
	echo "$(wc -l <"$work/targets") fuzz targets, $time each"
	[[ -s $work/targets ]] || return 1
	# Go's fuzzer sometimes calls its own deadline a failure. A real one leaves its input behind; without one the
	# target runs once more.
	# shellcheck disable=SC2016
	xargs -P 2 -L 1 bash -c '
		for try in 1 2; do
			out=$(go test -run "^$" -fuzz "^$2\$" -fuzztime "$0" -parallel 1 "$1" 2>&1)
			code=$?
			[[ $code != 0 && $out == *"context deadline exceeded"* && $out != *"Failing input"* ]] || break
			echo "$2: try $try ended at the deadline of the fuzzer"
		done
		((code == 0)) || echo "$out"
		echo "$out" | tail -n 1 | sed "s|\$| $2|"
		exit $((code ? 1 : 0))' "$time" <"$work/targets"
}

# whole AT-A-TIME WHICH: end-to-end tests.
whole() {
	# shellcheck disable=SC2046
	go test -timeout 45m -p "$1" -v $("$2") | grep --line-buffered -vE '^(=== (RUN|PAUSE|CONT)|    --- PASS)'
}

summary() {
	say "closing lines of go test"
	cat "$work/closing"
	say "summary"
	cat "$work/summary"
	echo "total $((SECONDS - started)) s"
	if grep -q FAILED "$work/summary"; then
		echo "FAILED"
		return 1
	fi
	echo "passed"
}

step "tools and modules" needed || { summary; exit 1; }
step "build" go build -o bin/hdfs ./cmd/hdfs
step "go vet" go vet ./...
step "gofmt" formatted
step "shellcheck" shellcheck -x scripts/*.sh .ci/run
if [[ -n $short ]]; then
	step "go test -short" quick
else
	step "Hadoop's jars" jars || { summary; exit 1; }
	step "Python clients" clients || { summary; exit 1; }
	step "go test -race" race
	step "fuzz targets" fuzz
	step "end to end, answers" whole 2 answers
	step "end to end, alone" whole 1 alone
fi
summary
