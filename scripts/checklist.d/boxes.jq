#!/usr/bin/jq -f
# What each box of scripts/checklist asks. A box is [whether it holds, words].

def counted(value): map(value // empty) | group_by(.) | map({key: (.[0] | tostring), value: length}) | from_entries;
def by($field): [.by[$field][]? | {key: .value, value: .events}] | from_entries;
def rank($q): sort | .[([($q * length | ceil), 1] | max) - 1];
def near($right; $share): . != null and (. - $right | fabs) <= $right * $share;

# How each filter of a search is answered by hand.
def matches($name; $value):
    if $name == "status_code" then .metrics.status_code == ($value | tonumber)
    elif $name == "event_id_contains" then .event_id | contains($value)
    elif $name == "service" or $name == "endpoint" then .source[$name] == $value
    elif $name == "user_id" then .context.user_id == $value
    elif $name == "event_type" or $name == "severity" then .[$name] == $value
    else .context.tags[$name] == $value
    end;

# Every value of the fields that have few, and some of the others.
def filters:
    def all(name; value): ($sent | map(value // empty) | unique)[] | [name, tostring];
    [all("event_type"; .event_type), all("severity"; .severity), all("service"; .source.service),
     all("status_code"; .metrics.status_code), all("country"; .context.tags.country), all("region"; .context.tags.region),
     all("city"; .context.tags.city), all("device_type"; .context.tags.device_type),
     ($sent[:3][] | ["endpoint", .source.endpoint], ["event_id_contains", .event_id[4:12]]),
     ($sent | map(.context.user_id // empty)[:3][] | ["user_id", .]), ["service", "no-service"]];

def outcome($word): map(select(.outcome == $word)) | length;

def stored:
    ($verified | outcome("present")) as $present
    | [$present == 1000 and ($verified[-1].run.complete == true),
       "\($present) of 1000 sent are there (\($outcomes | outcome("accepted")) answered as accepted)"];

def searched:
    [$found[] | . as $answer
        | ([$sent[] | select(matches($answer.name; $answer.value)) | .event_id] | sort) as $right
        | select($answer.total != ($right | length) or ($answer.ids | sort) != $right)
        | "\(.name)=\(.value) finds \(.total), where \($right | length) match"] as $wrong
    | [($wrong | length) == 0 and ($found | length) == (filters | length),
       if $wrong == [] then "\($found | length) filters find what a count by hand does" else "\($wrong | length) of \($found | length) filters are wrong: \($wrong[0])" end];

def metrics:
    $figures[0] as $f
    | ($sent | map(select(.metrics.status_code >= 400)) | length) as $errors
    | ($sent | map(.metrics.response_time_ms)) as $times
    | [["events", $f.events, 1000, 0], ["errors", $f.errors, $errors, 0],
       ["P50", $f.latency.p50_ms, ($times | rank(0.5)), 0.02], ["P95", $f.latency.p95_ms, ($times | rank(0.95)), 0.02],
       ["P99", $f.latency.p99_ms, ($times | rank(0.99)), 0.02]]
    | map(. as [$name, $said, $right, $share] | select($said | near($right; $share) | not) | "\($name) is \($said), where \($right) is right") as $wrong
    | [$wrong == [], if $wrong == [] then "events, errors, P50, P95 and P99 are those of the events" else $wrong | join("; ") end];

def once:
    ($again | outcome("duplicate")) as $known
    | [$after[0].total_count == 1000 and $known == 1000,
       "sent twice, \($after[0].total_count) are stored; the second time, \($known) of 1000 were answered as duplicates"];

def limited:
    $limit[0].limit as $most
    | if $limit[0] == null then [false, "the server does not tell its limit"]
      elif $most == null then
        [$outcomes, $flood | .[] | select(.outcome == "rate_limited" or .answers != null and (.answers | index("rate_limited")))] as $hit
        | [$hit == [], if $hit == [] then "no limit is set, and none was met" else "no limit is set, and \($hit | length) events were refused for rate" end]
      else
        ([$flood[] | select(.answers != null and (.answers | index("rate_limited")) or .outcome == "rate_limited")] | length) as $refused
        | ([$flood[] | select(.outcome == "accepted")] | length) as $taken
        | [$refused > 0 and $taken == 2 * $most,
           "of \(2 * $most) events at once, with \($most) allowed, \($refused) were refused at first and \($taken) taken in the end"]
      end;

def refused:
    ($answers | split("\n") | map(split(" "))) as $all
    | [range($all | length) | . as $i | $all[$i] | select(.[0] != .[1])
        | ["no key", "a wrong key", "half a JSON object", "an event without a type", "a batch without events", "an unknown id", "GET /health"][$i]
          + " is answered \(.[1]), where \(.[0]) is right"] as $wrong
    | [$wrong == [], if $wrong == [] then "401, 404 and 422 where they belong, and the server is healthy" else $wrong | join("; ") end];

def shown:
    ([$figures[0].series[]?.events] | add // 0) as $drawn
    | [$page == "200" and $drawn == 1000, "the page is answered \($page), and its curve has \($drawn) of 1000 events"];

def geography:
    ["country", "region", "city"]
    | map(. as $field | select(($figures[0] | by($field)) != ($sent | counted(.context.tags[$field])))) as $wrong
    | [$wrong == [], if $wrong == [] then "\($figures[0] | by("country") | length) countries, \($figures[0] | by("region") | length) regions and \($figures[0] | by("city") | length) cities, counted right" else "wrong by " + ($wrong | join(", ")) end];

def ordered:
    ($pages | map(.timestamp)) as $times
    | ($pages | map(.event_id) | unique | length) as $ids
    | [$ids == 1000 and ($pages | length) == 1000 and ($times | sort | reverse) == $times,
       "\($ids) of 1000 events in ten pages, \(if ($times | sort | reverse) == $times then "newest first" else "not in order" end)"];

def services:
    (($sent | map(.source.service) | unique) - ($pages | map(.source.service) | unique)) as $missing
    | [$missing == [], if $missing == [] then "all \($sent | map(.source.service) | unique | length) services" else "without " + ($missing | join(", ")) end];
