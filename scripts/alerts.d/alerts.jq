#!/usr/bin/jq -f
# The alerts of a rule, from the minutes in which its expression held: each stretch of them that lasts as long as the rule's `for`.
$rule.duration as $for
| map(.data.result[]) | group_by(.metric)[]
| .[0].metric as $labels
| map(.values[][0]) | unique
| reduce .[] as $at ([]; if length > 0 and $at - .[-1][1] <= 60 then .[-1][1] = $at else . + [[$at, $at]] end)
| .[] | select(.[1] - .[0] >= $for)
| {at: (.[0] + $for), until: .[1], name: $rule.name, labels: ($labels + $rule.labels)}
