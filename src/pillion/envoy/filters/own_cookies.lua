-- Takes Pillion's cookies out of what a service sets, and leaves its other cookies.
-- SESSION and TOKEN, the cookies' names, and the names of the header and of the refusal by which this Envoy says
-- that it ends a session itself, are set above this text.

-- The name that a browser will send the cookie under. To some, `=name=value` is a cookie without a name whose
-- value is `name=value`, and goes back to us as one of that name.
local function name_of(cookie)
  local first = cookie:find("[^%s=]") or 1
  local last = (cookie:find("[=;]", first) or #cookie + 1) - 1
  while last >= first and cookie:find("^%s", last) do
    last = last - 1
  end
  return cookie:sub(first, last)
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local count = headers:getNumValues("set-cookie")
  -- No service can say so: its sidecar takes this header out of every answer that is not its own.
  if count == 0 or headers:get(REFUSED_HEADER) == REVOKED then
    return
  end
  local others = {}
  for index = 0, count - 1 do
    local cookie = headers:getAtIndex("set-cookie", index)
    local name = name_of(cookie)
    if name ~= SESSION and name ~= TOKEN then
      table.insert(others, cookie)
    end
  end
  if #others == count then
    return
  end
  headers:remove("set-cookie")
  for _, cookie in ipairs(others) do
    headers:add("set-cookie", cookie)
  end
end
