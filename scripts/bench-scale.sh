#!/usr/bin/env bash
# Shows what grows with the size of the file system and what does not: installs what is missing, fills databases in
# bulk, and measures our NameNodes on them.
#
#   scripts/bench-scale.sh                up to 10 million files on MariaDB and on SQLite
#   scripts/bench-scale.sh -short         up to 100,000 files, about ten minutes
#   scripts/bench-scale.sh -help          all options
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/install.sh
. scripts/install.sh

tools mariadbd=mariadb-server >&2
program=$(mktemp -d)
trap 'rm -rf "$program"' EXIT
go build -o "$program/scale" ./bench/scale
"$program/scale" "$@"
