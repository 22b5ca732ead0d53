package store

// What the columns hold, of all tables. A test compares this list with the schema of both databases: whoever adds a column says here
// whether it is secret.
//
// Sealed, by the caller, so that the database alone is of no use (see package secret):
//
//	keys.material       a signing key, or one that encrypts claims
//	mails.body          the text of a mail, with the token in its link
//	data_keys.wrapped   a data key, which seals the others; the master key that wraps it is not here
//
// Hashed, of something that cannot be guessed, or slowly: it is compared and never read back.
//
//	users.password_hash     by bcrypt or argon2id
//	tokens.hash             of the claims of a token
//	cookies.hash            of what a browser holds
//	handovers.hash          of the name of a code
//	handovers.cookie        of what a browser holds, the same
//	mail_tokens.hash        of a token in a link
//	mails.token_hash        the same
//	known_clients.agent     of what the client says that it is
//
// Not secret: names, places, times and counts, which administrators see anyhow, and random values without which nothing opens. A
// jti is the number of a token and no part of what signs it; tokens.claims is what stands in a token that may be given out again,
// which takes the signing key. salts.value hides names from a server that counts requests, and not from who reads this database,
// where the names are; and tells rubbish from cookies, where knowing it makes nobody anybody. An audit event never holds a secret.
//
//	arrivals      sign_ins.* known_clients.user_id known_clients.network known_clients.last_success
//	audit         audit_events.*
//	changes       changes.* feed.*
//	facts         guards.* installation.* salts.* schema_version.*
//	failures      lockouts.* guesses.*
//	keys          keys.id keys.purpose keys.algorithm keys.sealing keys.data_key keys.created_at keys.active_from keys.revoked_at
//	cookies       cookies.session_id cookies.domain cookies.created_at cookies.expires_at handovers.expires_at
//	data keys     data_keys.position data_keys.id data_keys.master data_keys.created_at
//	mails         mails.id mails.kind mails.recipient mails.sealing mails.data_key mails.created_at mails.expires_at mails.due_at
//	              mails.attempts mails.failed_at
//	mailed tokens mail_tokens.kind mail_tokens.user_id mail_tokens.email mail_tokens.email_key mail_tokens.username
//	              mail_tokens.roles mail_tokens.created_at mail_tokens.expires_at
//	sessions      sessions.*
//	tokens        tokens.id tokens.jti tokens.kind tokens.user_id tokens.session_id tokens.created_at tokens.expires_at
//	              tokens.invalidated_at tokens.client_address tokens.user_agent tokens.companion tokens.successor tokens.rotated_by
//	              tokens.key_id tokens.claims
//	users         users.id users.username users.email users.email_key users.password_scheme users.is_active users.is_verified
//	              users.is_admin users.roles users.created_at users.updated_at users.last_login
