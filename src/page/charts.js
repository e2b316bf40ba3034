// Charts as SVG, drawn at the size of their element, so that no text is scaled. All charts over time share a cursor and a range.
const charts = [];
// What all charts over time show: from and to in ms since 1970, null for all; and the moment under the pointer.
const view = { range: null, cursor: null };
const listeners = [];

const colour = (name) => "var(--" + name + ")";

function put(parent, name, attributes = {}, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function redraw() { charts.forEach((chart) => chart.draw()); listeners.forEach((tell) => tell()); }
function pointed() { charts.forEach((chart) => chart.point && chart.point()); }
let waiting = 0;
addEventListener("resize", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(redraw); });
addEventListener("beforeprint", redraw);
addEventListener("afterprint", redraw);

// 1, 2 and 5 times the powers of ten from `least` to `most`.
function steps(least, most) {
  const found = [];
  for (let power = Math.floor(Math.log10(least)); 10 ** power <= most; power += 1) {
    for (const digit of [1, 2, 5]) {
      const step = Number(digit + "e" + power);
      if (step >= least * 0.999 && step <= most * 1.001) found.push(step);
    }
  }
  return found;
}

// Round values from 0 to at least `most`, about `n` of them.
function linearTicks(most, n) {
  const rough = (most || 1) / n;
  const step = steps(rough / 10, rough * 10).find((s) => s >= rough) || 1;
  const ticks = [];
  for (let tick = 0; tick < most + step * 0.999; tick += step) ticks.push(Number(tick.toPrecision(12)));
  return ticks;
}

// A scale of latencies, or of counts from 0: ticks, and the share of the height (from 0 to 1) at which a value is.
function scaleOf(values, isLog, height) {
  const known = values.filter((v) => v != null && (!isLog || v > 0));
  if (!isLog) {
    const ticks = linearTicks(Math.max(0, ...known) || 1, Math.max(2, Math.floor(height / 45)));
    const top = ticks[ticks.length - 1];
    return { ticks, at: (v) => v / top };
  }
  const [least, most] = known.length ? [Math.min(...known), Math.max(...known)] : [1, 10];
  const round = steps(least / 5, most * 5);
  const [low, high] = [round.filter((s) => s <= least).pop() ?? least, round.find((s) => s >= most) ?? most];
  let ticks = steps(low, high);
  const room = Math.max(2, Math.floor(height / 28));
  if (ticks.length > room) ticks = ticks.filter((s) => Math.abs(Math.log10(s) % 1) < 1e-9);
  if (ticks.length > room) ticks = ticks.filter((_, i) => i % Math.ceil(ticks.length / room) === 0);
  const span = Math.log(high / low) || 1;
  return { ticks, low, at: (v) => Math.log(Math.max(v, low) / low) / span };
}

const TIME_STEPS = [10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5,
  864e5, 1728e5, 6048e5, 26784e5, 316224e5];

function timeTicks(from, to, width) {
  const step = TIME_STEPS.find((s) => (to - from) / s <= Math.max(3.6, width / 85)) || (to - from);
  const shift = from - inZone(from).getTime();
  const ticks = [];
  for (let t = Math.ceil((from - shift) / step) * step + shift; t <= to; t += step) ticks.push(t);
  return { ticks, step };
}

// The frame of a chart: its SVG, the axis on the left, and where the plot is.
function frame(at, { ticks, at: place }, show) {
  const [width, height] = [at.clientWidth || 600, at.clientHeight || 220];
  const svg = put(at, "svg", { viewBox: "0 0 " + width + " " + height, role: "img", "aria-label": at.dataset.label });
  const labels = ticks.map(show);
  const left = Math.max(...labels.map((label) => label.length), 2) * 7 + 8;
  const box = { left, right: width - 10, top: 8, bottom: height - 24, width: width - left - 10, height: height - 32 };
  const y = (v) => box.bottom - place(v) * box.height;
  ticks.forEach((tick, i) => {
    put(svg, "line", { x1: left, x2: box.right, y1: y(tick), y2: y(tick), stroke: colour("line") });
    put(svg, "text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, labels[i]);
  });
  return { svg, box, y };
}

function legend(at, entries) {
  const panel = at.parentElement;
  let list = panel.querySelector(".legend");
  if (!list) {
    list = document.createElement("div");
    list.className = "legend";
    at.before(list);
  }
  list.replaceChildren(...entries.map(([name, ink]) => {
    const entry = document.createElement("span");
    const mark = document.createElement("i");
    mark.style.background = colour(ink);
    entry.append(mark, name);
    return entry;
  }));
}

// A path through points; a gap where there is none. A point between gaps is a dot.
function path(points) {
  let text = "";
  points.forEach((point, i) => {
    if (!point) return;
    const [isFirst, isLast] = [!points[i - 1], !points[i + 1]];
    text += (isFirst ? "M" : "L") + point[0].toFixed(1) + " " + point[1].toFixed(1) + (isFirst && isLast ? "h.01" : "");
  });
  return text;
}

// A chart over time. `of` has `times` (ms), `width` (ms), `isLog`, `show` for values, and layers: lines {name, colour, values,
// dashed}, stacks {name, colour, values} and heat {classes: [[class, count]…] of each window}. `read(i)` says what a window holds.
function timeChart(id, of) {
  const at = document.getElementById(id);
  if (!at) return;
  const readout = document.createElement("output");
  readout.className = "readout";
  readout.setAttribute("for", id);
  at.after(readout);
  at.tabIndex = 0;
  at.setAttribute("role", "group");
  at.setAttribute("aria-label", at.dataset.label + ". Arrow keys move along it, Enter narrows all charts, Escape shows all.");
  const [first, last] = [of.times[0], of.times[of.times.length - 1] + of.width];
  const state = { svg: null, box: null, cursor: null, from: first, to: last };
  const stacks = of.stacks || [];
  const lines = of.lines || [];
  legend(at, stacks.concat(lines).map((l) => [l.name, l.colour]));
  const x = (t) => state.box.left + (t - state.from) / (state.to - state.from) * state.box.width;
  const timeAt = (px) => state.from + (px - state.box.left) / state.box.width * (state.to - state.from);
  const windowAt = (t) => {
    let found = 0;
    of.times.forEach((time, i) => { if (time <= t) found = i; });
    return found;
  };

  function draw() {
    [state.from, state.to] = view.range || [first, last];
    at.querySelector("svg")?.remove();
    const seen = of.times.map((_, i) => i).filter((i) => of.times[i] < state.to && of.times[i] + of.width > state.from);
    const values = lines.flatMap((l) => seen.map((i) => l.values[i]));
    if (stacks.length) values.push(...seen.map((i) => stacks.reduce((sum, s) => sum + s.values[i], 0)));
    if (of.classes) values.push(...seen.flatMap((i) => of.classes[i].flatMap(([n]) => [2 ** ((n - 1) / 2) / 1000, 2 ** (n / 2) / 1000])));
    const { svg, box, y } = frame(at, scaleOf(values, of.isLog, at.clientHeight || 220), of.show);
    state.svg = svg;
    state.box = box;
    const clip = id + "-clip";
    put(put(put(svg, "defs"), "clipPath", { id: clip }), "rect", { x: box.left, y: 0, width: Math.max(0, box.width), height: box.bottom });
    const plot = put(svg, "g", { "clip-path": "url(#" + clip + ")" });
    const { ticks, step } = timeTicks(state.from, state.to, box.width);
    ticks.forEach((t) => {
      put(svg, "line", { x1: x(t), x2: x(t), y1: box.bottom, y2: box.bottom + 4, stroke: colour("line") });
      if (x(t) <= box.left - 10 || x(t) >= box.right - 14) return;
      const name = tickTime(t, step);
      const half = name.length * 3.5;
      // The first and the last one must not be cut at the edges.
      put(svg, "text", { x: Math.min(Math.max(x(t), half), box.right + 10 - half), y: box.bottom + 17, "text-anchor": "middle" }, name);
    });
    const wide = Math.max(1, of.width / (state.to - state.from) * box.width);
    if (of.classes) {
      const most = Math.max(1, ...seen.flatMap((i) => of.classes[i].map(([, n]) => n)));
      seen.forEach((i) => of.classes[i].forEach(([n, count]) => {
        const [top, bottom] = [y(2 ** (n / 2) / 1000), y(2 ** ((n - 1) / 2) / 1000)];
        const strength = 0.12 + 0.68 * Math.log1p(count) / Math.log1p(most);
        put(plot, "rect", {
          x: x(of.times[i]).toFixed(1), y: top.toFixed(1), width: wide.toFixed(1), height: Math.max(1, bottom - top).toFixed(1), fill: colour("accent"),
          "fill-opacity": strength.toFixed(2),
        });
      }));
    }
    const floor = seen.map(() => 0);
    stacks.forEach((s) => seen.forEach((i, k) => {
      if (!s.values[i]) return;
      const [bottom, top] = [y(floor[k]), y(floor[k] + s.values[i])];
      floor[k] += s.values[i];
      put(plot, "rect", { x: x(of.times[i]).toFixed(1), y: top.toFixed(1), width: Math.max(1, wide - 1).toFixed(1), height: (bottom - top).toFixed(1), fill: colour(s.colour) });
    }));
    lines.forEach((l) => {
      const points = seen.map((i, k) => {
        const isNext = k === 0 || of.times[i] - of.times[seen[k - 1]] < of.width * 1.5;
        const point = l.values[i] == null ? null : [x(of.times[i] + of.width / 2), y(l.values[i])];
        return isNext || !of.breaks ? [point] : [null, point];
      }).flat();
      const halo = { d: path(points), fill: "none", stroke: colour("card"), "stroke-width": 4, "stroke-opacity": 0.7 };
      if (of.classes) put(plot, "path", halo);
      put(plot, "path", {
        d: path(points), fill: "none", stroke: colour(l.colour), "stroke-width": 1.8, "stroke-linejoin": "round", "stroke-linecap": "round", ...(l.dashed ? { "stroke-dasharray": "5 4" } : {}),
      });
    });
    state.brush = put(svg, "rect", { y: box.top, height: box.height, width: 0, fill: colour("accent"), "fill-opacity": 0.18 });
    state.cursor = put(svg, "line", { y1: box.top, y2: box.bottom, stroke: colour("ink"), "stroke-dasharray": "3 3", visibility: "hidden" });
    point();
  }

  function point() {
    const t = view.cursor;
    const isIn = t !== null && t >= state.from && t <= state.to;
    state.cursor.setAttribute("visibility", isIn ? "visible" : "hidden");
    if (!isIn) { readout.textContent = ""; return; }
    const i = windowAt(t);
    const middle = x(of.times[i] + of.width / 2);
    state.cursor.setAttribute("x1", middle);
    state.cursor.setAttribute("x2", middle);
    readout.textContent = showTime(of.times[i], of.width) + " " + zoneName() + ": " + of.read(i);
  }

  const pxOf = (e) => e.clientX - at.getBoundingClientRect().left;
  let began = null;
  at.addEventListener("pointerdown", (e) => { began = pxOf(e); at.setPointerCapture(e.pointerId); });
  at.addEventListener("pointermove", (e) => {
    view.cursor = timeAt(pxOf(e));
    pointed();
    if (began === null) return;
    state.brush.setAttribute("x", Math.min(began, pxOf(e)));
    state.brush.setAttribute("width", Math.abs(pxOf(e) - began));
  });
  at.addEventListener("pointerleave", () => { if (began === null) { view.cursor = null; pointed(); } });
  at.addEventListener("pointercancel", () => { began = null; });
  at.addEventListener("pointerup", (e) => {
    if (began === null) return;
    const [a, b] = [timeAt(Math.min(began, pxOf(e))), timeAt(Math.max(began, pxOf(e)))];
    const isClick = Math.abs(pxOf(e) - began) < 5;
    began = null;
    if (isClick) around(timeAt(pxOf(e)));
    else narrow([of.times[windowAt(a)], of.times[windowAt(b)] + of.width]);
  });
  // Five windows around a moment.
  function around(t) {
    const i = windowAt(t);
    narrow([of.times[Math.max(0, i - 2)], of.times[Math.min(of.times.length - 1, i + 2)] + of.width]);
  }
  at.addEventListener("keydown", (e) => {
    if (e.key === "Escape") narrow(null);
    else if (e.key === "Enter" && view.cursor !== null) around(view.cursor);
    else if (e.key === "ArrowLeft" || e.key === "ArrowRight") {
      const i = view.cursor === null ? 0 : windowAt(view.cursor) + (e.key === "ArrowLeft" ? -1 : 1);
      view.cursor = of.times[Math.min(of.times.length - 1, Math.max(0, i))] + of.width / 2;
      pointed();
    } else return;
    e.preventDefault();
  });
  charts.push({ draw, point });
  draw();
}

// Narrows all charts over time to a range, or shows all; the address keeps it.
function narrow(range) {
  view.range = range && range[1] > range[0] ? range : null;
  const name = view.range ? "#" + view.range.map((t) => new Date(t).toISOString()).join("/") : location.pathname;
  history.replaceState(null, "", name);
  redraw();
}

// The range that the address names, if it does.
function rangeOfAddress() {
  const [from, to] = decodeURIComponent(location.hash.slice(1)).split("/").map(Date.parse);
  return from < to ? [from, to] : null;
}
view.range = rangeOfAddress();
addEventListener("hashchange", () => { view.range = rangeOfAddress(); redraw(); });

// Latencies by the share of lines that took no longer: the further right, the rarer. curves(): [{name, colour, dashed, classes:
// [[up to ms, count]…]}].
function percentileChart(id, curves) {
  const at = document.getElementById(id);
  if (!at) return;
  const MARKS = [0, 0.5, 0.9, 0.99, 0.999, 0.9999];
  const draw = () => {
    at.querySelector("svg")?.remove();
    const all = curves();
    legend(at, all.map((c) => [c.name, c.colour]));
    const total = Math.max(1, ...all.map((c) => c.classes.reduce((sum, [, n]) => sum + n, 0)));
    const rarest = Math.min(5, Math.max(1, Math.log10(total)));
    const { svg, box, y } = frame(at, scaleOf(all.flatMap((c) => c.classes.map(([ms]) => ms)), true, at.clientHeight), tickMs);
    const x = (share) => box.left + Math.min(rarest, -Math.log10(Math.max(1 - share, 1e-9))) / rarest * box.width;
    MARKS.filter((share) => -Math.log10(1 - share) <= rarest).forEach((share) => {
      put(svg, "line", { x1: x(share), x2: x(share), y1: box.top, y2: box.bottom, stroke: colour("line") });
      if (share) put(svg, "text", { x: Math.min(x(share), box.right - 14), y: box.bottom + 17, "text-anchor": "middle" }, "P" + Number((share * 100).toFixed(2)));
    });
    all.forEach((c) => {
      const count = c.classes.reduce((sum, [, n]) => sum + n, 0);
      let before = 0;
      const points = c.classes.filter(([, n]) => n > 0).flatMap(([ms, n], i) => {
        const start = i === 0 ? [[x(0), y(ms)]] : [];
        before += n;
        return start.concat([[x(before >= count ? 1 - 0.5 / count : before / count), y(ms)]]);
      });
      put(svg, "path", { d: path(points), fill: "none", stroke: colour(c.colour), "stroke-width": 2, ...(c.dashed ? { "stroke-dasharray": "5 4" } : {}) });
    });
  };
  charts.push({ draw });
  listeners.push(draw);
  draw();
}

// A grid of counts by two names. cells: [column, row, count, more]
function grid(id, columns, rows, cells) {
  const at = document.getElementById(id);
  if (!at) return;
  const draw = () => {
    at.querySelector("svg")?.remove();
    const width = at.clientWidth || 600;
    const left = Math.min(150, width * 0.34);
    const high = 22;
    at.style.height = rows.length * high + 26 + "px";
    const svg = put(at, "svg", { viewBox: "0 0 " + width + " " + (rows.length * high + 26), role: "img", "aria-label": at.dataset.label });
    const wide = (width - left - 4) / columns.length;
    const most = Math.max(1, ...cells.map((c) => c[2]));
    const letters = Math.floor((left - 8) / 6.6);
    rows.forEach((name, i) => put(svg, "text", { x: 0, y: i * high + 15 }, name.length > letters ? name.slice(0, letters - 1) + "…" : name));
    columns.forEach((name, i) => {
      if (wide > 20 || i % Math.ceil(20 / wide) === 0) put(svg, "text", { x: left + (i + 0.5) * wide, y: rows.length * high + 17, "text-anchor": "middle" }, name);
    });
    cells.forEach(([column, row, count, more]) => {
      const cell = put(svg, "rect", {
        x: left + column * wide, y: row * high, width: Math.max(1, wide - 1), height: high - 1, fill: colour("accent"), "fill-opacity": (0.08 + 0.9 * count / most).toFixed(2),
      });
      put(cell, "title", {}, rows[row] + ", " + columns[column] + ":00 UTC: " + showCount(count) + "; " + more);
    });
  };
  charts.push({ draw });
  draw();
}
