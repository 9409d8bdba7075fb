-- Sends a person whom a sidecar asks for a second factor to the page where one is shown, and from there back.
-- NEXT_HEADER, the header with the path to come back to; REFUSED_HEADER and STEP_UP, by which a sidecar says what is
-- missing; and LOCATION, all of the address but that path, are set above this text.

local NAME = "pillion.step-up-page"

function envoy_on_request(handle)
  -- The header does not go beyond this Envoy, and is gone when the answer comes.
  handle:streamInfo():dynamicMetadata():set(NAME, "next", handle:headers():get(NEXT_HEADER))
end

function envoy_on_response(handle)
  local headers = handle:headers()
  -- No service can say so: its sidecar takes this header out of every answer that is not its own.
  if headers:get(REFUSED_HEADER) ~= STEP_UP then
    return
  end
  headers:replace(":status", "303")
  headers:replace("location", LOCATION .. handle:streamInfo():dynamicMetadata():get(NAME)["next"])
  headers:replace("cache-control", "no-store")
  headers:remove("www-authenticate")
  -- Waits for the body: `headers` is of no use after that. As long as before, so is its length.
  local body = handle:body()
  if body then
    body:setBytes((body:getBytes(0, body:length()):gsub('"status":401', '"status":303')))
  end
end
