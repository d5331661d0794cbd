package main

import (
	"fmt"
	"os"
)

func runNamenode([]string) int {
	fmt.Fprintln(os.Stderr, "hdfs namenode: not built yet")
	return 1
}
