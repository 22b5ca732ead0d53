package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"

	"github.com/spf13/cobra"
)

// targetName is the hidden command by which this program starts itself as a server to compare with.
const targetName = "target"

// targets are the servers that this program can be: each returns its handler and what else it has to say of itself.
func targets() map[string]func(args []string) (http.Handler, []string, error) {
	return map[string]func([]string) (http.Handler, []string, error){
		"empty":    emptyTarget,
		"upstream": upstreamTarget,
		"proxy":    proxyTarget,
		"verify":   verifyTarget,
	}
}

func (c *cli) targetCommand() *cobra.Command {
	return &cobra.Command{
		Use: targetName, Hidden: true, Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return c.target(args[0], args[1:]) },
	}
}

// target serves on a free port of the loopback address, says which one, and ends when its standard input does.
func (c *cli) target(name string, args []string) error {
	build, ok := targets()[name]
	if !ok {
		return usageError{fmt.Errorf("no target %q", name)}
	}
	handler, said, err := build(args)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler} // #nosec G112 -- for a measurement; a timer would be measured too
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	fmt.Fprintln(c.stdout, listener.Addr())
	for _, line := range said {
		fmt.Fprintln(c.stdout, line)
	}
	fmt.Fprintln(c.stdout)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// emptyTarget answers 200 and does nothing else.
func emptyTarget([]string) (http.Handler, []string, error) {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), nil, nil
}

// proxyTarget is Go's reverse proxy to one upstream, as somebody sets it up who cares: enough idle connections, no
// compression of its own, buffers used again.
func proxyTarget(args []string) (http.Handler, []string, error) {
	if len(args) != 1 {
		return nil, nil, errors.New("proxy needs the address of an upstream")
	}
	upstream := &url.URL{Scheme: "http", Host: args[0]}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			r.SetXForwarded()
		},
		Transport: &http.Transport{
			MaxIdleConns: 4096, MaxIdleConnsPerHost: 1024, DisableCompression: true,
			TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1 only
		},
		BufferPool: &buffers{},
	}, nil, nil
}

// buffers is a httputil.BufferPool.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return *buffer
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(buffer []byte) { b.pool.Put(&buffer) }
