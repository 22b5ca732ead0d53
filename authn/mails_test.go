package authn_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// postbox is a mail server that keeps what it gets, or does what a test says.
type postbox struct {
	mu   sync.Mutex
	kept []authn.Mail
	send func(context.Context, authn.Mail) error // or nil
}

func (p *postbox) Send(ctx context.Context, m authn.Mail) error {
	p.mu.Lock()
	send := p.send
	p.mu.Unlock()
	if send != nil {
		if err := send(ctx, m); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept = append(p.kept, m)
	return nil
}

// does makes it do something else from now on.
func (p *postbox) does(send func(context.Context, authn.Mail) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.send = send
}

// post is a mind whose mails a test reads.
type post struct {
	*mind
	mails  *authn.Mails
	outbox *authn.Outbox
	box    *postbox
}

// withMail gives m mails. What set changes of the ordinary configuration is optional.
func withMail(t testing.TB, m *mind, set func(*authn.MailsConfig, *authn.AccountsConfig)) *post {
	t.Helper()
	mails := authn.MailsConfig{
		Store: m.store, Sealer: testSealer("master"), Keep: 72 * time.Hour, ConfirmEmail: true, Now: m.clock.Now, Log: discard(),
		Lifetimes: authn.MailLifetimes{Verification: 24 * time.Hour, EmailChange: time.Hour, PasswordReset: 30 * time.Minute, Invitation: 24 * time.Hour},
	}
	accounts := authn.AccountsConfig{
		Store: m.store, Logins: m.logins, Passwords: m.passwords, OpenRegistration: true, RequireCurrentPassword: true,
		ReservedNames: []string{"reserved"}, Now: m.clock.Now, Log: discard(),
	}
	if set != nil {
		set(&mails, &accounts)
	}
	p := &post{mind: m, mails: authn.NewMails(mails), box: &postbox{}}
	accounts.Mails = p.mails
	m.accounts = authn.NewAccounts(accounts)
	p.outbox = authn.NewOutbox(authn.OutboxConfig{Mails: p.mails, Sender: p.box, Timeout: time.Minute, Now: m.clock.Now, Log: discard()})
	return p
}

// collect sends what waits and returns it by kind; of two of one kind the last.
func (p *post) collect(t testing.TB) map[authn.MailKind]authn.Mail {
	t.Helper()
	p.outbox.Drain(t.Context())
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	all := map[authn.MailKind]authn.Mail{}
	for _, m := range p.box.kept {
		all[m.Kind] = m
	}
	p.box.kept = nil
	return all
}

// expect is collect that wants mails of these kinds, each to an address, and no other.
func (p *post) expect(t testing.TB, want map[authn.MailKind]string) map[authn.MailKind]authn.Mail {
	t.Helper()
	got := p.collect(t)
	for kind, m := range got {
		if want[kind] != m.To || m.Token != "" != kind.HasToken() {
			t.Errorf("mailed a %s to %s, token %v; want only %v", kind, m.To, m.Token != "", want)
		}
	}
	for kind := range want {
		if _, ok := got[kind]; !ok {
			t.Errorf("no %s was mailed, only %v", kind, got)
		}
	}
	return got
}

// onBothStores runs a test on SQLite and on PostgreSQL.
func onBothStores(t *testing.T, test func(t *testing.T, m *mind)) {
	for name, url := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite://" + t.TempDir() + "/authly.db" },
		"postgres": func(t *testing.T) string { return storetest.PostgresURL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			db, err := store.Open(t.Context(), url(t), store.Options{MaxConnections: 8, Log: discard()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			test(t, newMindOn(t, db, options{}))
		})
	}
}

// wantCode fails unless the error has the code; empty: no error.
func wantCode(t *testing.T, what string, err error, want authn.Code) {
	t.Helper()
	if got := authn.Code(""); err == nil {
		if want != got {
			t.Errorf("%s: succeeded, want %s", what, want)
		}
	} else if e := authn.Fault(err); e.Code != want {
		t.Errorf("%s: got %v, want code %q", what, err, want)
	}
}
