// Draws the report. `data` is made by html/data.rs.
"use strict";
const INKS = ["s3", "s2", "s4", "s1", "s6", "s5"];
const spans = [];

for (const of of data.streams) {
  const id = (name) => of.kind + "-" + name;
  const w = of.windows;
  const [start, width] = [Date.parse(of.start), of.window_s * 1000];
  const times = w.at.map((t) => start + t * 1000);
  const failed = (i) => w.errors.reduce((sum, [, values]) => sum + values[i], 0);
  const rateOf = (n) => n / of.window_s;
  spans.push({ of, times, width, failed });
  const quantilesOf = (i) => of.latency + " P50 " + showMs(w.p50[i]) + ", P99 " + showMs(w.p99[i]) + ", max " + showMs(w.max[i]);
  if (times.length > 2) {
    timeChart(id("rate"), {
      times, width, show: tickCount, breaks: true,
      lines: [{ name: w.due ? "actual" : "events per second", colour: "s1", values: w.count.map(rateOf) }]
        .concat(w.due ? [{ name: "planned", colour: "s2", dashed: true, values: w.due.map(rateOf) }] : []),
      read: (i) => showRate(rateOf(w.count[i])) + (w.due ? ", planned " + showRate(rateOf(w.due[i])) : ""),
    });
    timeChart(id("errors"), {
      times, width, show: tickCount,
      stacks: w.errors.map(([name, values], i) => ({ name: name.replaceAll("_", " "), colour: INKS[i % INKS.length], values })),
      read: (i) => showCount(failed(i)) + " of " + showCount(w.count[i]) + " are errors" + w.errors.filter(([, v]) => v[i]).map(([name, v]) => ", " + showCount(v[i]) + " " + name.replaceAll("_", " ")).join(""),
    });
    timeChart(id("latency"), {
      times, width, isLog: true, show: tickMs, classes: w.classes, breaks: true,
      lines: [["P50", "s5", w.p50], ["P95", "s2", w.p95], ["P99", "s3", w.p99], ["P99.9", "s4", w.p999], ["max", "ink", w.max]].map(([name, ink, values]) => ({ name, colour: ink, values })),
      read: (i) => ["p50", "p95", "p99", "p999", "max"].map((q) => ({ p999: "P99.9", max: "max" }[q] || q.toUpperCase()) + " " + showMs(w[q][i])).join(", "),
    });
    if (w.retries) {
      timeChart(id("retries"), {
        times, width, show: tickCount, stacks: [{ name: "retries", colour: "s4", values: w.retries }], read: (i) => showCount(w.retries[i]) + " retries",
      });
    }
    if (w.due) {
      let open = 0;
      const queue = w.due.map((due, i) => { open += due - w.ended[i]; return Math.max(0, open); });
      timeChart(id("queue"), {
        times, width, show: tickCount, lines: [{ name: "due and not yet ended", colour: "s1", values: queue }],
        read: (i) => showCount(queue[i]) + " events due and not yet ended at its end",
      });
    }
  }
  const inRange = (i) => !view.range || (times[i] < view.range[1] && times[i] + width > view.range[0]);
  percentileChart(id("distribution"), () => {
    const curves = [{ name: of.latency, colour: "s1", classes: of.curve }];
    if (of.base.length) curves.push({ name: "base", colour: "s2", dashed: true, classes: of.base });
    if (view.range && times.some((_, i) => inRange(i))) curves.push({ name: "shown time", colour: "s3", classes: classesIn(w, inRange) });
    return curves;
  });
  if (of.hours) grid(id("hours"), of.hours.hours, of.hours.services, of.hours.cells.map(([h, s, n, e, p]) => [h, s, n, "errors " + showShare(e) + ", P95 " + showMs(p)]));
}

// The latencies of some windows, in half octaves.
function classesIn(w, isIn) {
  const sums = new Map();
  w.classes.forEach((classes, i) => { if (isIn(i)) classes.forEach(([n, count]) => sums.set(n, (sums.get(n) || 0) + count)); });
  return [...sums].sort((a, b) => a[0] - b[0]).map(([n, count]) => [2 ** (n / 2) / 1000, count]);
}

// What the shown range holds.
function tellRange() {
  const bar = document.getElementById("range");
  if (!bar) return;
  bar.hidden = !view.range;
  if (!view.range) return;
  const told = spans.map(({ of, times, width, failed }) => {
    const seen = times.map((_, i) => i).filter((i) => times[i] < view.range[1] && times[i] + width > view.range[0]);
    const sum = (value) => seen.reduce((all, i) => all + value(i), 0);
    const [count, errors] = [sum((i) => of.windows.count[i]), sum(failed)];
    const classes = classesIn(of.windows, (i) => seen.includes(i));
    const all = classes.reduce((n, [, c]) => n + c, 0);
    const upTo = (q) => { let n = 0; return (classes.find(([, c]) => (n += c) >= q * all) || [null])[0]; };
    return showCount(count) + " " + of.kind + ", " + showCount(errors) + " errors (" + showShare(count ? errors / count : null) + "), " + of.latency + " P50 ≤ " + showMs(upTo(0.5)) + ", P99 ≤ " + showMs(upTo(0.99));
  });
  const step = Math.min(...spans.map((s) => s.width));
  bar.querySelector("span").textContent = showTime(view.range[0], step) + " to " + showTime(view.range[1], step) + " " + zoneName() + ": " + told.join("; ") + ". ";
}
listeners.push(tellRange);
document.getElementById("all")?.addEventListener("click", () => narrow(null));

function setZone(name) {
  zone.name = name;
  document.querySelectorAll("time").forEach((at) => { at.textContent = showTime(Date.parse(at.dateTime)) + " " + zoneName(); });
  document.querySelectorAll("button[data-zone]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.zone === name)));
  redraw();
}
document.querySelectorAll("button[data-zone]").forEach((button) => button.addEventListener("click", () => setZone(button.dataset.zone)));
tellRange();
document.documentElement.dataset.drawn = String(charts.length);
