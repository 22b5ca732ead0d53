package mail

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/descoped/authly/authn"
)

// The built-in templates, in English: KIND.txt, whose first line is the subject, and KIND.html. frame.html holds what stands
// around every page. Another language would be a folder beside them, and a language of the user to choose it by.
//
//go:embed templates
var builtIn embed.FS

const frame = "frame.html"

// values is what a template may use.
type values struct {
	Username  string // whose account it is about; may be empty
	To        string // the address that the mail goes to
	Link      string // where the token can be used; empty in mails that only tell
	Code      string // the token, for where the link does not work
	NewEmail  string
	Site      string // the start of every link
	Expires   string // until when the token works
	SignIn    authn.SignInNotice
	SignedIn  string // when
	CreatedAt string // when the mail was caused
}

// letter is a mail in words.
type letter struct {
	subject, text, html string
	link                string
}

// words renders mails.
type words struct {
	site  string // what every link starts with
	base  string // site, and what is in front of every page
	texts map[authn.MailKind]*texttemplate.Template
	pages map[authn.MailKind]*htmltemplate.Template
}

// readWords reads the templates, each from the folder if it is there and else the built-in one, and tries every one of them.
func readWords(folder, site, prefix string) (*words, error) {
	w := &words{
		site: site, base: site + prefix,
		texts: map[authn.MailKind]*texttemplate.Template{}, pages: map[authn.MailKind]*htmltemplate.Template{},
	}
	if err := checkFolder(folder); err != nil {
		return nil, err
	}
	around, name, err := readTemplate(folder, frame)
	if err != nil {
		return nil, err
	}
	outer, err := htmltemplate.New(frame).Parse(around)
	if err != nil {
		return nil, broken(name, err)
	}
	for _, kind := range authn.MailKinds() {
		if err := w.read(folder, kind, outer); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// checkFolder refuses a folder that is none, and files in it that would never be used: probably a slip in a name.
func checkFolder(folder string) error {
	if folder == "" {
		return nil
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		extension := filepath.Ext(entry.Name())
		if entry.IsDir() || extension != ".txt" && extension != ".html" {
			continue
		}
		if _, err := fs.Stat(builtIn, "templates/"+entry.Name()); err != nil {
			return fmt.Errorf("%s: there is no template of this name", filepath.Join(folder, entry.Name()))
		}
	}
	return nil
}

// readTemplate returns a template's source, and its name for messages.
func readTemplate(folder, name string) (source, shown string, err error) {
	if folder != "" {
		path := filepath.Join(folder, name)
		data, err := os.ReadFile(path) // #nosec G304 -- a template in the folder of the configuration
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return string(data), path, err
		}
	}
	data, err := builtIn.ReadFile("templates/" + name)
	return string(data), "the built-in template " + name, err
}

func broken(name string, err error) error { return fmt.Errorf("%s is no good template: %w", name, err) }

// read reads both templates of a kind and tries them, with values and without.
func (w *words) read(folder string, kind authn.MailKind, outer *htmltemplate.Template) error {
	text, textName, textErr := readTemplate(folder, string(kind)+".txt")
	page, pageName, pageErr := readTemplate(folder, string(kind)+".html")
	if err := errors.Join(textErr, pageErr); err != nil {
		return err
	}
	var err error
	if w.texts[kind], err = texttemplate.New(string(kind)).Parse(text); err != nil {
		return broken(textName, err)
	}
	if w.pages[kind], err = outer.Clone(); err != nil {
		return err
	}
	if w.pages[kind], err = w.pages[kind].New(string(kind)).Parse(page); err != nil {
		return broken(pageName, err)
	}
	for _, sample := range samples(kind) {
		v := w.values(sample)
		if _, _, err := w.text(kind, v); err != nil {
			return broken(textName, err)
		}
		if _, err := w.page(kind, v); err != nil {
			return broken(pageName, err)
		}
	}
	return nil
}

// samples are mails of a kind with everything in them, in each of its wordings, and with nothing.
func samples(kind authn.MailKind) []authn.Mail {
	full := authn.Mail{
		Kind: kind, To: "name@example.com", Username: "name", Token: "token", NewEmail: "new@example.com",
		SignIn: authn.SignInNotice{Address: "192.0.2.1", Device: "Firefox on Linux", Place: "Oslo, Norway"},
	}
	denied := full
	denied.SignIn.Denied = true
	return []authn.Mail{full, denied, {Kind: kind, To: "name@example.com"}}
}

// render puts a mail into words.
func (w *words) render(mail authn.Mail) (letter, error) {
	v := w.values(mail)
	l := letter{link: v.Link}
	var err error
	if l.subject, l.text, err = w.text(mail.Kind, v); err != nil {
		return letter{}, fmt.Errorf("mail of kind %s: %w", mail.Kind, err)
	}
	if l.html, err = w.page(mail.Kind, v); err != nil {
		return letter{}, fmt.Errorf("mail of kind %s: %w", mail.Kind, err)
	}
	return l, nil
}

func (w *words) values(mail authn.Mail) values {
	v := values{
		Username: defused(mail.Username), To: mail.To, Code: mail.Token, NewEmail: mail.NewEmail, Site: w.site, SignIn: mail.SignIn,
		Expires: moment(mail.ExpiresAt), CreatedAt: moment(mail.CreatedAt), SignedIn: moment(mail.SignIn.At),
	}
	if mail.Token != "" {
		v.Link = w.base + mail.Kind.Page() + "#" + mail.Token
	}
	return v
}

// defused is a username that no mail program makes a link of: strangers choose it, and so could have Authly recommend their pages.
func defused(username string) string {
	lower := strings.ToLower(username)
	if !strings.Contains(lower, "://") && !strings.HasPrefix(lower, "www.") &&
		!(strings.Contains(lower, ".") && strings.Contains(lower, "/")) {
		return username
	}
	return strings.NewReplacer("://", "[:]//", ".", "[.]").Replace(username)
}

// moment is a time for people. Nobody knows in which zone they are.
func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// text renders the plain text and takes the subject off it. A subject is one line, whatever stands in it.
func (w *words) text(kind authn.MailKind, v values) (subject, text string, err error) {
	template, ok := w.texts[kind]
	if !ok {
		return "", "", errors.New("there is no template for it")
	}
	var out strings.Builder
	if err := template.Execute(&out, v); err != nil {
		return "", "", err
	}
	first, rest, _ := strings.Cut(out.String(), "\n")
	subject, ok = strings.CutPrefix(first, "Subject: ")
	subject = strings.Join(strings.Fields(subject), " ")
	if !ok || subject == "" {
		return "", "", errors.New(`its first line must begin with "Subject: "`)
	}
	return subject, strings.TrimLeft(rest, "\r\n"), nil
}

func (w *words) page(kind authn.MailKind, v values) (string, error) {
	template, ok := w.pages[kind]
	if !ok {
		return "", errors.New("there is no template for it")
	}
	var out bytes.Buffer
	err := template.Execute(&out, v)
	return out.String(), err
}
