package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/descoped/authly/authn"
)

// What a form may take.
const (
	maxForm     = 16 << 10 // bytes
	formTimeout = 10 * time.Second
)

// readForm reads the fields of a page's form. What is returned beside an error is fit to be shown again.
func readForm(w http.ResponseWriter, r *http.Request, page page) (form, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, authn.Refuse(authn.CodeUnsupportedMediaType, "Unsupported content type")
	}
	wait := http.NewResponseController(w)
	_ = wait.SetReadDeadline(time.Now().Add(formTimeout)) // where the connection has one: a body that trickles in must not hold it
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, authn.Refuse(authn.CodeTooLarge, "The form is too large")
	}
	if err != nil {
		return nil, &authn.Error{Code: authn.CodeInvalidRequest, Detail: "The form could not be read", Cause: err}
	}
	_ = wait.SetReadDeadline(time.Time{})
	values, err := url.ParseQuery(string(body))
	if err != nil { // its text repeats what was sent
		return nil, authn.Refuse(authn.CodeInvalidRequest, "The form could not be read")
	}
	f := form{}
	for _, field := range page.fields {
		sent := values[field.name]
		if len(sent) > 1 {
			return nil, authn.RefuseField(field.name, "Repeated field: "+field.name)
		}
		if len(sent) == 1 {
			f[field.name] = sent[0]
		}
		if text := f[field.name]; !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return nil, authn.RefuseField(field.name, "Invalid field: "+field.name+" is not plain text")
		}
	}
	f["token"] = pasted(f["token"])
	return f, nil
}

// pasted is the token in what somebody has pasted: with space around it, or with the whole link.
func pasted(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '#')+1:]
}

// view is what the template shows.
type view struct {
	Title, Text, Button string
	Folder              string // of style and script
	Wrong               string
	Fields              []fieldView
}

type fieldView struct {
	Name, Label, Hint  string
	Type, Autocomplete string
	Value              string
	Required, Invalid  bool
}

// view is the page with its form: as it was sent, but for passwords, if something is wrong with it.
func (p page) view(prefix string, sent form, wrong *authn.Error) view {
	v := view{Title: p.title, Text: p.text, Button: p.button, Folder: prefix + folder}
	if wrong != nil {
		v.Wrong = sentence(wrong.Detail)
		if wrong.Field == "token" {
			v.Wrong = "The link in the mail was used before, or has expired. Ask for a new one."
		}
	}
	for _, f := range p.fields {
		shown := fieldView{
			Name: f.name, Label: f.label, Hint: f.hint, Type: f.kind, Autocomplete: f.autocomplete, Required: !f.optional,
			Invalid: wrong != nil && wrong.Field == f.name,
		}
		if f.echoed {
			shown.Value = sent[f.name]
		}
		v.Fields = append(v.Fields, shown)
	}
	return v
}

// sentence makes one of a detail, which programs read as well.
func sentence(detail string) string {
	detail = strings.TrimPrefix(detail, "Invalid field: ")
	if detail == "" {
		return ""
	}
	return strings.ToUpper(detail[:1]) + strings.TrimSuffix(detail[1:], ".") + "."
}
