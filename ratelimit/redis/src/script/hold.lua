-- Takes a hold, or (raise) replaces one: all or nothing.
--
-- Arguments: raise (1) or not, exact, want, charges m; four per account: fixed and per output of
-- its enforced charges, what they need at least, and at most; five per charge: account, limit,
-- enforced, fixed, per output.
-- Answers: the record (begins with 0: granted now) | R time body (granted before)
--   | D time index settled held granted end retry | N time (nothing asked)
local HOLD = KEYS[n + 2]
local ID = string.sub(HOLD, -32)
local raise, want, m = r[base + 1] == 1, r[base + 3], r[base + 4]
local of_account, of_charge = base + 4, base + 4 + 4 * n

-- How long until `need` fits; `others` is what others hold.
local function retry(a, limit, others, need)
  local first
  if a.c then
    for k in pairs(a.c) do
      if k < a.k and not a.gr[k] then a.gr[k] = Z end
    end
    for k in pairs(a.gr) do
      local at = (k + 1) * a.len + a.span
      if k < a.k and (not first or at < first) then
        local s, g = Z, Z
        for j, amount in pairs(a.c) do
          if j > k then s = s + amount end
        end
        for j, amount in pairs(a.gr) do
          if j > k then g = g + amount end
        end
        local left = limit + g - s - others
        if left > Z and need <= left then first = at end
      end
    end
  end
  return (first or a.we) - now
end

-- The output that fits, or nil and the tightest charge with its wait: of those that do not fit
-- the one that frees latest, then has least left.
local function decide(a, own)
  local output, tightest, latest, least = want, nil, nil, nil
  if B then output = B(output) end
  for at = of_charge, of_charge + 5 * (m - 1), 5 do
    if r[at + 3] == 1 then
      local j, limit = r[at + 1], r[at + 2]
      local o = of_account + 4 * (j - 1)
      local fixed, per, need, most = r[o + 1], r[o + 2], r[o + 3], r[o + 4]
      if B then limit, fixed, per, need, most = B(limit), B(fixed), B(per), B(need), B(most) end
      local account, mine = a[j], own and own[j]
      local others = mine and account.h - mine or account.h
      local room = limit + account.g - account.s - others
      if not ((mine and need <= mine) or (room > Z and need <= room)) then
        local wait = retry(account, limit, others, need)
        local left = limit + account.g - account.s - account.h
        if left < Z then left = Z end
        if not tightest or wait > latest or (wait == latest and left < least) then
          tightest, latest, least = (at - of_charge) / 5 + 1, wait, left
        end
      else
        if mine and room < mine then room = mine end
        if room < most and per > Z then
          local fits = B and B.div(room - fixed, per) or math.floor((room - fixed) / per)
          if fits < output then output = fits end
        end
      end
    end
  end
  if tightest then return nil, tightest, latest end
  return output
end

local function held(at, output)
  if B then return B.muladd(B(r[at + 4]), output, B(r[at + 5])) end
  return r[at + 4] + r[at + 5] * output
end

-- Adds the hold to its accounts. Returns the record's body, whose states show it.
local function hold_on(a, output)
  for at = of_charge, of_charge + 5 * (m - 1), 5 do
    local account, amount = a[r[at + 1]], held(at, output)
    account.h = account.h + amount
    account.sum = account.sum and account.sum + amount or amount
    account.dirty = true
  end
  local names = #LIVE + 2
  -- Long enough for one account and one charge, so that it does not grow as a rule.
  local t = {enc(output), now, n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
  local e = 3
  for j = 1, n do
    t[e + 1], t[e + 2], t[e + 3] = string.sub(a[j].key, names), a[j].ws, enc(a[j].sum)
    e = e + 3
  end
  for at = of_charge, of_charge + 5 * (m - 1), 5 do
    t[e + 1], t[e + 2], t[e + 3] = r[at + 1], r[at + 2], enc(held(at, output))
    t[e + 4], t[e + 5], t[e + 6], t[e + 7] = standing(a[r[at + 1]])
    e = e + 7
  end
  return pack(unpack(t))
end

local function act()
  local a = open()
  local rec, replaced = got[n + 2], nil
  if rec and not (gone and gone[ID]) then
    live = live or holds()
    local body, till = live.body_of(rec)
    if till > now or (till == 0 and not raise) then
      return finish('R' .. pack(now) .. body)
    elseif till == 0 then
      replaced = {unpack_all(body)}
    end
  end
  local own
  if replaced then
    own = {}
    live.each(replaced, function(_, sum, j)
      if j then own[j] = sum end
    end)
  end
  local output, tightest, wait = decide(a, own)
  if not output then
    local s, h, g, over = standing(a[r[of_charge + 5 * (tightest - 1) + 1]])
    return finish('D' .. pack(now, tightest, s, h, g, over, wait))
  end
  if replaced then live.release(replaced) end
  if m == 0 then
    local reply = finish('N' .. pack(now))
    if replaced and reply and not stale then
      call('DEL', HOLD)
      call('ZREM', LIVE, ID)
    end
    return reply
  end
  local record = '\0' .. hold_on(a, output)
  local reply = finish(record)
  if reply and not stale then
    local expires = now + r[2]
    call('SET', HOLD, record)
    call('ZADD', LIVE, expires, ID)
    if expires < tonumber(got[1]) then call('SET', NEXT, expires) end
  end
  return reply
end

return run(act, r[base + 2] == 1)
