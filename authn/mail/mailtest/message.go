package mailtest

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
)

// Message is a mail as it arrived.
type Message struct {
	From, To   string // of the envelope
	TLS        bool   // it came encrypted
	Header     mail.Header
	Subject    string // decoded
	Text, HTML string // decoded
	Raw        string
}

// Link is the link in the text, to a page of this path.
func (m Message) Link(t testing.TB, path string) string {
	t.Helper()
	for line := range strings.Lines(m.Text) {
		if line = strings.TrimSpace(line); strings.Contains(line, "://") && strings.Contains(line, path+"#") {
			return line
		}
	}
	t.Fatalf("no link to %s in the mail:\n%s", path, m.Text)
	return ""
}

// Token is what stands in the fragment of the link.
func (m Message) Token(t testing.TB, path string) string {
	t.Helper()
	_, token, _ := strings.Cut(m.Link(t, path), "#")
	return token
}

// parse reads a message with a text and a page of HTML.
func parse(raw []byte) (Message, error) {
	m := Message{Raw: string(raw)}
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return m, err
	}
	m.Header = parsed.Header
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject")); err != nil {
		return m, err
	}
	_, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err != nil {
		return m, err
	}
	parts := multipart.NewReader(parsed.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return m, nil
		} else if err != nil {
			return m, err
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			return m, err
		}
		text := strings.ReplaceAll(string(body), "\r\n", "\n")
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			m.HTML = text
		} else {
			m.Text = text
		}
	}
}
