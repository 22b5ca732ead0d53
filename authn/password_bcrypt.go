package authn

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/blowfish" //lint:ignore SA1019 bcrypt is made of it
)

// bcrypt is put together here of the key schedule of golang.org/x/crypto/blowfish, as Provos and Mazières describe it in "A
// Future-Adaptable Password Scheme" (USENIX 1999), because golang.org/x/crypto/bcrypt cannot be interrupted: it keeps a processor
// for a quarter of a second, in which whoever hashes cannot give way, see package hasher. It takes the same passwords and makes
// the same hashes; a test holds it to that package.

// bcryptAlphabet is the base64 of bcrypt hashes.
var bcryptAlphabet = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)

// Lengths of a hash such as $2a$12$, salt and digest without a separator between them.
const (
	bcryptSaltBytes = 16
	bcryptHeadChars = 7
	bcryptSaltChars = 22
	bcryptChars     = 60
)

var errPasswordTooLong = errors.New("the password is longer than 72 bytes")

// hashBcrypt makes a new hash. giveWay, if there is one, is called some thousand times a second.
func hashBcrypt(password string, cost int, giveWay func()) (string, error) {
	if len(password) > bcryptMaxBytes {
		return "", errPasswordTooLong
	}
	salt := randomBytes(bcryptSaltBytes)
	digest, err := bcryptDigest([]byte(password), salt, cost, giveWay)
	return fmt.Sprintf("$2a$%02d$%s%s", cost, bcryptAlphabet.EncodeToString(salt), digest), err
}

// compareBcrypt reports whether a hash is that of a password; what is no hash is that of none.
func compareBcrypt(hash, password string, giveWay func()) bool {
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil || len(hash) != bcryptChars {
		return false
	}
	const end = bcryptHeadChars + bcryptSaltChars
	salt, err := bcryptAlphabet.DecodeString(hash[bcryptHeadChars:end])
	if err != nil {
		return false
	}
	digest, err := bcryptDigest([]byte(password), salt, cost, giveWay)
	return err == nil && subtle.ConstantTimeCompare([]byte(digest), []byte(hash[end:])) == 1
}

// bcryptDigest encrypts a fixed text with the cipher that password, salt and cost lead to.
func bcryptDigest(password, salt []byte, cost int, giveWay func()) (string, error) {
	key := append(password, 0) // it is a C string
	cipher, err := blowfish.NewSaltedCipher(key, salt)
	if err != nil {
		return "", err
	}
	for range 1 << cost {
		if giveWay != nil {
			giveWay()
		}
		blowfish.ExpandKey(key, cipher)
		blowfish.ExpandKey(salt, cipher)
	}
	text := []byte("OrpheanBeholderScryDoubt")
	for block := 0; block < len(text); block += blowfish.BlockSize {
		for range 64 {
			cipher.Encrypt(text[block:], text[block:])
		}
	}
	return bcryptAlphabet.EncodeToString(text[:len(text)-1]), nil // one byte fewer than there are, ever since the first of them
}
