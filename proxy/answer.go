package proxy

import (
	"io"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/descoped/authly/headers"
)

// mergeUpstream adds to the headers of an answer, ours, those that the upstream gave, but what belongs to the upstream's
// connection. What is there already is ours alone; but Vary and what tells of limits are lists to which both contribute.
func mergeUpstream(ours, theirs http.Header, stripCORS bool) {
	named := connectionNames(theirs)
	dropOwnSetCookies(theirs)
	for name, values := range theirs {
		switch {
		case isHopByHop(name) || named != nil && named[name] || stripCORS && headers.IsCORS(name):
		case name == "Vary":
			ours[name] = mergeVary(values, ours[name])
		case headers.IsRateLimit(name): // each tells of its own limits
			ours[name] = append(slices.Clip(values), ours[name]...)
		case ours[name] == nil:
			ours[name] = values
		}
	}
}

// mergeVary returns the lines of a Vary header and behind them those of another that name something else.
func mergeVary(lines, others []string) []string {
	for _, other := range others {
		if !varies(lines, other) {
			lines = append(slices.Clip(lines), other)
		}
	}
	return lines
}

// isHopByHop reports whether a field is one of those that ReverseProxy takes for those of a single connection. The name is in
// canonical form.
func isHopByHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// announceTrailers names the trailers that are to come.
func announceTrailers(h, trailer http.Header) {
	if len(trailer) == 0 {
		return
	}
	names := make([]string, 0, len(trailer))
	for name := range trailer {
		names = append(names, name)
	}
	h.Add("Trailer", strings.Join(names, ", "))
}

// addTrailers sets the trailers that have come, of which so many were announced.
func addTrailers(h, trailer http.Header, announced int) {
	prefix := ""
	if len(trailer) != announced {
		prefix = http.TrailerPrefix
	}
	for name, values := range trailer {
		for _, value := range values {
			h.Add(prefix+name, value)
		}
	}
}

// copyBody passes on the body of an answer. What has no length is passed on as it comes, and so are events; else net/http
// decides when there is enough to be sent.
func (u *upstream) copyBody(w http.ResponseWriter, res *http.Response) error {
	body, _ := res.Body.(*linkBody)
	var flush func() error
	if res.ContentLength == -1 || isEventStream(res.Header) {
		flush = http.NewResponseController(w).Flush
		if body == nil || !body.hasCome(res) {
			_ = flush() // who waits for the first event is to know that it will come
		}
	}
	if body == nil {
		return nil
	}
	buf := u.door.buffers.Get()
	defer u.door.buffers.Put(buf)
	for left := res.ContentLength; ; {
		if flush == nil {
			if done, err := body.splice(w, left); done {
				return err
			}
		}
		n, err := body.Read(buf)
		left -= int64(n)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if flush != nil {
				_ = flush() // the next Write tells
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// isEventStream reports whether an answer is one of server-sent events.
func isEventStream(h http.Header) bool {
	const events = "text/event-stream"
	kind := textproto.TrimString(h.Get("Content-Type"))
	if len(kind) < len(events) || !strings.EqualFold(kind[:len(events)], events) {
		return false
	}
	kind, _, _ = mime.ParseMediaType(kind)
	return kind == events
}
