// Package linearizable runs random histories of calls at several NameNodes over one
// database and has a checker look for an order of the calls, one after another, that
// explains every answer: with the order of real time kept, and errors as answers.
// It holds tests only.
package linearizable
