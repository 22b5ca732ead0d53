package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
)

// installation is a folder with a configuration, in which authly runs.
type installation struct {
	stage   *stage
	binary  string
	folder  string
	environ []string
	replica replica // of one that does not say where it listens: where that is
}

// install prepares a replica on free ports of the loopback address.
func (s *stage) install(ctx context.Context, cfg replicaConfig) (*installation, error) {
	binary, err := s.program(ctx)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(s.folder, "replica-")
	if err != nil {
		return nil, err
	}
	i := &installation{stage: s, binary: binary, folder: folder, environ: os.Environ()}
	main, authz, ops := "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	if cfg.quiet {
		for _, address := range []*string{&main, &authz, &ops} {
			if *address, err = freeAddress(); err != nil {
				return nil, err
			}
		}
		i.replica = replica{base: "http://" + main, authz: authz, ops: ops}
		i.environ = append(i.environ, "AUTHLY_LOG_LEVEL=warn")
	}
	i.environ = append(i.environ, "AUTHLY_SERVER_ADDRESS="+main, "AUTHLY_SERVER_AUTHZ_ADDRESS="+authz,
		"AUTHLY_SERVER_OPS_ADDRESS="+ops, "AUTHLY_LOG_FORMAT=json", "AUTHLY_SERVER_SHUTDOWN_TIMEOUT=5s")
	i.environ = append(i.environ, cfg.environ...)
	return i, os.WriteFile(filepath.Join(folder, "config.yaml"), []byte(cfg.configuration), 0o600)
}

// start runs a replica and returns when it is ready.
func (s *stage) start(ctx context.Context, cfg replicaConfig) (*replica, error) {
	i, err := s.install(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return i.serve(ctx)
}

// command is authly with these arguments.
func (i *installation) command(args ...string) *exec.Cmd {
	c := exec.Command(i.binary, args...) // #nosec G204 -- the program that is measured
	c.Dir, c.Env, c.SysProcAttr = i.folder, i.environ, apart()
	return c
}

// serve runs authly serve and returns when it is ready.
func (i *installation) serve(ctx context.Context) (*replica, error) {
	process := i.command("serve")
	log, err := process.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	listening, read := follow(log)
	i.stage.atEnd(func() error { return stop(process, read) })
	r := i.replica
	r.pid = process.Process.Pid
	return &r, r.await(ctx, listening)
}
