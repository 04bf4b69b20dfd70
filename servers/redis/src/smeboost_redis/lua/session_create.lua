-- KEYS: session, index of its user   ARGV: session id, token digest, family digest, user id, idle ms, lifetime ms,
-- most sessions of one user, then data as name, value, ...
-- Returns: the fields of the session, and the ids that had to make room
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local idle, ends = tonumber(ARGV[5]), now + tonumber(ARGV[6])
local expires = math.min(now + idle, ends)
redis.call('HSET', KEYS[1], 'token', ARGV[2], 'family', ARGV[3], 'user', ARGV[4], 'idle', ARGV[5],
  'created', now, 'seen', now, 'ends', ends)
if #ARGV > 7 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 8))
end
redis.call('PEXPIREAT', KEYS[1], expires)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], expires, ARGV[1])
redis.call('PEXPIREAT', KEYS[2], redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2])
local surplus = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[7])
local evicted = {}
if surplus > 0 then
  evicted = redis.call('ZRANGE', KEYS[2], 0, surplus - 1)
end
return {redis.call('HGETALL', KEYS[1]), expires, evicted}
