-- Takes what a request needs of all its meters, or of none.
-- KEYS: one a meter. ARGV[1], in MessagePack: the request's lease, how long it holds in microseconds, and for each meter
--   {'rate', limit, need, more, window in microseconds}
--   {'concurrent', limit}
--   {'budget', limit, need, more, period, seconds to keep it}; limit -1: soft
-- `more` is taken too where there is room for it. Answers {1 where it passes, Unix time}, and for each meter three
-- numbers: what it showed before, how much more was taken, and the window of a budget.
local asked = cmsgpack.unpack(ARGV[1])
local lease, lease_us, meters = asked[1], asked[2], asked[3]
local passes = true
local values, windows = {}, {}

for i, key in ipairs(KEYS) do
  local kind, limit, need, _, span = unpack(meters[i])
  windows[i] = 0
  if kind == 'rate' then
    values[i] = math.max((tonumber(redis.call('GET', key)) or 0) - now, 0)
    passes = passes and values[i] + need * span / limit <= span + 1
  elseif kind == 'concurrent' then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
    values[i] = redis.call('ZCARD', key)
    if redis.call('ZSCORE', key, lease) then values[i] = values[i] - 1 end
    passes = passes and values[i] < limit
  else
    local written, amount = budget_at(key)
    windows[i] = math.max(written, window_of(span, second))
    values[i] = written == windows[i] and amount or 0
    passes = passes and (limit < 0 or values[i] + need <= limit)
  end
end

local answer = {passes and 1 or 0, second}
for i, key in ipairs(KEYS) do
  local kind, limit, need, more, span, keep_s = unpack(meters[i])
  local lent = 0
  if passes and kind == 'rate' then
    lent = values[i] + (need + more) * span / limit <= span and more or 0
    set_rate(key, values[i] + (need + lent) * span / limit)
  elseif passes and kind == 'concurrent' then
    redis.call('ZADD', key, string.format('%.0f', now + lease_us), lease)
    redis.call('PEXPIRE', key, math.ceil(lease_us / 1000))
  elseif passes then
    lent = (limit < 0 or values[i] + need + more <= limit) and more or 0
    set_budget(key, windows[i], values[i] + need + lent, keep_s)
  end
  answer[#answer + 1] = values[i]
  answer[#answer + 1] = lent
  answer[#answer + 1] = windows[i]
end
return answer
