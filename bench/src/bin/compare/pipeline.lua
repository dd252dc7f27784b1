-- Sends as many requests at a time as the first argument says.
function init(arguments)
  batch = string.rep(wrk.format(), tonumber(arguments[1]))
end

function request()
  return batch
end
