// Package houserules holds the rules that the source of this project keeps, as
// tests: sizes, names, package comments, which package may import which, and
// where SQL may be written. Each rule is a function from a tree of files to
// complaints, so that a test can show the rule a file that breaks it.
package houserules
