// The kit's charts. Each takes the id of an element and plain data, and draws anew when the colours or the size change.
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
  const draw = () => drawn.setOption(options(), true);
  draw();
  charts.push({ drawn, draw });
}

function redraw() { charts.forEach(({ draw }) => draw()); }
function resize() { charts.forEach(({ drawn }) => drawn.resize()); }
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("resize", resize);
addEventListener("beforeprint", () => { redraw(); resize(); });
addEventListener("afterprint", () => { redraw(); resize(); });

function frame() {
  const faint = colour("faint"), line = colour("line");
  const axis = { axisLine: { lineStyle: { color: line } }, axisLabel: { color: faint }, splitLine: { lineStyle: { color: line } } };
  return {
    axis,
    base: {
      animation: false,
      textStyle: { color: colour("ink"), fontFamily: "inherit" },
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

const showCount = (n) => Number(n).toLocaleString("en-GB");
const showMs = (n) => (n == null ? "–" : Number(n).toLocaleString("en-GB", { maximumSignificantDigits: 4 }) + " ms");
const showShare = (n) => (n == null ? "–" : (n * 100).toLocaleString("en-GB", { maximumFractionDigits: 2 }) + " %");

// Columns of counts, and a rate as a line on its own axis. columns: [{name, colour, values}], times: ISO texts.
function trend(id, times, columns, rate) {
  chart(id, () => {
    const { base, axis } = frame();
    return Object.assign(base, {
      xAxis: Object.assign({ type: "time" }, axis, { splitLine: { show: false } }),
      yAxis: [
        Object.assign({ type: "value", minInterval: 1 }, axis),
        Object.assign({ type: "value", min: 0, axisLabel: { color: colour("faint"), formatter: showShare }, splitLine: { show: false } }),
      ],
      series: columns.map((c) => ({
        name: c.name, type: "bar", stack: "all", itemStyle: { color: colour(c.colour) }, barMaxWidth: 24,
        data: times.map((t, i) => [t, c.values[i]]), tooltip: { valueFormatter: showCount },
      })).concat([{
        name: rate.name, type: "line", yAxisIndex: 1, showSymbol: times.length < 2, itemStyle: { color: colour("warn") },
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
    return Object.assign(base, {
      xAxis: Object.assign({ type: "time" }, axis, { splitLine: { show: false } }),
      yAxis: Object.assign({ type: "log", axisLabel: { color: colour("faint"), formatter: showMs } },
        { splitLine: axis.splitLine }),
      series: lines.map((l, n) => ({
        name: l.name, type: "line", showSymbol: times.length < 2, connectNulls: true, itemStyle: { color: colour(colours[n % 3]) },
        data: times.map((t, i) => [t, l.values[i] > 0 ? l.values[i] : null]), tooltip: { valueFormatter: showMs },
      })),
    });
  });
}

// Counts by named class, standing.
function columns(id, names, values, name) {
  chart(id, () => {
    const { base, axis } = frame();
    return Object.assign(base, {
      legend: { show: false },
      xAxis: Object.assign({ type: "category", data: names }, axis, { splitLine: { show: false } }),
      yAxis: Object.assign({ type: "value", minInterval: 1 }, axis),
      series: [{ name, type: "bar", data: values, itemStyle: { color: colour("accent") }, tooltip: { valueFormatter: showCount } }],
    });
  });
}

// Counts by name, lying, the largest on top; `more` adds lines to what hovering shows.
function bars(id, names, values, more) {
  chart(id, () => {
    const { base, axis } = frame();
    base.tooltip.formatter = (shown) => {
      const i = shown[0].dataIndex;
      return [echarts.format.encodeHTML(names[i]) + ": <b>" + showCount(values[i]) + "</b>"].concat(more ? more(i) : []).join("<br>");
    };
    return Object.assign(base, {
      legend: { show: false },
      xAxis: Object.assign({ type: "value", minInterval: 1 }, axis),
      yAxis: Object.assign({ type: "category", inverse: true, data: names }, axis,
        { splitLine: { show: false }, axisLabel: { color: colour("faint"), width: 170, overflow: "truncate" } }),
      series: [{ type: "bar", data: values, itemStyle: { color: colour("accent") }, barMaxWidth: 22 }],
    });
  });
}

// cells: [column, row, count, more]
function heatMap(id, columnNames, rowNames, cells) {
  chart(id, () => {
    const { base, axis } = frame();
    base.tooltip.trigger = "item";
    base.tooltip.formatter = ({ data: c }) =>
      echarts.format.encodeHTML(rowNames[c[1]]) + ", " + columnNames[c[0]] + " h: <b>" + showCount(c[2]) + "</b><br>" + c[3];
    const most = Math.max(1, ...cells.map((c) => c[2]));
    return Object.assign(base, {
      grid: { left: 8, right: 8, top: 8, bottom: 48, containLabel: true },
      xAxis: Object.assign({ type: "category", data: columnNames }, axis, { splitLine: { show: false } }),
      yAxis: Object.assign({ type: "category", data: rowNames, inverse: true }, axis, { splitLine: { show: false } }),
      visualMap: {
        dimension: 2, min: 0, max: most, calculable: true, orient: "horizontal", left: "center", bottom: 0, itemHeight: 120, itemWidth: 12,
        textStyle: { color: colour("faint") }, inRange: { color: [colour("paper"), colour("accent")] },
      },
      series: [{ type: "heatmap", data: cells, itemStyle: { borderColor: colour("card"), borderWidth: 1 } }],
    });
  });
}
