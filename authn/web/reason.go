package web

import (
	"regexp"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
)

// reason tells a person what is wrong. It says no more of an account than who knows its password may know: see Logins.Login.
func (v *visit) reason(e *authn.Error) string {
	switch e.Code {
	case authn.CodeInvalidGrant:
		return v.t("error.invalid_grant")
	case authn.CodeLocked, authn.CodeDelayed, authn.CodeRateLimited:
		return v.t("error.too_many", "When", v.tongue.when(e.RetryAfter))
	case authn.CodeAccountUnverified:
		return v.t("error.unverified")
	case authn.CodeAccountInactive:
		return v.t("error.inactive")
	case authn.CodeChanged:
		return v.t("error.changed")
	case authn.CodeUnavailable, authn.CodeOverloaded, authn.CodeInternal:
		return v.t("error.unavailable", "When", v.tongue.when(e.RetryAfter))
	}
	if e.Field == "token" && v.page.needsCode() {
		return v.t("error.code")
	}
	return v.tongue.detail(e)
}

// number is what differs between details that are the same otherwise.
var number = regexp.MustCompile(`[0-9]+`)

// detail is the text of an error, which programs read as well. Catalogues have it by the English one, where # stands for a number and
// {field} for the name of the field; where one lacks it, it is the English one.
func (t *tongue) detail(e *authn.Error) string {
	text := strings.TrimPrefix(e.Detail, invalidField)
	if text == "" {
		return ""
	}
	if translated, ok := t.find("detail."+nameOfDetail(e), nil); ok {
		for _, n := range number.FindAllString(text, -1) {
			translated = strings.Replace(translated, "#", n, 1)
		}
		return translated
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// invalidField begins details that name the field to programs. People see which it is.
const invalidField = "Invalid field: "

// nameOfDetail is what catalogues have a detail by, behind "detail.".
func nameOfDetail(e *authn.Error) string {
	name := number.ReplaceAllLiteralString(strings.TrimPrefix(e.Detail, invalidField), "#")
	if e.Field != "" {
		name = replaceWord(name, e.Field, "{field}")
	}
	return name
}

// replaceWord replaces a word that stands alone.
func replaceWord(text, word, by string) string {
	words := strings.Split(text, " ")
	for i, w := range words {
		if w == word {
			words[i] = by
		}
	}
	return strings.Join(words, " ")
}

// when says when to try again, such as "in 4 minutes and 5 seconds".
func (t *tongue) when(wait time.Duration) string {
	if wait <= 0 {
		return t.t("wait.soon")
	}
	left := max(time.Second, (wait + time.Second - 1).Truncate(time.Second)) // who has waited so long has waited enough
	return t.t("wait.in", "Wait", strings.Join(t.units(left), " "+t.t("wait.and")+" "))
}

// lasting is how long something takes, such as "7 days and 1 hour".
func (t *tongue) lasting(d time.Duration) string {
	const day = 24 * time.Hour
	var parts []string
	if n := d / day; n > 0 {
		parts = append(parts, t.t("wait.days", "Count", int(n)))
	}
	return strings.Join(append(parts, t.units(d%day)...), " "+t.t("wait.and")+" ")
}

// units are the hours, minutes and seconds of a time; none where there are none.
func (t *tongue) units(left time.Duration) (parts []string) {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{time.Hour, "wait.hours"}, {time.Minute, "wait.minutes"}, {time.Second, "wait.seconds"}} {
		n := left / unit.length
		left -= n * unit.length
		if n > 0 {
			parts = append(parts, t.t(unit.name, "Count", int(n)))
		}
	}
	return parts
}
