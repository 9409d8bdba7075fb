-- Passes on no more of an answer than its status.
function envoy_on_response(handle)
  local headers = handle:headers()
  local others = {}
  for name in pairs(headers) do
    if name:sub(1, 1) ~= ":" then
      others[#others + 1] = name
    end
  end
  for _, name in ipairs(others) do
    headers:remove(name)
  end
  for part in handle:bodyChunks() do
    part:setBytes("")
  end
end
