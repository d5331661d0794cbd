// Package migrations holds the steps that bring a database to the tables in
// package schema, as files of golang-migrate: one folder per dialect, NNNN_name.up.sql
// and NNNN_name.down.sql.
//
// It promises that each step can be run again after it broke off in its middle
// (MySQL commits at every DDL statement), that the up steps keep data, and that
// all up steps together give exactly the tables of schema; tests check it on real
// databases. It knows no connection.
//
// Names in the tables are bytes, never text: no collation applies to them.
package migrations

import "embed"

// FS holds the folders mysql (InnoDB), ndb and sqlite.
//
//go:embed mysql ndb sqlite
var FS embed.FS
