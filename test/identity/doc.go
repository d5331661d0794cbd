// Package identity holds this project's NameNode against Apache's in who somebody is:
// users who act for others, and the groups of a user. Stock clients ask both.
package identity
