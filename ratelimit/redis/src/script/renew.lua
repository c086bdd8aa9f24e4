-- Keeps a hold alive, or records an expired one again.
--
-- Arguments: exact, the receipt as a body.
-- Answers: O time
local HOLD = KEYS[n + 2]
local ID = string.sub(HOLD, -32)

local function act()
  local a = open()
  local rec = got[n + 2]
  if rec and gone and gone[ID] then rec = false end
  if rec then
    live = live or holds()
    local _, till = live.body_of(rec)
    if till ~= 0 and till <= now then rec = false end
    if till > now then return finish('O' .. pack(now)) end
  end
  local body = r[base + 2]
  if not rec then
    local b = {unpack_all(body)}
    for i = 0, b[3] - 1 do
      local account, sum = a[i + 1], b[6 + 3 * i]
      -- A calendar window that is over counts no more: there is nothing to hold on it.
      if account.c or account.ws == b[5 + 3 * i] then
        if B then sum = B(sum) end
        account.h = account.h + sum
        account.dirty = true
      end
    end
  end
  local reply = finish('O' .. pack(now))
  if reply and not stale then
    local expires = now + r[2]
    if not rec then call('SET', HOLD, '\0' .. body) end
    call('ZADD', LIVE, expires, ID)
    if expires < tonumber(got[1]) then call('SET', NEXT, expires) end
  end
  return reply
end

return run(act, r[base + 1] == 1)
