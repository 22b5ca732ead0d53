package authn

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

const argon2Prefix = "$argon2id$"

// sane bounds what a stored hash can make this program do: at most 1 GiB and 16 passes.
func (a Argon2Params) sane() bool {
	return a.Memory >= 8*uint32(a.Parallelism) && a.Memory <= 1<<20 &&
		a.Iterations >= 1 && a.Iterations <= 16 && a.Parallelism >= 1 && a.Parallelism <= 16
}

func (a Argon2Params) prefix() string {
	return fmt.Sprintf("%sv=%d$m=%d,t=%d,p=%d$", argon2Prefix, argon2.Version, a.Memory, a.Iterations, a.Parallelism)
}

func (a Argon2Params) hash(prepared string) string {
	salt := randomBytes(16)
	digest := argon2.IDKey([]byte(prepared), salt, a.Iterations, a.Memory, a.Parallelism, 32)
	return a.prefix() + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(digest)
}

// parseArgon2id reads a PHC string (as password-hashing libraries write it).
func parseArgon2id(hash string) (params Argon2Params, salt, digest []byte, err error) {
	fields := strings.Split(hash, "$")
	if len(fields) != 6 {
		return params, nil, nil, errors.New("argon2id: not five fields")
	}
	text := fmt.Sprintf("$%s$%s$%s$", fields[1], fields[2], fields[3])
	if _, err = fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &params.Memory, &params.Iterations, &params.Parallelism); err != nil {
		return params, nil, nil, errors.New("argon2id: malformed parameters")
	}
	if !params.sane() || params.prefix() != text {
		return params, nil, nil, errors.New("argon2id: parameters out of range")
	}
	salt, saltErr := base64.RawStdEncoding.Strict().DecodeString(fields[4])
	digest, digestErr := base64.RawStdEncoding.Strict().DecodeString(fields[5])
	if saltErr != nil || digestErr != nil || len(salt) < 8 || len(digest) < 16 || len(digest) > 64 {
		return params, nil, nil, errors.New("argon2id: malformed salt or digest")
	}
	return params, salt, digest, nil
}

func compareArgon2id(hash, prepared string) bool {
	params, salt, digest, err := parseArgon2id(hash)
	if err != nil {
		return false
	}
	computed := argon2.IDKey([]byte(prepared), salt, params.Iterations, params.Memory, params.Parallelism, uint32(len(digest))) // #nosec G115 -- a digest has some dozens of bytes
	return subtle.ConstantTimeCompare(computed, digest) == 1
}
