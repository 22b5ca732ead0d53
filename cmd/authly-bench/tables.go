package main

import (
	"fmt"
	"strings"
)

// lastHost is the host of the last route of a hostTable.
const lastHost = "last.example.com"

// hostTable is a table of n routes as a company has it: hosts with something public, something for administrators and the
// rest for who is signed in. The last route is for lastHost.
func hostTable(n int) string {
	var b strings.Builder
	b.WriteString("routes:\n")
	for i := range n - 1 {
		host := fmt.Sprintf("app%d.example.com", i/3)
		switch i % 3 {
		case 0:
			fmt.Fprintf(&b, "  - {name: public%d, hosts: [%s], paths: [/public/*, /favicon.ico], allow: public}\n", i, host)
		case 1:
			fmt.Fprintf(&b, "  - {name: admin%d, hosts: [%s], paths: [/admin/*], allow: {roles: [admin]}}\n", i, host)
		default:
			fmt.Fprintf(&b, "  - {name: app%d, hosts: [%s], paths: [/*], allow: authenticated}\n", i, host)
		}
	}
	b.WriteString("  - {name: last, hosts: [" + lastHost + "], paths: [/*], allow: authenticated}\n")
	return b.String()
}

// pathTable is a table of n routes, each for a path on any host.
func pathTable(n int) string {
	var b strings.Builder
	b.WriteString("routes:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {name: service%d, paths: [/service%d/*], allow: authenticated}\n", i, i)
	}
	return b.String()
}
