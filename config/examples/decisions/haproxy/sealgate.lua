-- Asks Sealgate about a request, at /forward-auth: haproxy.cfg beside this file calls it and explains what stands around it.

-- The listener `sealgate` of haproxy.cfg. The URL must be whole; its host is not looked up, since `dst` is set.
local URL = "http://sealgate/forward-auth"
local LISTENER = "abns@sealgate"
-- Milliseconds; longer than the timeouts of that listener.
local TIMEOUT = 3000

-- One name for each header that `identity` of gateway.yaml names, in lower case, and x-request-id. `authorization` comes back if the route
-- forwards the token; a header of another name that carries tokens (tokenFrom) belongs here, too.
local FROM_GATEWAY = { "x-user-id", "x-user-issuer", "x-user-scopes", "x-user-email", "x-request-id", "authorization" }
-- Not from a refusal to the client, as they are about that connection.
local HOP_BY_HOP = { ["connection"] = true, ["keep-alive"] = true, ["transfer-encoding"] = true, ["content-length"] = true }
-- From the response of the gateway to that of the backend, in place of the backend's own.
local TO_CLIENT = {
  "access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers",
  "access-control-allow-methods", "access-control-allow-headers", "access-control-max-age",
  "ratelimit", "ratelimit-policy", "x-request-id",
  -- The next nonce for proofs of DPoP (`dpop: { nonce: required }`). A refusal has it by itself.
  "dpop-nonce",
}

local function refuse(txn, status, headers, body)
  local reply = txn:reply({ status = status, reason = "" })
  for name, values in pairs(headers) do
    if not HOP_BY_HOP[name] then
      for _, value in pairs(values) do reply:add_header(name, value) end
    end
  end
  reply:set_body(body)
  txn:done(reply)
end

local function ask(txn)
  local headers = txn.http:req_get_headers()
  -- About the client's connection and its body, which stays here.
  for _, name in ipairs({ "connection", "upgrade", "content-length", "transfer-encoding", "expect", "te" }) do headers[name] = nil end
  -- What the gateway believes of the request. haproxy.cfg has removed what the client sent by these names.
  headers["x-forwarded-method"] = { txn.f:method() }
  headers["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" }
  -- The whole value, as it is forwarded: `req_hdr` gives what stands behind its last comma.
  headers["x-forwarded-host"] = { txn.f:req_fhdr("host") or "" }
  -- The path and query as they are forwarded. Not `url`, which over HTTP/2 has the host, too.
  headers["x-forwarded-uri"] = { txn.f:pathq() }
  headers["x-forwarded-for"] = { txn.f:src() }
  headers["host"] = nil
  return core.httpclient():get({ url = URL, dst = LISTENER, headers = headers, timeout = TIMEOUT })
end

core.register_action("sealgate", { "http-req" }, function(txn)
  -- An error in here is no permission either: haproxy.cfg refuses whatever does not reach the last line.
  local response = ask(txn)
  if response == nil or response.status == nil or response.status < 200 then
    return refuse(txn, 503, { ["cache-control"] = { "no-store" } }, "")
  end
  if response.status ~= 200 then return refuse(txn, response.status, response.headers, response.body or "") end
  -- First remove, then set: a client's own value is gone also where the token lacks the claim.
  for _, name in ipairs(FROM_GATEWAY) do
    txn.http:req_del_header(name)
    local values = response.headers[name]
    if values ~= nil then
      for _, value in pairs(values) do txn.http:req_add_header(name, value) end
    end
  end
  txn:set_priv(response.headers)
  txn:set_var("txn.sealgate", "allowed")
end)

core.register_action("sealgate_response", { "http-res" }, function(txn)
  local headers = txn:get_priv()
  if headers == nil then return end
  for _, name in ipairs(TO_CLIENT) do
    if headers[name] ~= nil then
      txn.http:res_del_header(name)
      for _, value in pairs(headers[name]) do txn.http:res_add_header(name, value) end
    end
  end
  -- Beside the backend's.
  for _, value in pairs(headers["vary"] or {}) do txn.http:res_add_header("vary", value) end
end)
