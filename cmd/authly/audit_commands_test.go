package main_test

import (
	"net/http"
	"strings"
	"testing"
)

// commands returns every command that can be run, as its words, from what the help says. Those that are known are not asked about.
func (a *authly) commands(t *testing.T, known map[string]bool, words ...string) (all []string) {
	t.Helper()
	if known[strings.Join(words, " ")] {
		return nil
	}
	_, listed, found := strings.Cut(a.run(t, 0, append(words, "--help")...), "Available Commands:\n")
	if !found {
		return []string{strings.Join(words, " ")}
	}
	listed, _, _ = strings.Cut(listed, "\n\n")
	for line := range strings.Lines(listed) {
		if name := strings.Fields(line)[0]; name != "help" {
			all = append(all, a.commands(t, known, append(words, name)...)...)
		}
	}
	return all
}

// Every command that changes something leaves its events, by the operator. Who adds a command must say here which those are, or that
// it changes nothing.
func TestEveryCommandIsAudited(t *testing.T) {
	t.Parallel()
	a := &audited{authly: start(t, sqliteURL(t), protectedEcho)}
	a.admin = a.login(t, "admin", adminPassword)
	a.must(t, http.StatusCreated, "POST", "/users/", "", `{"username":"dave","email":"dave@example.com","password":"`+passwordOf("dave")+`"}`)
	a.loginStatus(t, "dave", "not this one")
	a.expect(t, "what comes before", "data_key_added system nobody", "key_added system nobody", "key_added system nobody", "user_created system somebody",
		"configuration_loaded system nobody", "login user somebody", "user_created anonymous somebody", "login_failed anonymous invalid_grant somebody")
	said := map[string]bool{}
	for _, name := range []string{"audit", "check", "explain", "hash", "health", "serve", "version", "key list", "session list", "user list", "user show",
		"secret generate", "secret open", "secret seal"} {
		said[name] = true // and leaves nothing
	}
	leaves := func(command, stdin, arguments string, want ...string) map[string]any {
		t.Helper()
		said[command] = true
		printed := a.command(t, stdin, append(strings.Fields(command), strings.Fields(arguments)...)...)
		a.expect(t, "authly "+command, want...)
		return printed
	}
	leaves("migrate", "", "") // nothing: the database itself keeps when it was brought to which version
	leaves("user create", passwordOf("carol")+"\n", "carol --email carol@example.com", "user_created operator somebody")
	leaves("user verify", "", "dave", "user_verified operator somebody")
	leaves("user unlock", "", "dave", "account_unlocked operator somebody")
	leaves("user set-password", "battery staple\n", "carol", "password_changed operator somebody")
	leaves("user disable", "", "carol", "user_disabled operator somebody")
	leaves("user enable", "", "carol", "user_enabled operator somebody")
	a.login(t, "dave", passwordOf("dave"))
	a.expect(t, "a login", "login user somebody")
	leaves("session revoke", "", "dave --all", "session_revoked operator somebody")
	leaves("key rotate-master", "", "", "master_key_replaced operator nobody", "data_key_added operator nobody", "key_sealed system nobody",
		"key_sealed system nobody")
	key, _ := leaves("key rotate", "", "--purpose refresh --now", "key_added operator nobody")["id"].(string)
	leaves("key revoke", "", key, "key_revoked operator nobody", "key_added operator nobody")
	leaves("user delete", "", "carol", "user_deleted operator somebody")
	for _, command := range a.commands(t, said) {
		t.Errorf("authly %s: it is not said which events it leaves", command)
	}
}
