-- Read, touch or rotate a session by its token, in one step.
-- KEYS: session, index of its user
-- ARGV: session id, token digest, family digest, grace ms, what to do ('read', 'touch', 'rotate'), new token digest
-- Returns: {'ok', fields, expires} or {'gone'} or {'late'} (already rotated, in the grace) or {'reused'} (revoked now)
local fields = redis.call('HMGET', KEYS[1], 'token', 'family', 'previous', 'rotated', 'idle', 'ends')
-- Without the right family this is no token of the session at all, old or new: knowing a session id must not revoke it.
if not fields[1] or fields[2] ~= ARGV[3] then
  return {'gone'}
end
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
if fields[1] ~= ARGV[2] then
  local in_grace = fields[3] == ARGV[2] and now - tonumber(fields[4]) < tonumber(ARGV[4])
  if not in_grace then
    redis.call('DEL', KEYS[1])
    redis.call('ZREM', KEYS[2], ARGV[1])
    return {'reused'}
  end
  if ARGV[5] == 'rotate' then
    return {'late'}
  end
end
if ARGV[5] ~= 'read' then
  local expires = math.min(now + tonumber(fields[5]), tonumber(fields[6]))
  if expires <= now then
    redis.call('DEL', KEYS[1])
    redis.call('ZREM', KEYS[2], ARGV[1])
    return {'gone'}
  end
  redis.call('HSET', KEYS[1], 'seen', now)
  if ARGV[5] == 'rotate' then
    redis.call('HSET', KEYS[1], 'token', ARGV[6], 'previous', ARGV[2], 'rotated', now)
  end
  redis.call('PEXPIREAT', KEYS[1], expires)
  redis.call('ZADD', KEYS[2], expires, ARGV[1])
  redis.call('PEXPIREAT', KEYS[2], redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2])
end
return {'ok', redis.call('HGETALL', KEYS[1]), redis.call('PTTL', KEYS[1]) + now}
