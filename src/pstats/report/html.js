// Draws the report. `data` is the JSON report.
for (const kind of ["events", "outcomes"]) {
  const of = data[kind];
  if (!of) continue;
  const id = (name) => kind + "-" + name;
  const times = of.windows.map((w) => w.start);
  const failures = of.windows.map((w) => Math.round((w.error_rate || 0) * w.count));
  trend(id("trend"), times, [
    { name: "success", colour: "good", values: of.windows.map((w, i) => w.count - failures[i]) },
    { name: "error", colour: "bad", values: failures },
  ], { name: "error rate", values: of.windows.map((w) => w.error_rate) });
  quantiles(id("quantiles"), times, ["p50_ms", "p95_ms", "p99_ms"].map((name) => (
    { name: name.slice(0, 3).toUpperCase(), values: of.windows.map((w) => w.latency[name]) })));
  const classes = of.latency_distribution;
  columns(id("distribution"), classes.map((c) => c.up_to_ms), classes.map((c) => c.count), kind);
  const figures = (groups) => (i) => [
    "errors: " + showShare(groups[i].error_rate), "mean: " + showMs(groups[i].latency.mean_ms), "P95: " + showMs(groups[i].latency.p95_ms)];
  const label = (g) => (g.group ? Object.values(g.group).map((v) => v ?? "(none)").join(" ") : "(other)");
  for (const [name, grouping] of [["geography", of.by.country?.length ? of.by.country : of.by.region], ["devices", of.by.device], ["errors", of.by.error]]) {
    const groups = (grouping || []).slice(0, 15);
    bars(id(name), groups.map(label), groups.map((g) => g.count), figures(groups));
  }
  const cells = (of.by["service,hour"] || []).filter((g) => g.group);
  // By their counts, largest first: by their names, junk would stand before the real ones.
  const ranked = (of.by.service || []).filter((g) => g.group).map((g) => g.group.service);
  const services = ranked.slice(0, 30);
  const hours = Array.from({ length: 24 }, (_, h) => String(h).padStart(2, "0"));
  heatMap(id("hours"), hours, services, cells.filter((g) => services.includes(g.group.service)).map((g) => [
    hours.indexOf(g.group.hour), services.indexOf(g.group.service), g.count,
    "errors: " + showShare(g.error_rate) + ", P95: " + showMs(g.latency.p95_ms)]), "hour (UTC)");
}
document.documentElement.dataset.drawn = String(charts.length);
