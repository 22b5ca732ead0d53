// Package web is what people see: so far the pages to sign in and out, and those that the links in mails open.
//
// Opening a page changes nothing, whoever opens it: scanners of mails do, with GET and HEAD. A button does, by a form that is
// sent to where it came from and that no page of another origin can send (http.CrossOriginProtection).
//
// The token stands in the link's fragment, which browsers keep to themselves: it is in no request line, and so in no log of
// Authly's or of a proxy in front. A script of a few lines puts it into the form. Where scripts do not run, the field is there to
// be filled with the code that the mail shows too; everything else needs no script.
package web
