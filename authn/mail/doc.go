// Package mail puts what people are told into words, and gives it to a mail server.
//
// authn decides who is told what, and keeps it until it is sent; here a typed authn.Mail becomes a subject, a plain text and a
// page of HTML, by templates that a deployment can replace one by one. What cannot be rendered is found when the program starts,
// not when somebody waits for a mail.
//
// The address and the words of a mail go into the message as values: no text of a user can become a header, a second recipient
// or markup. Without TLS nothing is sent, unless the configuration says so by a dangerous name.
package mail
