-- Read some fields of a session and count a request against its allowance, in one step.
-- The function `decide` comes before this text: it is the rate limiter's script.
-- KEYS: bucket, session   ARGV: the limiter's three, then the names of the fields, the first of which every session has
-- Returns: {fields, decision}, or {} when there is no such session, and then nothing was counted
local fields = redis.call('HMGET', KEYS[2], unpack(ARGV, 4))
if not fields[1] then
  return {}
end
return {fields, decide()}
