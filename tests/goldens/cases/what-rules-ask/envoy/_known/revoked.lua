local revoked = {}
for sid in ([[

]]):gmatch('%S+') do
  revoked[sid] = true
end
collectgarbage()
function envoy_match(sid)
  return revoked[sid:sub(20)] == true
end
