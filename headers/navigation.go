package headers

import (
	"net/http"
	"strings"
)

// IsNavigation reports whether a request is that of a person who opens a page, and who is thus helped by being sent to the login
// page: Fetch Metadata says so (Sec-Fetch-Mode: navigate); or, where the browser sends none, it is a GET that asks for
// text/html and is not marked as a script's. What is fetched ahead of time is not: nobody has asked to see it.
func IsNavigation(method string, h http.Header) bool {
	if h["Upgrade"] != nil || h["Sec-Purpose"] != nil || h["Purpose"] != nil || h["X-Moz"] != nil {
		return false
	}
	if h["Sec-Fetch-Mode"] != nil || h["Sec-Fetch-Site"] != nil || h["Sec-Fetch-Dest"] != nil {
		return single(h["Sec-Fetch-Mode"]) == "navigate"
	}
	return method == http.MethodGet && h["X-Requested-With"] == nil && accepts(h["Accept"], "text/html")
}

// accepts reports whether the values of an Accept field name a media type itself, and not with the weight of nothing.
func accepts(values []string, kind string) bool {
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			name, parameters, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(name), kind) && !refuses(parameters) {
				return true
			}
		}
	}
	return false
}

// refuses reports whether parameters of a media range hold the weight 0 (RFC 9110 section 12.4.2).
func refuses(parameters string) bool {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if strings.EqualFold(name, "q") && value != "" && strings.Trim(value, "0.") == "" {
			return true
		}
	}
	return false
}
