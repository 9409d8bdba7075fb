-- Passes on to identity Pillion's own cookies alone: what another program set, or planted, could make its server
-- overlook all of them. SESSION and TOKEN, the cookies' names, are set above this text.

function envoy_on_request(handle)
  local headers = handle:headers()
  local ours = {}
  for index = 0, headers:getNumValues("cookie") - 1 do
    for cookie in headers:getAtIndex("cookie", index):gmatch("[^;]+") do
      local name, value = cookie:match("^%s*([%w_-]+)=([%w_.-]+)%s*$")
      if name == SESSION or name == TOKEN then
        table.insert(ours, name .. "=" .. value)
      end
    end
  end
  headers:remove("cookie")
  if #ours > 0 then
    headers:add("cookie", table.concat(ours, "; "))
  end
end
