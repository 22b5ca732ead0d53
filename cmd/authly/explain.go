package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/headers"
)

// explanation is what authly explain prints as JSON.
type explanation struct {
	Verdict string            `json:"verdict"` // allow, challenge or deny
	Reason  string            `json:"reason,omitempty"`
	Detail  string            `json:"detail,omitempty"`
	Route   string            `json:"route,omitempty"`
	User    string            `json:"user,omitempty"`
	Missed  []explanationMiss `json:"missed"`
}

type explanationMiss struct {
	Route string `json:"route"`
	Why   string `json:"why"`
}

func (c *cli) explainCommand() *cobra.Command {
	var user, client string
	cmd := &cobra.Command{
		Use:   "explain METHOD URL",
		Short: "Say which route decides about a request, and how",
		Example: `  authly explain GET https://app.example.com/admin --user alice
  authly explain POST /public/form --client 192.0.2.7`,
		Args: exactArgs("METHOD", "URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.explain(cmd.Context(), args[0], args[1], user, client)
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "the caller's username, email address or id; none: anonymous")
	cmd.Flags().StringVar(&client, "client", "127.0.0.1", "the client's address")
	return cmd
}

// explain asks the gate, with a caller that is taken for granted instead of a token.
func (c *cli) explain(ctx context.Context, method, url, user, client string) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	request, err := explainRequest(method, url, client, cfg.Server.PublicURL)
	if err != nil {
		return usageError{err}
	}
	caller := assumedCaller{}
	if user != "" {
		if caller.identity, err = c.findIdentity(ctx, cfg, user); err != nil {
			return err
		}
		request.Credentials = authn.Credentials{Kind: authn.BearerCredential}
	}
	gate := authn.NewGate(authn.GateConfig{Routes: cfg.Rules(), Authenticator: caller, Now: time.Now})
	return c.printExplanation(gate.Explain(ctx, request))
}

// assumedCaller is the Authenticator of explain: every credential is that of one user.
type assumedCaller struct{ identity *authn.Identity }

func (a assumedCaller) Authenticate(_ context.Context, c authn.Credentials) (*authn.Identity, error) {
	switch {
	case c.Kind == authn.NoCredential:
		return nil, authn.Refuse(authn.CodeNoCredentials, "Not authenticated")
	case a.identity == nil:
		return nil, authn.Refuse(authn.CodeInvalidCredentials, "Could not validate credentials")
	}
	return a.identity, nil
}

// findIdentity looks a user up in the configured store. A disabled user is nobody: their tokens are dead.
func (c *cli) findIdentity(ctx context.Context, cfg *config.Config, name string) (*authn.Identity, error) {
	m, err := newMind(ctx, cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return nil, err
	}
	defer m.close()
	user, err := m.accounts.Find(ctx, authn.Operator(), name)
	if err != nil {
		return nil, err
	}
	if !user.Active {
		return nil, nil
	}
	return &authn.Identity{
		UserID: user.ID, Username: user.Username, Email: user.Email, Roles: user.Roles, Admin: user.Admin,
	}, nil
}

// explainRequest reads a method and a URL, absolute or from the root of the public one, as the edge would read them.
func explainRequest(method, url, client, publicURL string) (authn.Request, error) {
	if strings.HasPrefix(url, "/") {
		_, afterScheme, _ := strings.Cut(publicURL, "://")
		host, _, _ := strings.Cut(afterScheme, "/")
		url = "http://" + host + url
	}
	_, rest, isAbsolute := strings.Cut(url, "://")
	if !isAbsolute {
		return authn.Request{}, errors.New("URL must be absolute or start with /")
	}
	host, target := rest, "/"
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, target = rest[:i], rest[i:]
	}
	if strings.HasPrefix(target, "?") {
		target = "/" + target
	}
	normal, err := headers.NormalizeHost(host)
	if err != nil {
		return authn.Request{}, fmt.Errorf("URL: %w", err)
	}
	path, _, _, err := headers.SplitTarget(target)
	if err != nil {
		return authn.Request{}, fmt.Errorf("URL: %w", err)
	}
	address, err := netip.ParseAddr(client)
	if err != nil {
		return authn.Request{}, errors.New("--client must be an address")
	}
	return authn.Request{Method: method, Host: normal, RawPath: path, Client: address}, nil
}

func (c *cli) printExplanation(d authn.Decision) error {
	e := explanation{Verdict: d.Verdict.String(), Missed: []explanationMiss{}}
	for _, miss := range d.Misses {
		e.Missed = append(e.Missed, explanationMiss{Route: miss.Route.Name, Why: miss.Why})
	}
	if d.Route != nil {
		e.Route = d.Route.Name
	}
	if d.Identity != nil {
		e.User = d.Identity.Username
	}
	if d.Refusal != nil {
		e.Reason, e.Detail = string(d.Refusal.Code), d.Refusal.Detail
	}
	return c.print(e, func(w io.Writer) {
		for _, miss := range e.Missed {
			fmt.Fprintf(w, "route %s does not match: %s\n", miss.Route, miss.Why)
		}
		if e.Route != "" {
			fmt.Fprintf(w, "route %s matches\n", e.Route)
		}
		if e.User != "" {
			fmt.Fprintf(w, "caller is %s\n", e.User)
		}
		fmt.Fprintf(w, "verdict: %s", e.Verdict)
		if e.Reason != "" {
			fmt.Fprintf(w, " (%s: %s)", e.Reason, e.Detail)
		}
		fmt.Fprintln(w)
	})
}
