#!/usr/bin/env bash
# Exercises a running Authly with curl and jq, from health and login to the rate limit.
#
#   AUTHLY_ADMIN_PASSWORD=... ./api-test.sh
#
# From the environment:
#   AUTHLY_URL              where it runs, http://localhost:8080 unless told
#   AUTHLY_API_PREFIX       its server.api_prefix, none unless told
#   AUTHLY_ADMIN_USER       an administrator, admin unless told
#   AUTHLY_ADMIN_PASSWORD   and the password; required
#   AUTHLY_PROTECTED_PATH   a path for signed-in users whose upstream is echo:, /api-test unless told
#   AUTHLY_PUBLIC_PATH      a public path with the same upstream, /public/api-test unless told
#
# It expects the limits, users and routes of config.yaml, waits out the login limit where it meets it (the whole takes a
# minute or two), removes the user that it registered, and can be run again on the same server. Prints a line for each
# check and "N passed, M failed"; exits 1 if any failed and 2 if it could not begin.
#
# shellcheck disable=SC2016 # what stands in single quotes with a $ is jq's
set -uo pipefail

url=${AUTHLY_URL:-http://localhost:8080}
url=${url%/}
prefix=${AUTHLY_API_PREFIX:-}
prefix=${prefix%/}
admin=${AUTHLY_ADMIN_USER:-admin}
protected=${AUTHLY_PROTECTED_PATH:-/api-test}
public=${AUTHLY_PUBLIC_PATH:-/public/api-test}

for tool in curl jq; do
	command -v "$tool" >/dev/null || {
		echo "$tool is not installed" >&2
		exit 2
	}
done
[ -n "${AUTHLY_ADMIN_PASSWORD:-}" ] || {
	echo "AUTHLY_ADMIN_PASSWORD is not set" >&2
	exit 2
}
admin_password=$AUTHLY_ADMIN_PASSWORD
unset AUTHLY_ADMIN_PASSWORD # not for the programs started from here

umask 077
work=$(mktemp -d) || exit 2
passed=0
failed=0
user_id=""
admin_token=""

# call METHOD PATH TOKEN [BODY] [CURL-OPTION...] sets STATUS; the answer is in $work/body and $work/head. Secrets go by file
# and standard input: the arguments of a process can be read by others.
call() {
	local method=$1 path=$2 token=$3 body=${4-}
	shift 3
	[ $# -eq 0 ] || shift
	local options=(-sS --path-as-is --max-time 30 -o "$work/body" -D "$work/head" -w '%{http_code}' -X "$method")
	if [ -n "$token" ]; then
		printf 'Authorization: Bearer %s\n' "$token" >"$work/token"
		options+=(-H "@$work/token")
	fi
	[ -z "$body" ] || options+=(-H 'Content-Type: application/json' --data-binary @-)
	: >"$work/body"
	: >"$work/head"
	STATUS=$(printf '%s' "$body" | curl "${options[@]}" "$@" "$url$path" 2>"$work/error") || STATUS="no answer"
}

pass() {
	passed=$((passed + 1))
	printf 'ok    %s\n' "$1"
}

fail() {
	failed=$((failed + 1))
	printf 'FAIL  %s: %s\n' "$1" "$2"
}

# check NAME STATUS [JQ-CONDITION [JQ-OPTION...]] looks at the answer to the last call.
check() {
	local name=$1 want=$2 condition=${3-}
	shift 2
	[ $# -eq 0 ] || shift
	if [ "$STATUS" != "$want" ]; then
		fail "$name" "expected $want, got $STATUS $(jq -r '.detail? // empty' "$work/body" 2>/dev/null)"
	elif [ -n "$condition" ] && ! jq -e "$@" "$condition" "$work/body" >/dev/null 2>&1; then
		fail "$name" "the answer is not as expected: $condition"
	else
		pass "$name"
	fi
}

# header NAME: its value in the last answer; has_header CHECK NAME PATTERN tests it.
header() {
	tr -d '\r' <"$work/head" | awk -v want="$1" 'tolower($1) == tolower(want) ":" { sub(/^[^:]*: */, ""); print; exit }'
}

has_header() {
	if [[ $(header "$2") =~ $3 ]]; then pass "$1"; else fail "$1" "$2 is not like $3"; fi
}

json() { jq -nc "$@"; }

field() { jq -r ".$1 // empty" "$work/body" 2>/dev/null; }

# patiently METHOD PATH ...: as call, but while the login limit, or a delay after failures, answers 429 it waits as long as told and tries again.
patiently() {
	local try wait
	for try in 1 2 3 4 5 6 7 8; do
		call "$@"
		[ "$STATUS" = 429 ] && [[ $(field code) =~ ^(rate_limited|attempt_too_early)$ ]] && [ "$try" -lt 8 ] || return 0
		wait=$(header Retry-After)
		[[ $wait =~ ^[0-9]+$ ]] && [ "$wait" -le 60 ] || return 0
		sleep $((wait + 1))
	done
}

login() {
	patiently POST "$prefix/auth/token" "" \
		"$(NAME=$1 WORD=$2 jq -nc '{username: env.NAME, password: env.WORD, grant_type: "password"}')"
}

refresh() {
	call POST "$prefix/auth/refresh" "" "$(TOKEN=$1 jq -nc '{refresh_token: env.TOKEN, grant_type: "refresh_token"}')"
}

# finish prints the closing line and fails if a check has.
finish() {
	printf '\n%d passed, %d failed\n' "$passed" "$failed"
	[ "$failed" -eq 0 ]
}

cleanup() {
	if [ -n "$user_id" ] && [ -n "$admin_token" ]; then call DELETE "$prefix/users/$user_id" "$admin_token"; fi
	rm -rf "$work"
}
trap cleanup EXIT

run=$(head -c 6 /dev/urandom | od -An -tx1 | tr -d ' \n')
name=api-test-$run
email=$name@example.com
secret=$(head -c 18 /dev/urandom | base64)
secret2=$(head -c 18 /dev/urandom | base64)
nobody_id=00000000-0000-4000-8000-000000000000

echo "== $url$prefix"

call GET "$prefix/health" ""
check "health" 200 '.status == "healthy" and .database == "connected"'
[ "$STATUS" = 200 ] || {
	echo "no healthy server at $url$prefix; not going on" >&2
	finish
	exit 1
}
has_header "security headers are set" X-Content-Type-Options '^nosniff$'
call GET "$prefix/openapi.json" ""
check "the API describes itself" 200 '.openapi | startswith("3.1")'
call GET "$prefix/.well-known/jwks.json" ""
check "the public keys are published" 200 '.keys | type == "array" and all(.kid and (.d | not) and (.k | not))'
has_header "and may be kept for a while" Cache-Control '^public, max-age=300$'

echo "== login of the administrator"
call POST "$prefix/auth/token" "" "$(json '{username: "x", password: "y", grant_type: "authorization_code"}')"
check "a wrong grant type is refused" 400 '.detail == "Invalid grant type" and .error == "unsupported_grant_type"'
call POST "$prefix/auth/token" "" "{not json"
check "a body that is not JSON is refused" 400 '.detail | startswith("JSON decode error")'
call POST "$prefix/auth/token" "" "" -H 'Content-Type: text/plain' --data-raw 'username=x'
check "another content type is refused" 415
login "$admin" "$admin_password"
check "the administrator logs in" 200 '.token_type == "Bearer" and .expires_in > 0 and (.refresh_token | length) > 0'
has_header "tokens are not cached" Cache-Control 'no-store'
admin_token=$(field access_token)
[ -n "$admin_token" ] || {
	echo "without the administrator's token there is no going on" >&2
	finish
	exit 1
}
call GET "$prefix/users/me" "$admin_token"
check "the administrator is one" 200 '.is_admin == true and (has("password_hash") | not)'
admin_id=$(field id)
login "unknown-$run" "$secret"
check "an unknown user is refused like a wrong password" 401 '.detail == "Incorrect username or password"'

echo "== registration"
registration() {
	NAME=$1 EMAIL=$2 WORD=$3 jq -nc '{username: env.NAME, email: env.EMAIL, password: env.WORD}'
}
call POST "$prefix/users/" "" "$(registration "$name" "$email" "$secret")"
check "a new user registers" 201 '.username == $name and .is_verified == false and .is_admin == false' --arg name "$name"
user_id=$(field id)
call POST "$prefix/users/" "" "$(registration "$name" "other-$email" "$secret")"
check "the same username again is refused" 400 '.detail == "Username already registered"'
call POST "$prefix/users" "" "$(registration "other-$name" "$email" "$secret")"
check "the same email again is refused" 400 '.detail == "Email already registered"'
call POST "$prefix/users/" "" "$(registration "other-$name" "other-$email" short)"
check "a short password is refused, by name of the field" 400 '.detail | ascii_downcase | contains("password")'
call POST "$prefix/users/" "" "$(registration "other-$name" "other-$email" Password123)"
check "a common password is refused, and why is told" 400 '.field == "password" and (.detail | contains("common"))'
call POST "$prefix/users/" "" "$(registration "o@$name" "other-$email" "$secret")"
check "an @ in a username is refused" 400 '.detail | ascii_downcase | contains("username")'
call POST "$prefix/users/" "" "$(registration "o-$name" "o-$email" "$secret" | jq -c '. + {is_admin: true}')"
check "nobody registers as administrator" 400 '.detail | contains("is_admin")'
login "$name" "$secret"
check "an unverified user cannot log in" 403 '.detail == "Account not verified"'
call PUT "$prefix/users/$user_id/verify" ""
check "verifying needs a token" 401
call PUT "$prefix/users/$user_id/verify" "$admin_token"
check "the administrator verifies the user" 200 '.is_verified == true'
call PUT "$prefix/users/$user_id/unlock" ""
check "unlocking needs a token" 401
call PUT "$prefix/users/$user_id/unlock" "$admin_token"
check "the administrator unlocks the user" 200 '.username == $name' --arg name "$name"

echo "== by mail"
bad_token='.detail == "Invalid field: token is unknown, used or expired"'
call PUT "$prefix/users/$user_id/verify" "" "$(json '{token: "not-a-token"}')"
check "a token that was not mailed verifies nobody" 400 "$bad_token"
call POST "$prefix/auth/password/reset" "" "$(WORD=$secret jq -nc '{token: "not-a-token", password: env.WORD}')"
check "nor does it set a password" 400 "$bad_token"
call POST "$prefix/users/invitations/accept" "" "$(WORD=$secret jq -nc '{token: "not-a-token", password: env.WORD}')"
check "nor make an account" 400 "$bad_token"
call POST "$prefix/users/invitations" "" "$(json --arg e "invited-$email" '{email: $e}')"
check "inviting somebody needs a token" 401
call POST "$prefix/users/invitations" "$admin_token" "$(json --arg e "invited-$email" '{email: $e, roles: ["testers"]}')"
check "the administrator invites somebody" 201 '.roles == ["testers"] and .username == null'
invitation=$(field id)
call GET "$prefix/users/invitations" "$admin_token"
check "and sees who was invited" 200 'any(.[]; .id == $id)' --arg id "$invitation"
call DELETE "$prefix/users/invitations/$invitation" "$admin_token"
check "and takes it back" 204
for address in "$email" "nobody-$email"; do
	call POST "$prefix/auth/password/forgot" "" "$(json --arg e "$address" '{email: $e}')"
	if [ "$STATUS" = 429 ]; then
		check "requests for mails meet a limit" 429 '.detail == "Rate limit exceeded"'
	else
		check "a forgotten password is answered alike, known or not" 202 '.message == "If that is the address of an account, a mail is on its way"'
	fi
done
call GET "$prefix/auth/mail/reset" ""
check "a link in a mail opens a page" 200
has_header "that nobody keeps" Cache-Control '^no-store$'
has_header "and that tells no other site where it was" Referrer-Policy '^same-origin$'

echo "== tokens of the new user"
login "$name" "$secret"
check "the new user logs in" 200
token=$(field access_token)
first_refresh=$(field refresh_token)
login "$email" "$secret"
check "and a second time, by email address" 200
other=$(field access_token)
call GET "$prefix/users/me" "$token"
check "who am I" 200 '.username == $name and .last_login != null' --arg name "$name"
call GET "$prefix/users/me" ""
check "nobody, without a token" 401 '.detail == "Not authenticated"'
has_header "a 401 says how" WWW-Authenticate '^Bearer'
call GET "$prefix/users/me" "${token%?????}AAAAA"
check "a token with another signature is refused" 401 '.detail == "Could not validate credentials"'
call POST "$prefix/auth/refresh" "" "$(json '{refresh_token: "x", grant_type: "password"}')"
check "refreshing with a wrong grant type is refused" 400 '.detail == "Invalid grant type"'
refresh "$first_refresh"
check "a refresh token gives a new pair" 200 '(.access_token | length) > 0 and (.refresh_token | length) > 0'
refreshed=$(field access_token)
second_refresh=$(field refresh_token)
refresh "$token"
check "an access token does not refresh" 400 '.detail == "Invalid token type"'
call GET "$prefix/users/me" "$second_refresh"
check "a refresh token is no access token" 401
call GET "$prefix/users/me" "$token"
check "the old access token lives on" 200
call GET "$prefix/users/me" "$refreshed"
check "and the new one lives" 200

echo "== a page's script signs in"
patiently POST "$prefix/auth/token" "" \
	"$(NAME=$name WORD=$secret jq -nc '{username: env.NAME, password: env.WORD, grant_type: "password", cookie: true}')" -c "$work/jar"
check "it gets a cookie and no token" 200 'keys == ["expires_at", "remembered"]'
has_header "that it cannot read" Set-Cookie '; HttpOnly; SameSite=Lax'
call GET "$prefix/users/me" "" "" -b "$work/jar"
check "by which it is known" 200 '.username == $name' --arg name "$name"
call POST "$prefix/auth/token" "" "$(json '{username: "x", password: "y", grant_type: "password", cookie: true}')" -H 'Origin: https://evil.test'
check "a page of another origin signs nobody in" 403 '.code == "cross_origin_denied"'
call POST "$prefix/auth/logout" "" "$(json '{scope: "session"}')" -b "$work/jar"
check "a logout" 200
has_header "takes the cookie away" Set-Cookie '; Max-Age=0'
call GET "$prefix/users/me" "" "" -b "$work/jar"
check "which is good for nothing from then on" 401

echo "== rights"
call GET "$prefix/users/$user_id" "$token"
check "the user sees their own record" 200 '.id == $id' --arg id "$user_id"
call GET "$prefix/users/$admin_id" "$token"
check "somebody else's does not exist for them" 404 '.detail == "User not found"'
call GET "$prefix/users/$nobody_id" "$token"
check "no more than one that does not exist" 404 '.detail == "User not found"'
call GET "$prefix/users/not-an-id" "$admin_token"
check "a malformed id is no user" 404
call GET "$prefix/users/" "$token"
check "the list is not for users" 403
call GET "$prefix/users/?skip=0&limit=1" "$admin_token"
check "but for administrators" 200 'type == "array" and length == 1'
call GET "$prefix/users/?search=$name&admin=false&order=username" "$admin_token"
check "who find a user by the name" 200 'map(.username) == [$name]' --arg name "$name"
call GET "$prefix/users?limit=101" "$admin_token"
check "a limit over 100 is refused" 400
call PUT "$prefix/users/$admin_id" "$token" "$(json '{username: "mine"}')"
check "somebody else cannot be changed" 403 '.detail == "Not authorized to update this user"'
call PUT "$prefix/users/$user_id" "$token" "$(json '{is_admin: true}')"
check "nobody makes themselves administrator" 403
call DELETE "$prefix/users/$admin_id" "$token"
check "somebody else cannot be deleted" 403 '.detail == "Not authorized to delete this user"'

echo "== changes"
call PUT "$prefix/users/$user_id" "$token" "$(json --arg n "$name-2" '{username: $n}')"
check "the user takes another name" 200 '.username == $name' --arg name "$name-2"
call PUT "$prefix/users/$user_id" "$admin_token" "$(json '{roles: ["testers"]}')"
check "the administrator gives a role" 200 '.roles == ["testers"]'
call PUT "$prefix/users/$user_id" "$token" "$(WORD=$secret2 jq -nc '{password: env.WORD}')"
check "a new password needs the current one" 400 '.detail | contains("current_password")'
patiently PUT "$prefix/users/$user_id" "$token" \
	"$(OLD=$secret WORD=$secret2 jq -nc '{password: env.WORD, current_password: env.OLD}')"
check "with it, it is changed" 200
call GET "$prefix/users/me" "$token"
check "this session lives on" 200
call GET "$prefix/users/me" "$other"
check "the user's other session has ended" 401
call PUT "$prefix/users/$user_id" "$token" "$(json --arg e "new-$email" '{email: $e}')"
check "a changed email address is unverified again" 200 '.is_verified == false'
call PUT "$prefix/users/$user_id/verify" "$admin_token"
check "until it is verified" 200 '.is_verified == true'
login "$name-2" "$secret"
check "the old password is refused" 401
login "$name-2" "$secret2"
check "the new one logs in" 200
third=$(field access_token)
third_refresh=$(field refresh_token)

echo "== the application behind it"
call GET "$protected" ""
check "a protected path needs a token" 401
call GET "$protected" "$token"
check "and opens with one" 200
if grep -qF -- "$name-2" "$work/body"; then
	pass "the application learns who it is"
else
	fail "the application learns who it is" "the name is not in what the upstream received"
fi
spoof=(-H 'X-Forwarded-User: mallory' -H 'X_Forwarded_User: mallory' -H 'x-forwarded.user: mallory' -H 'Remote-User: mallory'
	-H 'REMOTE_USER: mallory' -H 'X-Forwarded-Groups: mallory' -H 'Remote-Email: mallory' -H 'X-Forwarded-User-Id: mallory'
	-H 'Connection: x-forwarded-user')
call GET "$protected" "$token" "" "${spoof[@]}"
if [ "$STATUS" = 200 ] && grep -qF -- "$name-2" "$work/body" && ! grep -qi mallory "$work/body"; then
	pass "identity headers of the client's own do not arrive"
else
	fail "identity headers of the client's own do not arrive" "status $STATUS"
fi
call GET "$public" "" "" "${spoof[@]}"
if [ "$STATUS" = 200 ] && [ -s "$work/body" ] && ! grep -qi mallory "$work/body"; then
	pass "on a public path neither"
else
	fail "on a public path neither" "status $STATUS"
fi
call GET "$public" "not-a-token"
check "a public path ignores a bad token" 200
call GET "$protected" "not-a-token"
check "a protected one does not" 401
call GET "$public/../..$protected" ""
check "a path that could be read in two ways is refused" 400
call GET "$public%2f..%2f..$protected" ""
check "encoded too" 400

echo "== sessions"
call GET "$prefix/auth/sessions" "$third"
check "the user sees two sessions, one of them this one" 200 'length == 2 and all(has("country") and has("city")) and (map(select(.current)) | length) == 1'
call DELETE "$prefix/auth/sessions/$nobody_id" "$third"
check "one that does not exist cannot be ended" 404 '.detail == "Session not found"'
refresh "$first_refresh"
check "a refresh token that was used before is spent" 401 '.detail == "Token is invalid or expired"'
call GET "$prefix/users/me" "$token"
check "and ends its session: somebody has stolen it" 401 '.detail == "Could not validate credentials"'
call GET "$prefix/auth/sessions" "$third"
check "which is gone from the list" 200 'length == 1 and .[0].current'

echo "== what has happened"
call GET "$prefix/users/me/audit?limit=1000" "$third"
check "the user sees the login and the theft" 200 \
	'[.events[].kind] | contains(["login", "refresh_reused", "user_created"])'
call GET "$prefix/users/me/audit?user=$nobody_id" "$third"
check "and cannot ask about others" 400 '.field == "user"'
call GET "$prefix/users/me/export" "$third"
check "they have everything that is kept of them, and no hash" 200 \
	'(.sessions | length > 0) and (.events | length > 0) and .user.id == "'"$user_id"'" and ([.. | strings | select(startswith("$2"))] == [])'
call GET "$prefix/audit" "$third"
check "nor read the whole trail" 403 '.detail == "Not authorized to read the audit trail"'
call GET "$prefix/audit?user=$user_id&kind=login&limit=1" "$admin_token"
check "the administrator does, with filters and pages" 200 '(.events | length == 1) and .events[0].kind == "login" and (.next | type == "string")'
call GET "$prefix/audit?format=csv&user=$user_id" "$admin_token"
check "and exports it" 200
has_header "as a file" Content-Disposition '^attachment; filename=authly-audit-'
call GET "$prefix/audit?kind=invitation_withdrawn&limit=1" "$admin_token"
check "and who took an invitation back" 200 '.events[0].actor == "user" and .events[0].client_address != "" and (.events[0].country | type == "string")'

echo "== logout"
call POST "$prefix/auth/logout" ""
check "logging out needs a token" 401 '.detail == "Not authenticated"'
call POST "$prefix/auth/logout" "$third"
check "the user logs out" 200 '.message == "Successfully logged out" and .invalidated_tokens >= 2'
call GET "$prefix/users/me" "$third"
check "the token is dead" 401 '.detail == "Could not validate credentials"'
call GET "$protected" "$third"
check "for the application as well" 401 '.login_url | endswith("/auth/login")'
refresh "$third_refresh"
check "and no refresh brings it back" 401

echo "== the end of the account"
call DELETE "$prefix/users/$user_id" "$admin_token"
check "the administrator deletes the user" 204
call GET "$prefix/users/$user_id" "$admin_token"
check "who is gone" 404 '.detail == "User not found"'
[ "$STATUS" != 404 ] || user_id=""

echo "== the login limit"
for attempt in 1 2 3 4 5 6 7 8 9 10; do
	call POST "$prefix/auth/token" "" "$(json --arg n "flood-$run-$attempt" '{username: $n, password: "wrong-password", grant_type: "password"}')"
	[ "$STATUS" = 401 ] || break
done
check "many logins from one place meet a limit" 429 '.detail == "Rate limit exceeded"'
has_header "which says when to come back" Retry-After '^[1-9][0-9]*$'
has_header "and names the limit" RateLimit '^"login-[a-z]+";r=[0-9]+'

finish
