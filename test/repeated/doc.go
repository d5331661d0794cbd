// Package repeated sends calls a second time, to another NameNode than the first, as
// clients do whose answer was lost: what was asked for must be done once, and both
// answers must be the same. It holds tests only.
package repeated
