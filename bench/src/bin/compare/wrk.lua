-- Prints the summary as one line of key=value pairs; times are microseconds.
function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    "summary: requests=%d duration=%d p50=%d p99=%d connect=%d read=%d write=%d status=%d timeout=%d",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
