-- Note that a request was answered, so that its units are free as early as its lateness allows: see `asks.py`.
-- KEYS: state of the first limit, then the uses of each   ARGV: id, kind, taken, late, usual calls, then each limit's cost
-- Returns: 1, or 0 when it was not known or done before
local taken, late, usual = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local function use(number)
  return ':' .. ARGV[1] .. ':' .. ARGV[5 + number]
end
if not redis.call('ZSCORE', KEYS[2], 'o' .. use(1)) then
  return 0
end
local field = 'fastest:' .. ARGV[2]
local fastest = tonumber(redis.call('HGET', KEYS[1], field)) or 0
fastest = math.min(taken, fastest + math.floor(math.max(taken - fastest, 0) / usual))
redis.call('HSET', KEYS[1], field, string.format('%.0f', fastest))
local lateness = math.min(math.max(taken - fastest, 0), late)
for number = 1, #KEYS - 1 do
  local free_at = redis.call('ZSCORE', KEYS[number + 1], 'o' .. use(number))
  if free_at then
    redis.call('ZREM', KEYS[number + 1], 'o' .. use(number))
    redis.call('ZADD', KEYS[number + 1], string.format('%.0f', tonumber(free_at) + lateness), 'd' .. use(number))
  end
end
return 1
