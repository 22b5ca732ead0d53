// Package browsertest shows pages to a real browser, for tests: Chromium, driven by the DevTools protocol.
//
// Hosts are names that tests give to servers on the loopback address; no other host can be reached. A Tab does what people do: it
// opens, fills in, presses, goes back. What a page asks for and what the browser complains of is noted, and a complaint that no test
// expects fails it: a Content Security Policy that a page breaks is one.
//
// Check holds a page against what every page must hold: axe-core finds nothing in light and in dark, the Tab key reaches every
// control, in order, and shows where it is, and nothing is wider than the screen of a phone. It does all of that with
// AUTHLY_TEST_PAGES=all, and otherwise what takes the least. No policy is lifted for that: what is run in a page comes by the
// protocol, which a page's policy does not concern.
package browsertest
