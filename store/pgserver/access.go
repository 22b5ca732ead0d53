package pgserver

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
)

// TLS has the server take encrypted connections beside others; Config.Access says who may come how. All of it is PEM.
type TLS struct {
	Certificate []byte // and behind it its chain
	Key         []byte
	ClientCAs   []byte // that certificates of clients are checked with; empty: they are not asked for
}

// The names of the files below the server's folder.
const (
	certificateFile = "server.crt"
	keyFile         = "server.key"
	clientCAsFile   = "clients.crt"
)

// arguments are those of the server that name the files.
func (c *TLS) arguments(folder string) []string {
	if c == nil {
		return nil
	}
	arguments := []string{"-c", "ssl=on", "-c", "ssl_cert_file=" + filepath.Join(folder, certificateFile),
		"-c", "ssl_key_file=" + filepath.Join(folder, keyFile)}
	if len(c.ClientCAs) > 0 {
		arguments = append(arguments, "-c", "ssl_ca_file="+filepath.Join(folder, clientCAsFile))
	}
	return arguments
}

// write writes the files into a folder. The key is for whom the server runs as alone, or the server refuses it.
func (c *TLS) write(folder string, as *syscall.Credential) error {
	if c == nil {
		return nil
	}
	for name, content := range map[string][]byte{certificateFile: c.Certificate, keyFile: c.Key, clientCAsFile: c.ClientCAs} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
		if as == nil {
			continue
		}
		if err := os.Chown(path, int(as.Uid), int(as.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// admit puts Config.Access before what initdb wrote: of the lines that fit a connection the first one counts.
func (s *Server) admit() error {
	if s.config.Access == "" {
		return nil
	}
	path := filepath.Join(s.data(), "pg_hba.conf")
	rest, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append([]byte(s.config.Access+"\n"), rest...), 0o600) // the owner stays
}

// Identify has the server show another certificate to those who connect from soon on. It must have been started with one.
func (s *Server) Identify(identity TLS) error {
	as, err := unprivileged()
	if err != nil {
		return err
	}
	identity.ClientCAs = s.config.TLS.ClientCAs
	if err := identity.write(s.folder, as); err != nil {
		return err
	}
	return run(context.Background(), s.Admin(), `SELECT pg_reload_conf()`)
}
