package main

import (
	"fmt"
	"slices"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/cmd/authly/config"
)

// takeUp has the server go by what can be taken up of another configuration, and lists the keys of that and of the rest. After an
// error nothing was.
func (r *reloader) takeUp(cfg *config.Config) (keys, restart []string, err error) {
	next := *r.running
	if err := takeTokens(&next.Tokens, cfg); err != nil {
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
// for a restart; that one is gone is more likely a slip than meant, and would log everybody out. A previous one that is too short, and
// was not in use, may be half written: whoever guesses it could make tokens for as long as they live, and after it is whole too.
func takeTokens(running *config.Tokens, cfg *config.Config) error {
	t := cfg.Tokens
	var refused config.Mistakes
	take := func(path string, to *config.Secret, from config.Secret) {
		if *to == "" {
			return
		}
		if problem := refuses(*to, from, cfg.LeastSecret()); problem != "" {
			refused = append(refused, config.Mistake{Place: config.Place{Variable: "secrets"}, Key: path, Problem: problem})
			return
		}
		*to = from
	}
	takePrevious := func(path string, to *config.Secret, from, inUse config.Secret) {
		if least := cfg.LeastSecret(); from != "" && from != *to && from != inUse && len(from) < least {
			refused = append(refused, config.Mistake{Place: config.Place{Variable: "secrets"}, Key: path, Problem: fmt.Sprintf(
				"is shorter than %d bytes, and was not in use: it may be half written, and what was there stays; expected it whole, or a restart", least)})
			return
		}
		*to = from
	}
	takePrevious("tokens.secret_key_previous", &running.SecretKeyPrevious, t.SecretKeyPrevious, running.SecretKey)
	takePrevious("tokens.refresh_secret_key_previous", &running.RefreshSecretKeyPrevious, t.RefreshSecretKeyPrevious, running.RefreshSecretKey)
	take("tokens.secret_key", &running.SecretKey, t.SecretKey)
	take("tokens.refresh_secret_key", &running.RefreshSecretKey, t.RefreshSecretKey)
	if len(refused) > 0 {
		return refused
	}
	return nil
}

// refuses says why a secret does not take the place of the one in use, although it may be good for a start; empty: it does.
func refuses(inUse, next config.Secret, least int) (problem string) {
	switch {
	case next == "":
		return "is gone, and the one in use stays; expected a secret, or a restart to go on without one"
	case len(next) < least && len(inUse) >= least:
		return fmt.Sprintf("is shorter than %d bytes, which the one in use is not: it may be half written, and the one in use stays", least)
	}
	return ""
}
