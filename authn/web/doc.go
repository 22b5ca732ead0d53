// Package web is what people see: the pages to sign in and out, those that mails lead to, and what is built of the same pieces.
//
// Every page is one entry of a table (see page): its address, who may open it, its template, the fields of its form, a function that
// gathers what the template shows and one that does what the form asks for. What all pages have in common happens in one place, in
// the order of Pages.serve: the method, the origin of a form, who is asking, the form. Opening a page changes nothing, whoever opens
// it: scanners of mails do, with GET and HEAD. A form does, which is sent to where it came from, and which no page of another origin can
// send (http.CrossOriginProtection). What a form has done is told by another page, so that reloading that one does not do it again.
// Whether a caller may do something is decided in authn and not here: a page that forgets to look shows a refusal.
//
// Where people wanted to go comes along from page to page in the query (visit.onward), and is looked at anew on each: nobody is led to what
// Config.Accept does not take. It is in no mail, since strangers can have mails sent.
//
// A page's words stand in languages/TAG.json, by their name; a language is added by adding a file, and English stands in for what one
// lacks. A page's form stands in templates/NAME.html, which fills the "content" of templates/layout.html. The root of every template is
// a frame: $.T is a text by its name, $.Path an address below the prefix, $.Field a field of the form for the template "field", $.Time a
// time. Both, and the style, can be replaced from a folder (Config.Folder).
//
// No page has a script or a style of its own within it, and none needs a script: the policy of every answer forbids what is not served
// from assets. The token of a mail stands in its link's fragment, which browsers keep to themselves: it is in no request line, and so in no
// log of Authly's or of a proxy in front. A script of a few lines puts it into the form. Where scripts do not run, the field is there to
// be filled with the code that the mail shows too.
package web
