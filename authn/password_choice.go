package authn

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// NewPassword is a password that somebody wants to have.
type NewPassword struct {
	Field           string // names it in errors
	Typed           string
	Username, Email string // whose it is to be
	From            Client // who waits for it
}

// BreachCheck asks whether a password is known to have leaked. An error means that it could not be found out.
type BreachCheck func(ctx context.Context, prepared string) (leaked bool, err error)

// Choose checks a new password as NIST SP 800-63B-4 section 3.1.1.2 says, and returns it prepared: it has a least length and no
// rules about what characters it has, and it must not be one that is tried first. Where it cannot be found out whether it has
// leaked, it is taken. Errors: CodeInvalidRequest, with the field and the reason.
func (p *Passwords) Choose(ctx context.Context, n NewPassword) (prepared string, err error) {
	if prepared, err = p.check(n); err != nil || p.cfg.Breached == nil {
		return prepared, err
	}
	leaked, err := p.cfg.Breached(ctx, prepared)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return "", gone(ctx)
	case err != nil:
		p.log().WarnContext(ctx, "whether a password has leaked could not be found out: it is taken", "error", err)
	case leaked:
		return "", RefuseField(n.Field, "Invalid field: "+n.Field+" has appeared in a data breach")
	}
	return prepared, nil
}

func (p *Passwords) log() *slog.Logger {
	if p.cfg.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return p.cfg.Log
}

// check is what Choose checks without asking anybody.
func (p *Passwords) check(n NewPassword) (prepared string, err error) {
	if prepared, err = p.Prepare(n.Field, n.Typed); err != nil || !p.cfg.Blocklist {
		return prepared, err
	}
	folded := foldPassword(prepared)
	switch {
	case p.common().has(folded) || p.common().has(strings.Join(strings.Fields(folded), "")): // spaces hide nothing
		return "", RefuseField(n.Field, "Invalid field: "+n.Field+" is one of the most common passwords")
	case isMadeOf(folded, p.wordsAbout(n)):
		return "", RefuseField(n.Field,
			"Invalid field: "+n.Field+" is made of the username, the email address or the name of this service")
	}
	return prepared, nil
}

// foldPassword maps to one text what differs in case, width and composition alone, as those who guess try it too.
func foldPassword(text string) string {
	return norm.NFKC.String(cases.Fold().String(width.Fold.String(text)))
}

// wordsAbout are the words that everybody who knows the user's name and address, and this service, would try.
func (p *Passwords) wordsAbout(n NewPassword) []string {
	var words []string
	for _, text := range append([]string{n.Username, n.Email}, p.cfg.ServiceNames...) {
		words = append(words, lettersAndDigits(foldPassword(text)))
		words = append(words, strings.FieldsFunc(foldPassword(text), isSeparator)...)
	}
	return words
}

func isSeparator(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }

func lettersAndDigits(text string) string {
	return strings.Map(func(c rune) rune {
		if isSeparator(c) {
			return -1
		}
		return c
	}, text)
}

// isMadeOf reports whether a password is nothing but some of the words, in any order and number, with signs between them and
// signs and digits around them. Words of less than three bytes are no words: half of all passwords have them.
func isMadeOf(folded string, words []string) bool {
	rest := lettersAndDigits(folded)
	reached := make([]bool, len(rest)+1) // so far it is made of words
	for i := range len(rest) + 1 {
		reached[i] = strings.Trim(rest[:i], "0123456789") == ""
		for _, word := range words {
			if len(word) >= 3 && strings.HasSuffix(rest[:i], word) && reached[i-len(word)] {
				reached[i] = true
			}
		}
		if reached[i] && i > 0 && strings.Trim(rest[i:], "0123456789") == "" && strings.Trim(rest, "0123456789") != "" {
			return true
		}
	}
	return false
}
