-- What every script begins with: its arguments, the time, and what is stored.
--
-- KEYS: 1 next, 2..n+1 accounts, then perhaps the hold, last the set of live holds.
-- ARGV 1 (msgpack, r): 1 time (0: the server's), 2 hold lifetime, 3 accounts n, then four per
-- account: 0, start, end, end after | 1, bucket, span, 0. What follows is the operation's own.
-- Times are Unix milliseconds.
local r, call, pack, unpack_all = {cmsgpack.unpack(ARGV[1])}, redis.call, cmsgpack.pack, cmsgpack.unpack
local NEXT, LIVE = KEYS[1], KEYS[#KEYS]
local EXACT_MAX, PURGE_MAX, SLACK_MAX, TTL_MAX = 9007199254740992, 1000, 60000, 1e12
local now, n = r[1], r[3]
if now == 0 then
  local t = call('TIME')
  now = t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
end
-- The operation's own arguments begin after this one.
local base = 3 + 4 * n
local got = call('MGET', unpack(KEYS, 1, #KEYS - 1))
