// Package pgserver starts a PostgreSQL server that is worth nothing when its process has ended, for tests and measurements.
//
// The installed binaries are used (those in PATH, or where Debian, Ubuntu, Red Hat and their kin put them), on a port of
// 127.0.0.1 and a socket in a temporary folder, which for a server of tests is in memory where possible. The server ends with the process that started it, however that ends, and takes
// its folder along. A Line to it looks at what a client says and can fail at any word.
package pgserver
