package api

import "github.com/descoped/authly/authn"

// Show is a user as clients see one, for whoever else writes users as JSON. It never holds a hash.
func Show(u authn.User) any { return show(u) }

// ShowSession is a session as clients see one, likewise.
func ShowSession(s authn.SessionView) any { return showSession(s) }

// ShowEvent is an event as clients see one, likewise.
func ShowEvent(e authn.Event) any { return showEvent(e) }
