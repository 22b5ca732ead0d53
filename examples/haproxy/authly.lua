-- Asks Authly whether a request may pass, with HAProxy's own HTTP client (HAProxy 2.5 and later).
--
-- An answer of exactly 200 lets the request pass with the identity headers of the answer. Any other answer goes to the
-- client; no answer in time is a 503. Whatever goes wrong in here, txn.authly is not "allow", and haproxy.cfg denies.

local url = os.getenv("AUTHLY_AUTHZ")
local timeout = 2000 -- milliseconds for one attempt; HAProxy's client makes up to four before it gives up

-- What an answer of 200 tells the application. The client's own headers of these names are gone before this script runs.
local identity = {
    "x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-user-id",
    "remote-user", "remote-email", "remote-groups", "x-authly-assertion",
}

-- What the question carries over from the request: credentials, and what tells a preflight or a navigation.
local carried = {
    "authorization", "cookie", "user-agent", "origin", "access-control-request-method",
    "accept", "x-requested-with", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-dest", "sec-purpose", "referer",
    "sec-websocket-key",
}

-- What a refusal carries over to the client.
local relayed = { "www-authenticate", "location", "retry-after", "content-type", "cache-control", "x-authly-reason" }

-- Header tables of HAProxy count values from 0, those of its client from 1.
local function values(headers, name)
    local list = {}
    local found = headers[name]
    if found then
        for i = 0, #found do
            list[#list + 1] = found[i]
        end
    end
    return list
end

local function question(txn)
    local headers = txn.http:req_get_headers()
    local asked = {
        ["x-forwarded-method"] = { txn.f:method() },
        ["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" },
        ["x-forwarded-host"] = values(headers, "host"),
        ["x-forwarded-uri"] = { txn.f:url() },
        ["x-forwarded-for"] = { txn.f:src() },
    }
    for _, name in ipairs(carried) do
        local list = values(headers, name)
        if #list > 0 then
            asked[name] = list
        end
    end
    return asked
end

local function refuse(txn, answer)
    local reply = txn:reply()
    local status = answer and answer.status or 0
    if status < 300 or status > 499 then
        reply:set_status(503)
        reply:add_header("cache-control", "no-store")
    else
        reply:set_status(status)
        for _, name in ipairs(relayed) do
            for _, value in ipairs(values(answer.headers, name)) do
                reply:add_header(name, value)
            end
        end
        reply:set_body(answer.body or "")
    end
    txn:done(reply)
end

core.register_action("authly", { "http-req" }, function(txn)
    local answer = core.httpclient():get { url = url, headers = question(txn), timeout = timeout }
    if not answer or answer.status ~= 200 then
        return refuse(txn, answer)
    end
    for _, name in ipairs(identity) do
        local list = values(answer.headers, name)
        txn.http:req_del_header(name)
        if #list ~= 1 then
            return refuse(txn, nil)
        end
        if list[1] ~= "" then
            txn.http:req_set_header(name, list[1])
        end
    end
    txn:set_var("txn.authly", "allow")
end, 0)
