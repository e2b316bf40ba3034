// Draws figures. Everything that comes from events is put in as text, never as markup.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children. Texts become text nodes. */
function element(name, attributes = {}, ...children) {
  const svg = ["svg", "rect", "line", "text", "title"].includes(name);
  const made = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const count = (n) => Number(n).toLocaleString("en-US");
const percent = (share) => (share === null ? "–" : `${(share * 100).toFixed(1)}%`);
const milliseconds = (ms) => (ms === null || ms === undefined ? "–" : `${Number(ms.toPrecision(3)).toLocaleString("en-US")} ms`);
const moment = (text) => (text || "").replace("T", " ").replace(/(\.\d+)?Z$/, "");

/** Bars of events over time, with their errors in front of them. */
function drawSeries(place, figures) {
  // As wide as its place, so that no text is scaled.
  const [width, height, low, left] = [Math.max(200, place.clientWidth || 900), 180, 22, 44];
  const points = figures.series;
  if (!points.length) {
    place.replaceChildren(element("p", { class: "faint" }, "No events in this range."));
    return;
  }
  const at = points.map((point) => Date.parse(point.start));
  const step = figures.step_s * 1000;
  const slots = Math.round((at[at.length - 1] - at[0]) / step) + 1;
  const most = Math.max(...points.map((point) => point.events));
  const wide = (width - left) / slots;
  const tall = (n) => (n / most) * (height - low - 12);
  const words = `${count(figures.events)} events, ${count(figures.errors)} errors, from ${moment(points[0].start)} to ${moment(points[points.length - 1].start)} UTC`;
  const chart = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words });
  chart.append(
    element("line", { class: "axis", x1: left, x2: width, y1: height - low, y2: height - low }),
    element("text", { x: left - 6, y: 16, "text-anchor": "end", class: "faint" }, count(most)),
    element("text", { x: left, y: height - 6, class: "faint" }, moment(points[0].start)),
    ...(slots > 1 ? [element("text", { x: width, y: height - 6, "text-anchor": "end", class: "faint" }, moment(points[points.length - 1].start))] : []),
  );
  points.forEach((point, i) => {
    const x = left + Math.round((at[i] - at[0]) / step) * wide;
    const told = element("title", {}, `${moment(point.start)}: ${count(point.events)} events, ${count(point.errors)} errors`);
    for (const [kind, n] of [["bar", point.events], ["bar bad", point.errors]]) {
      if (!n) continue;
      const bar = element("rect", { class: kind, x, y: height - low - tall(n), width: Math.max(wide - 1, 0.5), height: tall(n) });
      bar.append(told.cloneNode(true));
      chart.append(bar);
    }
  });
  place.replaceChildren(chart);
}

/** The most frequent values of a field, as bars. */
function drawGroup(title, values, most = 10) {
  const largest = Math.max(1, ...values.map((value) => value.events));
  const rows = values.slice(0, most).map(({ value, events, errors }) => {
    const chart = element("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
    chart.append(element("rect", { class: "bar", width: (events / largest) * 100, height: 10 }));
    chart.append(element("rect", { class: "bar bad", width: (errors / largest) * 100, height: 10 }));
    const name = value === null ? "(others)" : value;
    return element("li", {}, element("span", { class: "name", title: name }, name), chart,
      element("span", { class: "count" }, `${count(events)} (${percent(events ? errors / events : null)} errors)`));
  });
  const list = rows.length ? element("ol", { class: "bars" }, ...rows) : element("p", { class: "faint" }, "none");
  return element("div", { class: "panel" }, element("h3", {}, title), list);
}

/** A figure with its name. */
function card(name, value) {
  return element("div", { class: "card" }, element("b", {}, value), element("span", {}, name));
}
