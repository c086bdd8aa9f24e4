-- What every script shares: accounts, holds, and the writing.
--
-- Nothing is written before finish(): until then an operation may find that its windows are out
-- of date (stale), or that doubles are not exact enough (big), and it is asked or run again.
--
-- What is seldom needed is made when it is: making a function costs a call as much as a command.

-- B turns what came over the wire into an exact figure; nil while doubles do. Z is its zero.
local B, Z = nil, 0
local objs, gone, stale, big, next_known, seldom, live

local function rare()
  local f, seen = {}, nil

  -- === Sliding windows: k → charged in c, k → granted in gr; bucket k starts at k·len. ===

  local function figure(v)
    if B then return B(v) end
    if type(v) == 'number' then return v end
    big = true
    return 0
  end

  function f.slide(a, val)
    a.c, a.gr, a.s, a.g, a.h = {}, {}, Z, Z, Z
    if val then
      local t = {unpack_all(val)}
      local k0, count = t[1], t[7]
      a.h, a.len, a.span = figure(t[4]), t[5], t[6]
      for i = 1, count do
        local k, amount = k0 + i - 1, figure(t[7 + i])
        if now < (k + 1) * a.len + a.span and amount > Z then
          a.c[k], a.s = amount, a.s + amount
        end
      end
      for i = 8 + count, #t, 2 do
        local k, amount = t[i], figure(t[i + 1])
        if now < (k + 1) * a.len + a.span then
          a.gr[k], a.g = amount, a.g + amount
        end
      end
    end
    a.k = math.floor(now / a.len)
    a.ws, a.we = a.k * a.len, (a.k + 1) * a.len + a.span
    return a
  end

  function f.charge(a, ws, amount)
    local k = ws / a.len
    if now < (k + 1) * a.len + a.span then
      a.c[k] = (a.c[k] or Z) + amount
      a.s = a.s + amount
    end
  end

  -- From when on nothing that stands there counts.
  function f.slide_end(a)
    if a.h > Z then return a.we end
    local last
    for k, amount in pairs(a.c) do
      if amount > Z and (not last or k > last) then last = k end
    end
    return last and (last + 1) * a.len + a.span or now
  end

  function f.pack_slide(a, enc)
    local lo, hi
    for k, amount in pairs(a.c) do
      if amount > Z then
        lo, hi = math.min(lo or k, k), math.max(hi or k, k)
      end
    end
    local count = lo and hi - lo + 1 or 0
    local t = {lo or a.k, a.we, 2, enc(a.h), a.len, a.span, count}
    for i = 1, count do t[7 + i] = enc(a.c[lo + i - 1] or Z) end
    for k, amount in pairs(a.gr) do
      if amount > Z then
        t[#t + 1] = k
        t[#t + 1] = enc(amount)
      end
    end
    return pack(unpack(t))
  end

  -- === What the request does not name. ===

  -- The account of that key, if anything stands on it.
  function f.find(key)
    if not seen then
      seen = {}
      for i = 1, #objs do seen[objs[i].key] = objs[i] end
    end
    local a = seen[key]
    if a == nil then
      local val = call('GET', key)
      if val then
        local ws, we, x, h, s, g = unpack_all(val)
        if x == 2 then
          a = f.slide({key = key, len = s, span = g}, val)
        elseif now < we then
          a = {key = key, ws = ws, we = we, h = figure(h), s = figure(s), g = figure(g)}
        end
      end
      seen[key] = a or false
      if a then objs[#objs + 1] = a end
    end
    return a or nil
  end

  function f.forget()
    seen = nil
  end

  -- === Exact figures: pairs of 32 bits and the rest, where a sum may exceed 2^53. ===

  function f.exact()
    local W, mt = 4294967296, {}
    local function new(hi, lo) return setmetatable({hi, lo}, mt) end
    local of = {}
    setmetatable(of, {__call = function(_, v)
      if type(v) == 'number' then
        local lo = v % W
        return new((v - lo) / W, lo)
      end
      return new(tonumber(string.sub(v, 1, -9), 16), tonumber(string.sub(v, -8), 16))
    end})
    mt.__add = function(a, b)
      local hi, lo = a[1] + b[1], a[2] + b[2]
      if lo >= W then return new(hi + 1, lo - W) end
      return new(hi, lo)
    end
    -- Nothing is less than nothing.
    mt.__sub = function(a, b)
      local hi, lo = a[1] - b[1], a[2] - b[2]
      if lo < 0 then hi, lo = hi - 1, lo + W end
      if hi < 0 then return new(0, 0) end
      return new(hi, lo)
    end
    mt.__lt = function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end
    mt.__le = function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] <= b[2]) end
    mt.__eq = function(a, b) return a[1] == b[1] and a[2] == b[2] end
    of.enc = function(v)
      if v[1] < 2097152 then return v[1] * W + v[2] end
      return string.format('%08x%08x', v[1], v[2])
    end
    of.max = new(W - 1, W - 1)
    -- a + b·c, at most 2^64 - 1.
    of.muladd = function(a, b, c)
      local acc = a
      while b[1] > 0 or b[2] > 0 do
        if b[2] % 2 == 1 then acc = acc + c end
        if acc > of.max then return of.max end
        local carry = b[1] % 2
        b = new((b[1] - carry) / 2, (b[2] - b[2] % 2) / 2 + carry * 2147483648)
        c = c + c
        if c > of.max and (b[1] > 0 or b[2] > 0) then return of.max end
      end
      return acc
    end
    of.div = function(a, b)
      if a[1] < 2097152 and b[1] < 2097152 then
        return of(math.floor((a[1] * W + a[2]) / (b[1] * W + b[2])))
      end
      local quotient, steps = new(0, 0), {}
      local part, unit = b, new(0, 1)
      while part <= a do
        steps[#steps + 1] = {part, unit}
        part, unit = part + part, unit + unit
      end
      for i = #steps, 1, -1 do
        if steps[i][1] <= a then
          a, quotient = a - steps[i][1], quotient + steps[i][2]
        end
      end
      return quotient
    end
    return of
  end

  return f
end

-- === Holds. A record is: 0 or until when it is remembered as settled, then its body: output,
-- time, accounts m, m × (name, start, sum), then per entry of the receipt (index, limit, held,
-- settled, held in all, granted, end). ===

local function holds()
  local f, prefix = {}, string.sub(LIVE, 1, -2)

  function f.body_of(rec)
    local at, till = cmsgpack.unpack_one(rec)
    return string.sub(rec, at + 1), till
  end

  -- Calls `each` with the accounts on which a hold counts still, and what it has there.
  function f.each(b, each)
    local names = prefix .. 'a:'
    for i = 4, 1 + 3 * b[3], 3 do
      local key, a, j = names .. b[i], nil, nil
      for o = 1, n do
        if objs[o].key == key then a, j = objs[o], o end
      end
      if not a then
        seldom = seldom or rare()
        a = seldom.find(key)
      end
      if a and (a.c or a.ws == b[i + 1]) then
        local sum = b[i + 2]
        if B then sum = B(sum) elseif type(sum) ~= 'number' then sum, big = 0, true end
        each(a, sum, j)
      end
    end
  end

  local function take_off(a, sum)
    a.h = a.h - sum
    if a.h < Z then a.h = Z end
    a.dirty = true
  end

  function f.release(b)
    f.each(b, take_off)
  end

  -- Frees the holds that nobody renewed; some are due.
  function f.purge()
    local ids = call('ZRANGEBYSCORE', LIVE, '-inf', now, 'LIMIT', 0, PURGE_MAX)
    next_known = #ids < PURGE_MAX and 0 or now
    if #ids == 0 then return end
    gone = {ids = ids, keys = {}}
    for i, id in ipairs(ids) do
      gone.keys[i] = prefix .. 'h:' .. id
      gone[id] = true
    end
    for _, rec in ipairs(call('MGET', unpack(gone.keys))) do
      if rec then
        local body, till = f.body_of(rec)
        if till == 0 then f.release({unpack_all(body)}) end
      end
    end
  end

  return f
end

-- Reads the request's accounts, each in its present window, and frees what expired.
local function open()
  objs, gone, next_known, stale, big = {}, nil, nil, false, false
  if seldom then seldom.forget() end
  for i = 1, n do
    local val, at = got[i + 1], 4 * i
    if r[at] == 1 then
      seldom = seldom or rare()
      objs[i] = seldom.slide({key = KEYS[i + 1], len = r[at + 1], span = r[at + 2]}, val)
    else
      local ws, we, x, h, s, g
      if val then ws, we, x, h, s, g = unpack_all(val) end
      -- Also where the clock was set back: no window begins twice.
      if not we or now >= we then
        ws, we, x, h, s, g = r[at + 1], r[at + 2], 0, 0, 0, 0
        if now >= we then ws, we = we, r[at + 3] end
        if now < ws or now >= we then stale = true end
      end
      if B then
        h, s, g = B(h), B(s), B(g)
      elseif x == 1 then
        h, s, g, big = 0, 0, 0, true
      end
      objs[i] = {key = KEYS[i + 1], ws = ws, we = we, h = h, s = s, g = g}
    end
  end
  -- `next` is a time before which none expires.
  local due = got[1]
  if not due or now >= tonumber(due) then
    live = live or holds()
    live.purge()
  end
  return objs
end

local function enc(v)
  if B then return B.enc(v) end
  return v
end

local function store(a)
  local h, s, g, we = a.h, a.s, a.g, a.we
  if not (h > Z or s > Z or g > Z) then return call('DEL', a.key) end
  local val
  if a.c then
    val = seldom.pack_slide(a, enc)
  elseif B then
    h, s, g = B.enc(h), B.enc(s), B.enc(g)
    local x = type(h) == 'number' and type(s) == 'number' and type(g) == 'number' and 0 or 1
    val = pack(a.ws, we, x, h, s, g)
  else
    val = pack(a.ws, we, 0, h, s, g)
  end
  if we == math.huge or (a.c and a.h > Z) then return call('SET', a.key, val) end
  local slack = we - (a.c and now or a.ws)
  if slack > SLACK_MAX then slack = SLACK_MAX end
  local left = we - now + slack
  -- An account whose window is over while a hold of it expires.
  if left <= 0 then return call('DEL', a.key) end
  if left > TTL_MAX then left = TTL_MAX end
  call('SET', a.key, val, 'PX', left)
end

-- Writes what changed; `reply` if all is well. Every path of an operation ends here.
local function finish(reply)
  if stale then return 'T' .. pack(now) end
  if not B then
    for i = 1, #objs do
      local a = objs[i]
      if a.dirty and a.h + a.s + a.g >= EXACT_MAX then big = true end
    end
    if big then return nil end
  end
  for i = 1, #objs do
    if objs[i].dirty then store(objs[i]) end
  end
  if gone then
    call('ZREM', LIVE, unpack(gone.ids))
    call('DEL', unpack(gone.keys))
  end
  if next_known then
    if next_known == 0 then
      local first = call('ZRANGE', LIVE, 0, 0, 'WITHSCORES')
      next_known = first[2] or now + 1000
    end
    call('SET', NEXT, next_known)
    got[1] = next_known
  end
  return reply
end

-- What stands on an account, for an answer.
local function standing(a)
  if B then return B.enc(a.s), B.enc(a.h), B.enc(a.g), a.c and seldom.slide_end(a) or a.we end
  return a.s, a.h, a.g, a.c and seldom.slide_end(a) or a.we
end

-- Runs an operation with doubles, and with exact figures where those do not do.
local function run(act, must_be_exact)
  local answer = not must_be_exact and act()
  if answer then return answer end
  seldom = seldom or rare()
  B = seldom.exact()
  Z = B(0)
  return act()
end
