package main

import (
	"slices"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/cmd/authly/config"
)

// takeUp has the server go by what can be taken up of another configuration, and lists the keys of that and of the rest. After an
// error nothing was.
func (r *reloader) takeUp(cfg *config.Config) (keys, restart []string, err error) {
	next := *r.running
	if err := takeTokens(&next.Tokens, cfg.Tokens); err != nil {
		return nil, nil, err
	}
	next.Secrets, next.Clients = cfg.Secrets, cfg.Clients
	mailer := r.mailer.current.Load()
	if r.running.Mail.Server() != nil && cfg.Mail.Server() != nil && r.running.Mail.URL != cfg.Mail.URL {
		next.Mail.URL = cfg.Mail.URL
		if mailer, err = newMailer(&next, r.log); err != nil {
			return nil, nil, err
		}
	}
	t := next.Tokens
	if err := r.mind.keys.ReplaceSecrets(authn.KeySecrets{
		Secret: []byte(t.SecretKey), RefreshSecret: []byte(t.RefreshSecretKey),
		PreviousSecret: []byte(t.SecretKeyPrevious), PreviousRefreshSecret: []byte(t.RefreshSecretKeyPrevious),
	}); err != nil {
		return nil, nil, err
	}
	keys, restart = r.running.Differences(&next), next.Differences(cfg)
	if slices.Contains(keys, "clients") {
		r.mind.clients.Replace(registeredClients(&next))
	}
	r.mailer.current.Store(mailer)
	r.running = &next
	return keys, restart, nil
}

// takeTokens takes up the secrets of tokens. One that was not there before would make tokens of another algorithm, and so waits
// for a restart; that one is gone is more likely a slip than meant, and would log everybody out.
func takeTokens(running *config.Tokens, t config.Tokens) error {
	var gone config.Mistakes
	take := func(path string, to *config.Secret, from config.Secret) {
		switch {
		case *to != "" && from == "":
			gone = append(gone, config.Mistake{Place: config.Place{Variable: "secrets"}, Key: path,
				Problem: "is gone, and the one in use stays; expected a secret, or a restart to go on without one"})
		case *to != "":
			*to = from
		}
	}
	take("tokens.secret_key", &running.SecretKey, t.SecretKey)
	take("tokens.refresh_secret_key", &running.RefreshSecretKey, t.RefreshSecretKey)
	if len(gone) > 0 {
		return gone
	}
	running.SecretKeyPrevious, running.RefreshSecretKeyPrevious = t.SecretKeyPrevious, t.RefreshSecretKeyPrevious
	return nil
}
