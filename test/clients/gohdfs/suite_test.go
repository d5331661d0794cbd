package main

import (
	// The tests of colinmarc/hdfs, which are run beside this program, need it.
	_ "github.com/stretchr/testify/require"
)
