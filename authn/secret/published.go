package secret

// placeholders are words that only examples hold, as plain writes them.
func placeholders() []string {
	return []string{
		"changeme", "changethis", "changeinproduction", "changeitinproduction", "pleasechange", "replaceme", "replacethis", "replacewith",
		"yoursecret", "yoursupersecret", "yourownsecret", "yourjwt", "yourrandomsecret", "yourverysecret", "yourstrongsecret",
		"yourtokensecret", "youraccesssecret", "yourrefreshsecret", "yourverystrong", "yourproductionsecret", "yourmasterkey",
		"your256bit", "your384bit", "your512bit", "secretkeyhere", "secrethere", "putyour", "insertyour", "enteryour", "tobemodified",
		"donotuseinproduction", "notforproduction", "onlyfordevelopment", "djangoinsecure", "randomstringatleast",
		"opensslrand", "generateme",
	}
}

// published are secrets of documentation, templates and defaults of other programs: short ones that are words, and long ones that
// look good and are in thousands of programs that were begun by copying. Case, and what stands between words, is of no account.
func published() []string {
	return []string{
		"secret", "secret-key", "secret1", "secret123", "a-secret", "the-secret", "this-is-a-secret", "this is my secret",
		"this-is-the-secret-key", "my-secret", "my-secret-key", "my-secret-string", "my-super-secret", "my-super-secret-key",
		"super-secret", "super-secret-key", "top-secret", "top-secret-key", "very-secret", "very-secret-key", "some-secret",
		"some-secret-key", "some-secret-password", "app-secret", "session-secret", "jwt", "jwt-secret", "jwt-secret-key",
		"jwt-refresh-secret", "jwt-refresh-secret-key", "my-jwt-secret", "my-jwt-secret-key", "super-secret-jwt-key", "access-secret",
		"refresh-secret", "refresh-secret-key", "access-token-secret", "refresh-token-secret", "access-token", "refresh-token", "token",
		"default", "example", "test", "testing", "test-secret", "test-secret-key", "test-key", "dev-secret", "dev-secret-key",
		"development", "password", "passw0rd", "admin", "authly", "insecure", "keyboard cat", "shhhhh", "shhhhhhared-secret",
		"hmac-secret", "foo", "foobar", "qwerty", "letmein", "12345678", "123456789", "1234567890", "change-it", "change-me",
		"change-this", "master-key", "my-master-key", "encryption-key", "JWTs are the best!",

		// jwt.io, then and now.
		"your-secret-key", "your-secret-key-here", "your-256-bit-secret", "your-384-bit-secret", "your-512-bit-secret",
		"a-string-secret-at-least-256-bits-long", "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long-indeed",
		"qwertyuiopasdfghjklzxcvbnm123456",
		// FastAPI's tutorial.
		"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
		// RFC 7515 appendix A.1.
		"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
		// PostgREST's and Supabase's guides.
		"reallyreallyreallyreallyverysafe", "super-secret-jwt-token-with-at-least-32-characters-long",
		// Tutorials for Spring.
		"404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
		"413F4428472B4B6250655368566D5970337336763979244226452948404D6351",
		"3cfa76ef14937c1c0ea519f8fc057a80fcd04a7420f8e8bcd0a7567c272e007b",
		// Nacos.
		"SecretKey012345678901234567890123456789012345678901234567890123456789", "VGhpc0lzTXlDdXN0b21TZWNyZXRLZXkwMTIzNDU2Nzg=",
		// What is found in many programs, wherever it comes from.
		"r9iMKoe5CRMgvJBBtp4HrqN7QiPpUToj", "VGhpcyBzZWNyZXQgaXMgc3RvcmVkIGJhc2UtNjQgZW5jb2RlZCBvbiB0aGUgcHJveHkgaG9zdA",
		"my-super-secret-key-that-is-at-least-32-characters-long", "a-very-secret-key-that-is-at-least-32-characters-long",
		"this-is-a-very-long-secret-key-for-jwt-signing", "this-is-a-very-secret-key-that-nobody-knows",
		"abcdefghijklmnopqrstuvwxyz123456", "abcdefghijklmnopqrstuvwxyz012345", "12345678901234567890123456789012",
		"0123456789012345678901234567890123456789",
	}
}
