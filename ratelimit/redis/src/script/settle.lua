-- Frees a hold and charges the window of admission, once.
--
-- Arguments: exact, the receipt as a body, then two per account: start of the window of
-- admission, what is charged; last, how long the settlement is remembered.
-- Answers: S time, four per account: settled, held, granted, end
local HOLD = KEYS[n + 2]
local ID = string.sub(HOLD, -32)

local function act()
  local a = open()
  local rec = got[n + 2]
  local body, till = r[base + 2], nil
  if rec and gone and gone[ID] then rec = false end
  if rec then
    live = live or holds()
    local known
    known, till = live.body_of(rec)
    if till == 0 then
      body = known
      live.release({unpack_all(known)})
    end
  end
  local settled = till and till > now
  if not settled then
    for i = 1, n do
      local account, ws, amount = a[i], r[base + 1 + 2 * i], r[base + 2 + 2 * i]
      if B then amount = B(amount) end
      if account.c then
        seldom.charge(account, ws, amount)
        account.dirty = true
      elseif account.ws == ws then
        account.s = account.s + amount
        account.dirty = true
      end
    end
  end
  local t, at = {now}, 1
  for i = 1, n do
    t[at + 1], t[at + 2], t[at + 3], t[at + 4] = standing(a[i])
    at = at + 4
  end
  local reply = finish('S' .. pack(unpack(t)))
  if reply and not stale and not settled then
    local remember = r[base + 3 + 2 * n]
    call('SET', HOLD, pack(now + remember) .. body, 'PX', remember)
    if till == 0 then call('ZREM', LIVE, ID) end
  end
  return reply
end

return run(act, r[base + 1] == 1)
