#!/usr/bin/env bash
# Regenerates hadoop/protocols/*/*.pb.go. Needs protoc (Debian: protobuf-compiler).
set -euo pipefail
cd "$(dirname "$0")/.."
go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.11
PATH="$PATH:$(go env GOPATH)/bin"
cd hadoop/protocols
protoc -I. --go_out=. --go_opt=module=github.com/hopsql/hopsql/hadoop/protocols ./*/*.proto
