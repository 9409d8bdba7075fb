-- Says who is calling where another issuer's token was verified: ISSUERS, set above this text, tells where its
-- claims lie. What would not be the same as a header is left out; without a user's name there is no caller.

-- The claim at `path`, or nil.
local function at(claims, path)
  local value = claims
  for _, name in ipairs(path) do
    if type(value) ~= "table" then
      return nil
    end
    value = value[name]
  end
  return value
end

-- Visible ASCII and nothing else.
local function visible(value)
  return type(value) == "string" and value:find("^[!-~]+$") and value or nil
end

-- A list's visible texts, comma-separated: one that holds a comma would be read as two.
local function joined(value)
  local found = {}
  for _, one in ipairs(type(value) == "table" and value or {}) do
    if visible(one) and not one:find(",", 1, true) then
      table.insert(found, one)
    end
  end
  return #found > 0 and table.concat(found, ",") or nil
end

local function set(headers, name, value)
  if value then
    headers:replace(name, value)
  end
end

function envoy_on_request(handle)
  local verified = handle:streamInfo():dynamicMetadata():get("envoy.filters.http.jwt_authn")
  for _, issuer in ipairs(ISSUERS) do
    local claims = verified and verified[issuer.payload]
    local user = claims and visible(at(claims, issuer.user))
    if user then
      local headers = handle:headers()
      headers:replace(USER_HEADER, issuer.name .. ":" .. user)
      set(headers, JTI_HEADER, visible(claims.jti))
      set(headers, EMAIL_HEADER, issuer.email and visible(at(claims, issuer.email)))
      set(headers, ROLES_HEADER, issuer.roles and joined(at(claims, issuer.roles)))
      return
    end
  end
end
