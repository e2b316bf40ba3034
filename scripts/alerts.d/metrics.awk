#!/usr/bin/awk -f
# Counters of requests, errors and milliseconds by service, as a scrape each minute would have seen them, as OpenMetrics. Fields of an
# event: {"at":$2,"service":$4,"status":$6,"ms":$8}. Events come in the order of time, but for the order within a minute.
{
    minute = int($2 / 60)
    if (!first) first = last = minute
    if (minute > last) last = minute
    requests[$4, minute]++
    if ($6 >= 500) errors[$4, minute]++
    ms[$4, minute] += $8
    services[$4]
}

function write(name, of,    service, total, minute) {
    print "# TYPE " name " counter"
    for (service in services) {
        total = 0
        for (minute = first; minute <= last; minute++) {
            total += of[service, minute]
            printf "%s_total{service=%s} %.3f %d\n", name, service, total, (minute + 1) * 60
        }
    }
}

END {
    write("requests", requests)
    write("errors", errors)
    write("request_ms", ms)
    print "# EOF"
}
