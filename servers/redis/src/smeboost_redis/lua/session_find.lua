-- Read or touch a session by its id, which is no secret: the caller has checked who asks (a signed token's `sid`).
-- KEYS: session, index of its user   ARGV: session id, what to do ('read', 'touch', 'set'), then data as name, value, ...
-- Returns: {'ok', fields, expires} or {'gone'}
local fields = redis.call('HMGET', KEYS[1], 'idle', 'ends')
if not fields[1] then
  return {'gone'}
end
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
if ARGV[2] == 'touch' then
  local expires = math.min(now + tonumber(fields[1]), tonumber(fields[2]))
  if expires <= now then
    redis.call('DEL', KEYS[1])
    redis.call('ZREM', KEYS[2], ARGV[1])
    return {'gone'}
  end
  redis.call('HSET', KEYS[1], 'seen', now)
  redis.call('PEXPIREAT', KEYS[1], expires)
  redis.call('ZADD', KEYS[2], expires, ARGV[1])
  redis.call('PEXPIREAT', KEYS[2], redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2])
elseif ARGV[2] == 'set' and #ARGV > 2 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 3))
end
return {'ok', redis.call('HGETALL', KEYS[1]), redis.call('PTTL', KEYS[1]) + now}
