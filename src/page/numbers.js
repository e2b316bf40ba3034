// Numbers and times as people read them, in the forms of src/cli/numbers.rs.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);

window.addEventListener("error", (e) => { document.documentElement.dataset.error = String(e.message); });

const showCount = (n) => (n == null ? "–" : Number(n).toLocaleString("en-GB", { maximumFractionDigits: 0 }));
const digits = (n, most) => Number(n).toLocaleString("en-GB", { maximumSignificantDigits: most });

function showNumber(n) {
  if (n >= 99.95) return showCount(Math.round(n));
  return n.toLocaleString("en-GB", { minimumSignificantDigits: n > 0 && n < 0.09995 ? 1 : 3, maximumSignificantDigits: 3 });
}

function showSeconds(n) {
  if (n < 60) return (Number.isInteger(n) ? n : showNumber(n)) + " s";
  const whole = Math.round(n);
  const parts = [["d", Math.floor(whole / 86400)], ["h", Math.floor(whole / 3600) % 24], ["min", Math.floor(whole / 60) % 60], ["s", whole % 60]];
  const first = parts.findIndex(([, count]) => count > 0);
  return parts.slice(first, first + 2).filter(([, count]) => count > 0).map(([unit, count]) => showCount(count) + " " + unit).join(" ");
}

const showMs = (n) => (n == null ? "–" : n < 9999.5 ? showNumber(n) + " ms" : showSeconds(n / 1000));

function showShare(n) {
  if (n == null) return "–";
  if (n > 0 && n < 0.0005) return "<0.1%";
  if (n >= 0.9995 && n < 1) return ">99.9%";
  return (n * 100).toFixed(1) + "%";
}

const showRate = (n) => (n == null ? "–" : showNumber(n) + "/s");

// Labels of axes, whose values are round.
const tickMs = (n) => (n < 1000 ? digits(n, 4) + " ms" : digits(n / 1000, 4) + " s");
const tickCount = (n) => (n >= 1e6 ? digits(n / 1e6, 3) + " M" : n >= 10000 ? digits(n / 1000, 3) + " k" : digits(n, 4));

// Times. `zone` is "UTC", or "local" for the reader's.
const zone = { name: "UTC" };
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
// A date whose UTC fields are those of the chosen zone.
const inZone = (t) => new Date(t - (zone.name === "UTC" ? 0 : new Date(t).getTimezoneOffset() * 60000));
const two = (n, width = 2) => String(n).padStart(width, "0");
const clock = (d) => two(d.getUTCHours()) + ":" + two(d.getUTCMinutes()) + ":" + two(d.getUTCSeconds());
const zoneName = () => (zone.name === "UTC" ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "local time");

function showTime(t, step = 1000) {
  const d = inZone(t);
  const day = d.getUTCFullYear() + "-" + two(d.getUTCMonth() + 1) + "-" + two(d.getUTCDate());
  return day + " " + clock(d) + (step < 1000 ? "." + two(d.getUTCMilliseconds(), 3) : "");
}

// The label of a tick: the day at midnight, the time of day otherwise.
function tickTime(t, step) {
  const d = inZone(t);
  if (step >= 86400000 || (d.getUTCHours() === 0 && d.getUTCMinutes() === 0 && d.getUTCSeconds() === 0 && step >= 60000)) {
    return d.getUTCDate() + " " + MONTHS[d.getUTCMonth()];
  }
  if (step >= 60000) return two(d.getUTCHours()) + ":" + two(d.getUTCMinutes());
  if (step >= 1000) return clock(d);
  return ":" + two(d.getUTCSeconds()) + "." + two(d.getUTCMilliseconds(), 3).slice(0, step >= 100 ? 1 : 2);
}
