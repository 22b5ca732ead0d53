// Package storetest is the contract of a store, as tests.
//
// Run takes a way to make databases and holds a store on them to every promise that the interfaces of authn make: what each
// method answers, what is atomic, what stays after a restart, and what happens when fifty callers come at once. It runs
// unchanged on every database, which is what "they behave the same" means.
//
// PostgresURL gives any test a new database on a real PostgreSQL server, which the test process starts itself.
package storetest
