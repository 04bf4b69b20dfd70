-- Note that a request was answered, so that its units are free as early as its lateness allows: see `asks.py`.
-- KEYS: state of the first limit, then the uses of each   ARGV: id, kind, late, usual calls, then of each limit period and cost
-- Returns: now
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local function use(number)
  return ':' .. ARGV[1] .. ':' .. ARGV[4 + 2 * number]
end
local ends = redis.call('ZSCORE', KEYS[2], 'o' .. use(1))
if not ends then
  return string.format('%.0f', now)
end
local taken = now - (tonumber(ends) - tonumber(ARGV[5]))
local field = 'fastest:' .. ARGV[2]
local fastest = tonumber(redis.call('HGET', KEYS[1], field)) or 0
fastest = math.min(taken, fastest + math.floor(math.max(taken - fastest, 0) / tonumber(ARGV[4])))
redis.call('HSET', KEYS[1], field, string.format('%.0f', fastest))
local lateness = math.min(math.max(taken - fastest, 0), tonumber(ARGV[3]))
for number = 1, #KEYS - 1 do
  local free_at = redis.call('ZSCORE', KEYS[number + 1], 'o' .. use(number))
  if free_at then
    redis.call('ZREM', KEYS[number + 1], 'o' .. use(number))
    redis.call('ZADD', KEYS[number + 1], string.format('%.0f', tonumber(free_at) + lateness), 'd' .. use(number))
  end
end
return string.format('%.0f', now)
