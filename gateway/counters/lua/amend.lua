-- Changes meters after the fact, once: a batch whose mark is there was applied already.
-- KEYS: the batch's mark, then one an amendment. ARGV[1], in MessagePack: seconds to keep the mark, and for each key
--   {'rate', microseconds by which the limit is whole later}
--   {'budget', window, nano-dollars more, seconds to keep it}; of a window that is over nothing is changed
--   {'least', window, nano-dollars, seconds to keep it}; a budget that shows more, or is in a later window, stays as it is
--   {'leave', lease, ...}
--   {'stay', microseconds from now, lease, ...}
-- Answers for each what a budget shows then, else 0.
local asked = cmsgpack.unpack(ARGV[1])
local answer = {}
if not redis.call('SET', KEYS[1], 1, 'NX', 'EX', asked[1]) then return answer end

for i, change in ipairs(asked[2]) do
  local key, kind = KEYS[i + 1], change[1]
  answer[i] = 0
  if kind == 'rate' then
    set_rate(key, math.max((tonumber(redis.call('GET', key)) or 0) - now, 0) + change[2])
  elseif kind == 'budget' then
    local written, amount = budget_at(key)
    if written <= change[2] then
      local before = written == change[2] and amount or 0
      answer[i] = math.max(before + change[3], 0)
      set_budget(key, change[2], answer[i], change[4])
    end
  elseif kind == 'least' then
    local written, amount = budget_at(key)
    answer[i] = written == change[2] and amount or 0
    if written <= change[2] and answer[i] < change[3] then
      answer[i] = change[3]
      set_budget(key, change[2], answer[i], change[4])
    end
  elseif kind == 'leave' then
    redis.call('ZREM', key, unpack(change, 2))
  else
    local until_us = string.format('%.0f', now + change[2])
    for j = 3, #change do redis.call('ZADD', key, 'XX', until_us, change[j]) end
    redis.call('PEXPIRE', key, math.ceil(change[2] / 1000))
  end
end
return answer
