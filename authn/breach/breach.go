// Package breach asks a service whether a password is known to have leaked, without telling it which.
//
// The service is asked for all leaked passwords whose SHA-1 digests begin with the same five hexadecimal digits, of which there
// are hundreds, and has the form of Have I Been Pwned's: GET {url}{five digits} is answered with lines of the other 35 digits, a
// colon and a count. That of padding is 0 (Add-Padding), which hides from who sees the traffic how long the true list is.
package breach

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1" // #nosec G505 -- what the service is indexed by
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// How long an answer may take and be. Who sets a password waits for it.
const (
	timeout   = 2 * time.Second
	maxAnswer = 1 << 20
)

var errAnswer = errors.New("the answer is not a list of digests")

// Client asks one service. It is safe for use by many goroutines.
type Client struct {
	url    string
	client *http.Client
}

// New returns a client of the service whose URL, to which five digits are added, is given.
func New(url string) *Client {
	return &Client{url: url, client: &http.Client{
		Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // nobody else is told even five digits
		},
	}}
}

// Leaked is an authn.BreachCheck.
func (c *Client) Leaked(ctx context.Context, prepared string) (bool, error) {
	sum := sha1.Sum([]byte(prepared)) // #nosec G401 -- what the service is indexed by; nothing is kept of it
	digest := bytes.ToUpper(hex.AppendEncode(nil, sum[:]))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+string(digest[:5]), nil)
	if err != nil {
		return false, errors.New("passwords.breach_url is no URL")
	}
	request.Header.Set("Add-Padding", "true")
	request.Header.Set("User-Agent", "authly")
	response, err := c.client.Do(request)
	if err != nil {
		return false, errors.Unwrap(err) // without the URL, which has the digits
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return false, fmt.Errorf("the answer has status %d", response.StatusCode)
	}
	return find(io.LimitReader(response.Body, maxAnswer), digest[5:])
}

// find looks for a digest that has been seen at least once.
func find(list io.Reader, rest []byte) (found bool, err error) {
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		digest, count, ok := bytes.Cut(bytes.TrimSpace(lines.Bytes()), []byte(":"))
		n, err := strconv.ParseUint(string(count), 10, 64)
		if !ok || err != nil || len(digest) != len(rest) {
			return false, errAnswer
		}
		found = found || n > 0 && bytes.EqualFold(digest, rest)
	}
	return found, lines.Err()
}
