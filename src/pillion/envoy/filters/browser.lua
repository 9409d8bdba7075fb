-- Puts what a browser sent where the filters after this one look for it, and takes Pillion's cookies out of
-- the request: the token waits to be verified, the session goes to the renewal alone. So does an API key.
-- SESSION and TOKEN, the cookies' names, API_KEY, what a key begins with, and the names of the internal headers are
-- set above this text.

-- Of all media types named in `accept`, is a page the one wanted most? (RFC 9110, section 12.5.1)
local function prefers_page(accept)
  local best, wanted = 0, false
  for range in accept:gmatch("[^,]+") do
    local kind = (range:match("^%s*([^;%s]+)") or "*/*"):lower() -- RFC 9110, section 8.3.1
    local quality = tonumber(range:match(";%s*[qQ]=([%d.]+)")) or 1
    if kind ~= "*/*" and quality > best then
      best, wanted = quality, kind == "text/html" or kind == "application/xhtml+xml"
    end
  end
  return wanted
end

-- Is a person going to a page, rather than a program asking for data?
local function is_navigation(headers)
  local method = headers:get(":method")
  if method ~= "GET" and method ~= "HEAD" then
    return false
  end
  local mode = headers:get("sec-fetch-mode")
  if mode then
    return mode == "navigate"
  end
  local accept = headers:get("accept")
  return accept ~= nil and prefers_page(accept)
end

-- Without the blanks around it, in one pass from each end: a pattern like `^%s*(.-)%s*$` takes time that grows
-- with the square of a run of blanks, or its cube, and holds the worker meanwhile.
local function trimmed(text)
  local first, last = text:find("%S") or 1, #text
  while last >= first and text:find("^%s", last) do
    last = last - 1
  end
  return text:sub(first, last)
end

local function percent_encoded(text)
  return (text:gsub("[^%w/._~-]", function(character)
    return string.format("%%%02X", string.byte(character))
  end))
end

-- The values of Pillion's two cookies, and the other cookies as they were. A cookie that is sent twice is
-- nobody's: somebody may have planted one of the two from a neighbouring host (RFC 6265, section 8.6).
local function sort_cookies(headers)
  local found, others = { [SESSION] = {}, [TOKEN] = {} }, {}
  for index = 0, headers:getNumValues("cookie") - 1 do
    for cookie in headers:getAtIndex("cookie", index):gmatch("[^;]+") do
      local equals = cookie:find("=", 1, true)
      local values = equals and found[trimmed(cookie:sub(1, equals - 1))]
      if values then
        table.insert(values, trimmed(cookie:sub(equals + 1)))
      else
        table.insert(others, trimmed(cookie))
      end
    end
  end
  return #found[SESSION] == 1 and found[SESSION][1], #found[TOKEN] == 1 and found[TOKEN][1], others
end

-- A key stands where a token would. Of two Authorization headers neither is looked at: they are refused later on.
local function take_api_key(headers)
  if headers:getNumValues("authorization") ~= 1 then
    return
  end
  local key = headers:get("authorization"):match("^[Bb]earer (" .. API_KEY .. "[%w_-]+)$")
  if key then
    headers:replace(API_KEY_HEADER, key)
    headers:remove("authorization")
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if is_navigation(headers) then
    headers:replace(NEXT_HEADER, percent_encoded(headers:get(":path")))
  end
  local has_authorization = headers:get("authorization") ~= nil
  if has_authorization then
    take_api_key(headers)
  end
  if headers:get("cookie") == nil then
    return
  end
  local session, token, others = sort_cookies(headers)
  headers:remove("cookie")
  if #others > 0 then
    headers:add("cookie", table.concat(others, "; "))
  end
  -- A caller that brings a token of its own is judged by that one alone.
  if has_authorization then
    return
  end
  if session and session:match("^[%w_-]+$") then
    headers:replace(SESSION_HEADER, session)
  end
  if token and token:match("^[%w_-]+%.[%w_-]+%.[%w_-]+$") then
    headers:replace(TOKEN_HEADER, "Bearer " .. token)
  end
end
