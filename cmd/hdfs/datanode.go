package main

import (
	"fmt"
	"os"
)

func runDatanode([]string) int {
	fmt.Fprintln(os.Stderr, "hdfs datanode: not built yet")
	return 1
}
