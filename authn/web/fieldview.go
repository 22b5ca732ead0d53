package web

// fieldView is a field as the template "field" shows it.
type fieldView struct {
	Name, Label, Hint  string
	Type, Autocomplete string
	InputMode          string // the keyboard that a phone shows; empty: as for the type
	Value              string
	MinLength          int // characters; 0: any
	Required, Invalid  bool
	Autofocus          bool // it is where people start to type
	Checked            bool // of a checkbox
	Options            []optionView
}

// optionView is one choice of a select.
type optionView struct {
	Value, Label string
	Selected     bool
}

// value is what a field holds: what was sent, else what the page has filled it with. A password is never shown again.
func (v *visit) value(f field) string {
	if f.kind == "password" {
		return ""
	}
	if v.sent != nil {
		return v.sent[f.name]
	}
	return v.filled[f.name]
}

// fieldView returns a field of the page's form.
func (v *visit) fieldView(f field) fieldView {
	shown := fieldView{
		Name: f.name, Label: v.t("field." + f.name), Type: f.kind, Autocomplete: f.autocomplete, Value: v.value(f), Required: !f.optional,
		Invalid: v.blames(f), Autofocus: f.name == v.focus(),
	}
	if f.label != "" {
		shown.Label = v.t(f.label)
	}
	if f.hint != "" {
		shown.Hint = v.t(f.hint, "Least", v.cfg.Accounts.Terms().MinPassword)
	}
	switch f.kind {
	case "":
		shown.Type = "text"
	case "email": // of the type of that name, browsers would write some addresses in another way, and not let others be sent at all
		shown.Type, shown.InputMode = "text", "email"
	}
	if f.autocomplete == newPassword {
		shown.MinLength = v.cfg.Accounts.Terms().MinPassword
	}
	if f.autocomplete == "" {
		shown.Autocomplete = "off"
	}
	if f.kind == "checkbox" {
		shown.Value, shown.Checked = "yes", shown.Value != ""
	}
	for _, o := range f.options {
		shown.Options = append(shown.Options, optionView{Value: o.value, Label: v.t(o.label), Selected: o.value == shown.Value})
	}
	return shown
}

// blames reports whether a field is what is wrong with the form.
func (v *visit) blames(f field) bool { return v.wrong != nil && v.wrong.Field == f.name }

// focus is the field in which people start to type, on pages that are a form and little else: the one that is wrong, or the first that is
// empty. With the code of a mail in the address, which has a place in the page for its fragment, browsers go there and nowhere else.
func (v *visit) focus() (name string) {
	if v.page.who != anyone || v.page.needsCode() {
		return ""
	}
	for _, f := range v.page.fields {
		switch {
		case v.blames(f):
			return f.name
		case name == "" && f.kind != "checkbox" && v.value(f) == "":
			name = f.name
		}
	}
	return name
}
