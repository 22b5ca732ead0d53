//go:build !pkcs11

package main

import (
	"errors"
	"log/slog"

	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/cmd/authly/config"
)

// errNoPKCS11 is what there is to say where a static binary is told to load a library.
var errNoPKCS11 = usageError{errors.New("keys.pkcs11: this authly cannot load the module of an HSM, since it is a static binary. " +
	"Build the other one: CGO_ENABLED=1 go build -tags pkcs11 ./cmd/authly, or docker build --target pkcs11 . for an image")}

func newHSM(*config.Config, *secret.Memory, *slog.Logger) (hsmToken, error) { return nil, errNoPKCS11 }

func checkHSM(*config.Config) error { return errNoPKCS11 }
