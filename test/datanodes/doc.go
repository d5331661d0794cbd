// Package datanodes has Apache's DataNodes die, lose their data, leave and come back,
// with two NameNodes of this project over MariaDB, and Apache's tools beside them.
package datanodes
