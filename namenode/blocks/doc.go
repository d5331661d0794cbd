// Package blocks holds the rules of blocks, replicas and DataNodes: where replicas
// go, what reports mean, what must be copied or deleted. Its rules are functions
// over rows (package txn) under the lock of the file's inode row. It knows no path
// and no permission.
package blocks
