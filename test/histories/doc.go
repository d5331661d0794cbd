// Package histories holds this project's NameNode against Apache's: random histories of
// calls by several users, with a few names that collide all the time, must get the same
// answers, exception class by exception class and text by text. A history that does not is
// cut down to the few calls that matter. -seed and -calls choose other histories and more of
// them, -replay runs the calls in a file.
package histories
