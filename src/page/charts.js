// Charts. Each function takes the id of an element and plain data, and redraws when the colours or the size change.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const charts = [];

window.addEventListener("error", (e) => { document.documentElement.dataset.error = String(e.message); });

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function chart(id, options) {
  const at = document.getElementById(id);
  if (!at) return;
  const drawn = echarts.init(at, null, { renderer: "svg" });
  const draw = () => drawn.setOption(options(at.clientWidth), true);
  draw();
  charts.push({ drawn, draw });
}

function redraw() { charts.forEach(({ draw }) => draw()); }
// The width decides how much room names have.
function resize() { charts.forEach(({ drawn, draw }) => { drawn.resize(); draw(); }); }
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("resize", resize);
addEventListener("beforeprint", resize);
addEventListener("afterprint", resize);

function frame() {
  const faint = colour("faint"), line = colour("line");
  const axis = {
    axisLine: { lineStyle: { color: line } }, axisLabel: { color: faint, hideOverlap: true }, splitLine: { lineStyle: { color: line } },
    nameTextStyle: { color: faint },
  };
  return {
    axis,
    base: {
      animation: false,
      useUTC: true,
      // Labels are measured on a canvas, which does not know the font family "inherit".
      textStyle: { color: colour("ink"), fontFamily: getComputedStyle(document.body).fontFamily },
      aria: { enabled: true },
      grid: { left: 8, right: 8, top: 36, bottom: 8, containLabel: true },
      legend: { textStyle: { color: faint }, top: 0, icon: "roundRect", itemHeight: 8 },
      tooltip: {
        trigger: "axis", confine: true, backgroundColor: colour("paper"), borderColor: line,
        textStyle: { color: colour("ink") },
      },
    },
  };
}

// A grid with names on the left and no legend. Names are measured slightly too short, and the last number crosses the edge.
const namedGrid = { left: 18, right: 28, top: 8, bottom: 8, containLabel: true };

// A time axis that names the day at midnight, the month where it changes.
function timeAxis(axis) {
  const formatter = {
    year: "{yyyy}", month: "{MMM} {yyyy}", day: "{d} {MMM}", hour: "{HH}:{mm}", minute: "{HH}:{mm}", second: "{HH}:{mm}:{ss}",
    millisecond: "{ss}.{SSS}",
  };
  return Object.assign({ type: "time" }, axis, {
    splitLine: { show: false }, splitNumber: 5, axisLabel: Object.assign({}, axis.axisLabel, { formatter }),
  });
}

// 1, 2 and 5 times the powers of ten from `least` to `most`.
function steps(least, most) {
  const found = [];
  for (let power = Math.floor(Math.log10(least)); 10 ** power <= most; power += 1) {
    for (const digit of [1, 2, 5]) {
      const step = Number((digit + "e" + power));
      if (step >= least && step <= most) found.push(step);
    }
  }
  return found;
}

// Numbers in the forms of src/cli/numbers.rs.
const showCount = (n) => Number(n).toLocaleString("en-GB");
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

// Labels of axes, whose values are round.
const tickMs = (n) => (n < 1000 ? digits(n, 4) + " ms" : digits(n / 1000, 4) + " s");
const tickShare = (n) => digits(n * 100, 4) + "%";

// Columns of counts, and a rate as a line on its own axis. columns: [{name, colour, values}], times: ISO texts.
function trend(id, times, columns, rate) {
  chart(id, () => {
    const { base, axis } = frame();
    return Object.assign(base, {
      xAxis: timeAxis(axis),
      yAxis: [
        Object.assign({ type: "value", minInterval: 1 }, axis),
        Object.assign({ type: "value", min: 0, axisLabel: { color: colour("faint"), formatter: tickShare }, splitLine: { show: false } }),
      ],
      series: columns.map((c) => ({
        name: c.name, type: "bar", stack: "all", itemStyle: { color: colour(c.colour), opacity: 0.55 }, barMaxWidth: 24,
        data: times.map((t, i) => [t, c.values[i]]), tooltip: { valueFormatter: showCount },
      })).concat([{
        name: rate.name, type: "line", yAxisIndex: 1, showSymbol: times.length < 2, z: 5, itemStyle: { color: colour("ink") },
        lineStyle: { width: 1.6, shadowColor: colour("card"), shadowBlur: 3 },
        data: times.map((t, i) => [t, rate.values[i]]), tooltip: { valueFormatter: showShare },
      }]),
    });
  });
}

// Lines of milliseconds over time, on a logarithmic axis.
function quantiles(id, times, lines) {
  chart(id, () => {
    const { base, axis } = frame();
    const colours = ["accent", "warn", "bad"];
    const all = lines.flatMap((l) => l.values).filter((v) => v > 0);
    const [least, most] = all.length ? [Math.min(...all), Math.max(...all)] : [1, 10];
    const within = steps(least / 5, most * 5);
    const [min, max] = [within.filter((s) => s <= least).pop(), within.find((s) => s >= most)];
    // Three labels per decade up to three decades, then one.
    const customValues = steps(min, max).filter((s) => max / min <= 1000 || String(s / 10 ** Math.floor(Math.log10(s) + 1e-9))[0] === "1");
    return Object.assign(base, {
      xAxis: timeAxis(axis),
      yAxis: {
        type: "log", min, max, axisLabel: { color: colour("faint"), formatter: tickMs, customValues }, axisTick: { customValues },
        splitLine: axis.splitLine,
      },
      series: lines.map((l, n) => ({
        name: l.name, type: "line", showSymbol: times.length < 2, connectNulls: true, itemStyle: { color: colour(colours[n % 3]) },
        data: times.map((t, i) => [t, l.values[i] > 0 ? l.values[i] : null]), tooltip: { valueFormatter: showMs },
      })),
    });
  });
}

// Vertical bars: counts by class of milliseconds. Classes are adjacent and named by their upper ends.
function columns(id, ends, values, name) {
  const names = ends.map((end) => "≤ " + showMs(end));
  const round = ends.length ? steps(ends[0] / 2, ends[ends.length - 1]) : [];
  const marks = new Map(round.map((step) => [ends.findIndex((end) => end >= step), step]));
  chart(id, () => {
    const { base, axis } = frame();
    return Object.assign(base, {
      legend: { show: false },
      grid: Object.assign({}, namedGrid, { left: 8 }),
      xAxis: Object.assign({ type: "category", data: names }, axis, {
        splitLine: { show: false }, axisTick: { interval: (i) => marks.has(i) },
        axisLabel: { color: colour("faint"), hideOverlap: true, interval: (i) => marks.has(i), formatter: (_, i) => tickMs(marks.get(i)) },
      }),
      yAxis: Object.assign({ type: "value", minInterval: 1 }, axis),
      series: [{ name, type: "bar", data: values, itemStyle: { color: colour("accent") }, tooltip: { valueFormatter: showCount } }],
    });
  });
}

// Horizontal bars: counts by name, the largest on top. `more` adds lines to the tooltip.
function bars(id, names, values, more) {
  chart(id, (width) => {
    const { base, axis } = frame();
    base.tooltip.formatter = (shown) => {
      const i = shown[0].dataIndex;
      return [echarts.format.encodeHTML(names[i]) + ": <b>" + showCount(values[i]) + "</b>"].concat(more ? more(i) : []).join("<br>");
    };
    return Object.assign(base, {
      legend: { show: false },
      grid: namedGrid,
      xAxis: Object.assign({ type: "value", minInterval: 1 }, axis, { axisLabel: Object.assign({ formatter: showCount }, axis.axisLabel) }),
      yAxis: Object.assign({ type: "category", inverse: true, data: names }, axis,
        { splitLine: { show: false }, axisLabel: { color: colour("faint"), width: Math.min(190, width * 0.38), overflow: "truncate" } }),
      series: [{ type: "bar", data: values, itemStyle: { color: colour("accent") }, barMaxWidth: 22 }],
    });
  });
}

// cells: [column, row, count, more]
function heatMap(id, columnNames, rowNames, cells, unit) {
  chart(id, (width) => {
    const { base, axis } = frame();
    base.tooltip.trigger = "item";
    base.tooltip.formatter = ({ data: c }) =>
      echarts.format.encodeHTML(rowNames[c[1]]) + ", " + columnNames[c[0]] + ":00 UTC: <b>" + showCount(c[2]) + "</b><br>" + c[3];
    const most = Math.max(1, ...cells.map((c) => c[2]));
    return Object.assign(base, {
      grid: Object.assign({}, namedGrid, { right: 8, bottom: 66 }),
      xAxis: Object.assign({ type: "category", data: columnNames, name: unit, nameLocation: "middle", nameGap: 26 }, axis,
        { splitLine: { show: false } }),
      yAxis: Object.assign({ type: "category", data: rowNames, inverse: true }, axis,
        { splitLine: { show: false }, axisLabel: { color: colour("faint"), width: Math.min(190, width * 0.3), overflow: "truncate" } }),
      visualMap: {
        dimension: 2, min: 0, max: most, calculable: true, orient: "horizontal", left: "center", bottom: 0, itemHeight: 120, itemWidth: 12,
        formatter: (n) => showCount(Math.round(n)),
        textStyle: { color: colour("faint") }, inRange: { color: [colour("paper"), colour("accent")] },
      },
      series: [{ type: "heatmap", data: cells, itemStyle: { borderColor: colour("card"), borderWidth: 1 } }],
    });
  });
}
