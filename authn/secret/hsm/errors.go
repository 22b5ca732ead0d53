//go:build pkcs11

package hsm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/descoped/authly/authn"
)

// away is the error of a token that does nothing now.
func away(format string, args ...any) *authn.HSMAway {
	return &authn.HSMAway{Why: fmt.Sprintf(format, args...)}
}

// refusedPIN is the refusal of a PIN, by the token or to give it at all. It is not tried again by this process: a token locks itself
// after a few wrong ones.
type refusedPIN struct{ *authn.HSMAway }

func (e *refusedPIN) Unwrap() error { return e.HSMAway }

// refused is the error of a PIN that is not given again.
func refused(format string, args ...any) error { return &refusedPIN{away(format, args...)} }

// isRefused reports whether an error is about the PIN.
func isRefused(err error) bool {
	_, refused := errors.AsType[*refusedPIN](err)
	return refused
}

// The codes are found by their names in what is said: crypto11 puts some errors into words and keeps nothing else of them.

// says reports whether an error names one of the codes.
func says(err error, codes []string) bool {
	words := strings.FieldsFunc(err.Error(), func(c rune) bool { return c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') })
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(codes, word) })
}

// isCrowded reports whether an error of crypto11 is that no session was to be had: the token has fewer of them than Authly would use.
func isCrowded(err error) bool { return strings.Contains(err.Error(), "resource pool timed out") }

// isBroken reports whether an error may be one of the session, the login, a handle or the device, and not of what was asked.
func isBroken(err error) bool {
	return says(err, []string{
		"CKR_SESSION_HANDLE_INVALID", "CKR_SESSION_CLOSED", "CKR_SESSION_COUNT", "CKR_OPERATION_ACTIVE", "CKR_OPERATION_NOT_INITIALIZED",
		"CKR_USER_NOT_LOGGED_IN", "CKR_KEY_HANDLE_INVALID", "CKR_OBJECT_HANDLE_INVALID", "CKR_SLOT_ID_INVALID",
		"CKR_DEVICE_REMOVED", "CKR_DEVICE_ERROR", "CKR_DEVICE_MEMORY", "CKR_TOKEN_NOT_PRESENT", "CKR_TOKEN_NOT_RECOGNIZED",
		"CKR_CRYPTOKI_NOT_INITIALIZED", "CKR_GENERAL_ERROR", "CKR_FUNCTION_FAILED", "CKR_FUNCTION_CANCELED", "CKR_HOST_MEMORY",
	}) || strings.Contains(err.Error(), "closed") // of crypto11, when somebody else has dropped the line
}
