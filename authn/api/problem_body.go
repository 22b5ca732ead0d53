package api

import "strconv"

// body is the problem as JSON. Whoever sends rubbish gets one for each request, and must not cost much by it: texts that stand
// in JSON as they are, as nearly all of Authly's do, are put together here, in the very form that marshal would give them.
func (p *problem) body() []byte {
	members := [...]struct{ name, text string }{
		{`"detail":"`, p.Detail}, {`"code":"`, p.Code}, {`"field":"`, p.Field}, {`"request_id":"`, p.RequestID}, {`"login_url":"`, p.LoginURL},
		{`"error":"`, p.Error}, {`"error_description":"`, p.ErrorDescription},
	}
	plain := isPlain(p.Type) && isPlain(p.Title)
	for _, m := range members {
		plain = plain && isPlain(m.text)
	}
	if !plain {
		body, _ := marshal(*p) // texts and a number: this cannot fail
		return body
	}
	b := append(make([]byte, 0, 320), `{"type":"`...)
	b = append(append(b, p.Type...), `","title":"`...)
	b = append(append(b, p.Title...), `","status":`...)
	b = strconv.AppendInt(b, int64(p.Status), 10)
	for i, m := range members {
		if i < 2 || m.text != "" { // the others are left out where they are empty
			b = append(append(append(append(b, ','), m.name...), m.text...), '"')
		}
	}
	return append(b, '}')
}

// isPlain reports whether a text stands in JSON, and that in a page, as it is.
func isPlain(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
