//go:build pkcs11

package hsm

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/miekg/pkcs11"
)

// Check finds the token and looks whether it can do what it has to. It does not log in: a PIN costs one of three attempts.
func Check(cfg Config) error { return probe(cfg) }

// probe is Check, before each login.
func probe(cfg Config) error {
	if info, err := os.Stat(cfg.Module); err != nil || info.IsDir() {
		return away("keys.pkcs11.module: there is no file %s", cfg.Module)
	}
	module := pkcs11.New(cfg.Module)
	if module == nil {
		return away("keys.pkcs11.module: %s is no library that can be loaded here", cfg.Module)
	}
	defer module.Destroy()
	switch err := module.Initialize(); {
	case errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)): // the line of before has not ended, and needs it
	case err != nil:
		return away("keys.pkcs11.module: %s does not begin: %v", cfg.Module, err)
	default:
		defer func() { _ = module.Finalize() }()
	}
	slot, info, err := findToken(module, cfg.Label)
	if err != nil {
		return err
	}
	if err := checkFlags(cfg.Label, info); err != nil {
		return err
	}
	return checkMechanisms(module, slot, cfg)
}

// findToken returns the slot with the token that has the label.
func findToken(module *pkcs11.Ctx, label string) (slot uint, found pkcs11.TokenInfo, err error) {
	slots, err := module.GetSlotList(true)
	if err != nil {
		return 0, found, away("listing the slots: %v", err)
	}
	var labels []string
	count := 0
	for _, s := range slots {
		info, err := module.GetTokenInfo(s)
		switch {
		case err != nil || info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0:
			continue
		case info.Label == label:
			slot, found, count = s, info, count+1
		}
		labels = append(labels, fmt.Sprintf("%q", info.Label))
	}
	switch {
	case count > 1:
		return 0, found, away("keys.pkcs11.token_label: %d tokens are called %q", count, label)
	case count == 0 && len(labels) == 0:
		return 0, found, away("keys.pkcs11.token_label: there is no token %q, nor any other", label)
	case count == 0:
		return 0, found, away("keys.pkcs11.token_label: there is no token %q, but %s", label, strings.Join(labels, ", "))
	}
	return slot, found, nil
}

// checkFlags looks at what the token says of its PIN.
func checkFlags(label string, info pkcs11.TokenInfo) error {
	switch {
	case info.Flags&pkcs11.CKF_USER_PIN_INITIALIZED == 0:
		return away("the token %q has no user PIN yet: its security officer sets one", label)
	case info.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return refused("the PIN of the token %q is locked: its security officer sets a new one", label)
	case info.Flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
		return refused("the token %q locks itself at one more wrong PIN, and so keys.pkcs11.pin is not tried: log in once by another "+
			"program, such as pkcs11-tool --login --list-objects, and start Authly anew", label)
	case info.Flags&pkcs11.CKF_WRITE_PROTECTED != 0:
		return away("the token %q is write-protected", label)
	case info.MaxRwSessionCount == 1: // 0 is no bound
		return away("the token %q has one session, and Authly needs two", label)
	}
	return nil
}

// checkMechanisms looks whether the token can do all that it will be asked for.
func checkMechanisms(module *pkcs11.Ctx, slot uint, cfg Config) error {
	has := map[uint]bool{}
	list, err := module.GetMechanismList(slot)
	if err != nil {
		return away("listing the mechanisms of the token %q: %v", cfg.Label, err)
	}
	for _, mechanism := range list {
		has[mechanism.Mechanism] = true
	}
	for _, needed := range []struct {
		mechanism  uint
		name       string
		algorithms string // empty: in any case
	}{
		{pkcs11.CKM_AES_KEY_GEN, "CKM_AES_KEY_GEN", ""},
		{pkcs11.CKM_AES_GCM, "CKM_AES_GCM", ""},
		{pkcs11.CKM_EC_KEY_PAIR_GEN, "CKM_EC_KEY_PAIR_GEN", "ES256"},
		{pkcs11.CKM_ECDSA, "CKM_ECDSA", "ES256"},
		{pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, "CKM_RSA_PKCS_KEY_PAIR_GEN", "RS256 PS256"},
		{pkcs11.CKM_RSA_PKCS, "CKM_RSA_PKCS", "RS256"},
		{pkcs11.CKM_RSA_PKCS_PSS, "CKM_RSA_PKCS_PSS", "PS256"},
	} {
		asked := needed.algorithms == "" || cfg.Algorithm != "" && strings.Contains(needed.algorithms, cfg.Algorithm)
		if asked && !has[needed.mechanism] {
			return away("the token %q cannot do what Authly needs: it has no %s", cfg.Label, needed.name)
		}
	}
	return nil
}
