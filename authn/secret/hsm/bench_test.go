//go:build pkcs11

package hsm_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"
)

// Signatures with SoftHSM and with keys in memory, one after the other and as many at once as there are processors:
//
//	CGO_ENABLED=1 go test -tags pkcs11 ./authn/secret/hsm -run '^$' -bench .
//
// Go 1.26, SoftHSM 2.6.1, a cloud machine of two cores (AMD EPYC) that others were using: signatures per second, one after the other
// and many at once, and per second of processor time.
//
//	         in SoftHSM               in memory
//	ES256    5200   12700   14600     16900  14800   18800
//	RS256     530    1200    1400       630    620    1400
//	PS256     690    1100    2100       470    430    1300
func BenchmarkSign(b *testing.B) {
	token, _ := openGood(b)
	digest := sha256.Sum256([]byte("text"))
	for i, algorithm := range []string{"ES256", "RS256", "PS256"} {
		var options crypto.SignerOpts = crypto.SHA256
		if algorithm == "PS256" {
			options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
		}
		for where, signer := range map[string]crypto.Signer{
			"hsm": made(b, token, anID[:15]+string(rune('0'+i)), algorithm), "memory": inMemory(b, algorithm),
		} {
			once := func() {
				if _, err := signer.Sign(rand.Reader, digest[:], options); err != nil {
					b.Error(err)
				}
			}
			b.Run(algorithm+"/"+where+"/one", func(b *testing.B) {
				for b.Loop() {
					once()
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signatures/s")
			})
			b.Run(algorithm+"/"+where+"/many", func(b *testing.B) {
				b.SetParallelism(8)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						once()
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signatures/s")
			})
		}
	}
}

func inMemory(b *testing.B, algorithm string) crypto.Signer {
	b.Helper()
	var key crypto.Signer
	var err error
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); algorithm != "ES256" {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		b.Fatal(err)
	}
	return key
}
