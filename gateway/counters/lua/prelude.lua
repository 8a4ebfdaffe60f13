-- Time is the server's: microseconds since 2026, which a double holds to a sixteenth of one.
local told = redis.call('TIME')
local second = tonumber(told[1])
local now = (second - 1767225600) * 1000000 + tonumber(told[2])

-- As domain/budgets.py `window_of`: the number of the day, of the week that begins on Monday, or of the month.
local function window_of(period, at)
  local day = math.floor(at / 86400)
  if period == 'day' then return day end
  if period == 'week' then return math.floor((day + 3) / 7) end
  -- Days to year and month, by eras of 400 years that begin on the 1st of March: howardhinnant.github.io/date_algorithms.html
  local shifted = day + 719468
  local era = math.floor(shifted / 146097)
  local of_era = shifted - era * 146097
  local year = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524) - math.floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local month = math.floor((5 * of_year + 2) / 153) + 2
  year = year + era * 400
  if month > 11 then return (year + 1) * 12 + month - 12 end
  return year * 12 + month
end

-- What is written of a budget: its window and the amount used in it.
local function budget_at(key)
  local text = redis.call('GET', key)
  if not text then return -1, 0 end
  local window, amount = string.match(text, '^(%d+):(%d+)$')
  return tonumber(window) or -1, tonumber(amount) or 0
end

local function set_budget(key, window, amount, keep_s)
  redis.call('SET', key, string.format('%.0f:%.0f', window, amount), 'EX', keep_s)
end

local function set_rate(key, whole_in)
  if whole_in > 0 then
    redis.call('SET', key, string.format('%.3f', now + whole_in), 'PX', math.ceil(whole_in / 1000) + 1000)
  else
    redis.call('DEL', key)
  end
end
