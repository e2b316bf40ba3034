// The dashboard: asks for figures and events with the key of this browser session, and again whenever the server says that they changed.
"use strict";

const API = "/api/v1/ingestion";
const PAGE = 50;
const KEY = "pserve-key";
const GROUPS = [
  ["service", "Services"], ["status_code", "Status codes"], ["endpoint", "Endpoints"], ["region", "Regions"],
  ["country", "Countries"], ["city", "Cities"], ["device", "Devices"],
];
const SPANS = { "15m": 15 * 60, "1h": 3600, "24h": 86400, "7d": 7 * 86400, "30d": 30 * 86400 };
const $ = (id) => document.getElementById(id);

let key = sessionStorage.getItem(KEY);
let offset = 0;
let following = null;

/** Asks the API. Throws an error that says why there is no answer. */
async function ask(path, signal) {
  const answer = await fetch(API + path, { headers: { "X-API-Key": key }, cache: "no-store", signal });
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  const detail = Array.isArray(body.detail) ? body.detail.map((fault) => `${fault.loc.slice(1).join(".")}: ${fault.msg}`).join("; ") : body.detail;
  throw Object.assign(new Error(detail || `status ${answer.status}`), { status: answer.status });
}

/** The view, as the address keeps it. */
function view() {
  return new URLSearchParams(location.hash.slice(1));
}

function keepView() {
  const now = new URLSearchParams();
  for (const [name, value] of new FormData($("filters"))) if (value.trim()) now.set(name, value.trim());
  if ($("range").value) now.set("range", $("range").value);
  if ($("range").value === "custom") for (const id of ["start", "end"]) if ($(id).value) now.set(id, $(id).value);
  if (offset) now.set("offset", offset);
  history.replaceState(null, "", now.size ? `#${now}` : location.pathname);
}

function takeView() {
  const now = view();
  for (const input of $("filters").querySelectorAll("input")) input.value = now.get(input.name) || "";
  $("range").value = now.get("range") || "";
  if ($("range").selectedIndex < 0) $("range").value = "";
  $("start").value = now.get("start") || "";
  $("end").value = now.get("end") || "";
  offset = Math.max(0, Number.parseInt(now.get("offset"), 10) || 0);
  showCustom();
}

function showCustom() {
  for (const label of document.querySelectorAll(".custom")) label.hidden = $("range").value !== "custom";
}

/** The range of time as parameters. */
function range() {
  const asked = new URLSearchParams();
  const name = $("range").value;
  if (SPANS[name]) asked.set("start_time", new Date(Date.now() - SPANS[name] * 1000).toISOString());
  if (name === "custom") {
    for (const [id, parameter] of [["start", "start_time"], ["end", "end_time"]]) if ($(id).value) asked.set(parameter, `${$(id).value}Z`);
  }
  return asked;
}

async function showFigures() {
  const figures = await (await ask(`/figures?${range()}`)).json();
  $("cards").replaceChildren(
    card("events", count(figures.events)), card("error rate", percent(figures.error_rate)),
    card("P50", milliseconds(figures.latency.p50_ms)), card("P90", milliseconds(figures.latency.p90_ms)),
    card("P95", milliseconds(figures.latency.p95_ms)), card("P99", milliseconds(figures.latency.p99_ms)), card("duplicates", count(figures.duplicates)),
    card("rate-limited", count(figures.rate_limited)),
  );
  drawSeries($("series"), figures);
  $("groups").replaceChildren(...GROUPS.map(([field, title]) => drawGroup(title, figures.by[field])));
  $("services").replaceChildren(...figures.by.service.filter((it) => it.value !== null).map((it) => element("option", { value: it.value })));
}

async function showEvents() {
  const asked = range();
  for (const [name, value] of new FormData($("filters"))) if (value.trim()) asked.set(name, value.trim());
  asked.set("limit", PAGE);
  asked.set("offset", offset);
  const page = await (await ask(`/events/search?${asked}`)).json();
  $("found").textContent = `${count(page.total_count)}${page.total_exact ? "" : " or more"} events found; ` +
    (page.events.length ? `${count(offset + 1)} to ${count(offset + page.events.length)} shown` : "none shown");
  $("events").replaceChildren(...page.events.map(row));
  $("newer").disabled = offset === 0;
  $("older").disabled = !page.has_more;
}

function row(event) {
  const source = event.source || {};
  const metrics = event.metrics || {};
  const tags = (event.context || {}).tags || {};
  const open = element("button", { type: "button" }, String(event.event_id));
  open.addEventListener("click", () => show(String(event.event_id)));
  const status = metrics.status_code;
  const place = [tags.city, tags.country, tags.region].filter(Boolean).join(", ");
  const text = (value) => element("td", { class: "text" }, value === undefined || value === null ? "" : String(value));
  return element("tr", {}, text(moment(String(event.timestamp ?? ""))), element("td", { class: "text" }, open), text(source.service),
    text(event.title), element("td", { class: Number(status) >= 400 ? "bad" : "" }, String(status ?? "")),
    element("td", {}, String(metrics.response_time_ms ?? "")), text(place));
}

async function show(id) {
  try {
    const text = await (await ask(`/events/${encodeURIComponent(id)}`)).text();
    $("event-title").textContent = id;
    $("json").textContent = pretty(text);
    $("event").showModal();
  } catch (why) {
    failed(why);
  }
}

/** The JSON with line breaks. Numbers stay as they were stored, so it is not read and written anew. */
function pretty(json) {
  let out = "", depth = 0, quoted = false;
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (quoted) {
      out += c === "\\" ? c + json[++i] : c;
      quoted = c !== '"';
    } else if (c === '"') {
      out += c;
      quoted = true;
    } else if (c === "{" || c === "[") {
      depth++;
      out += `${c}\n${"  ".repeat(depth)}`;
    } else if (c === "}" || c === "]") {
      depth--;
      out = `${out.trimEnd()}\n${"  ".repeat(depth)}${c}`;
    } else if (c === ",") out += `,\n${"  ".repeat(depth)}`;
    else if (c === ":") out += ": ";
    else if (!/\s/.test(c)) out += c;
  }
  return out.replace(/([[{])\n\s*([\]}])/g, "$1$2");
}

function failed(why) {
  $("state").textContent = why.status === 401 ? "The key is not accepted." : `No answer: ${why.message}`;
  $("state").className = "bad";
  if (why.status === 401) forget();
}

let busy = false, again = false;

/** Shows everything anew. What is asked for meanwhile is shown right after. */
async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    await Promise.all([showFigures(), showEvents()]);
  } catch (why) {
    failed(why);
  }
  busy = false;
  if (again) { again = false; refresh(); }
}

/** Follows the server-sent events. EventSource cannot send a key, so they are read from the answer's body. */
async function follow() {
  following?.abort();
  const mine = (following = new AbortController());
  while (!mine.signal.aborted) {
    try {
      const reader = (await ask("/live", mine.signal)).body.pipeThrough(new TextDecoderStream()).getReader();
      $("state").textContent = "live";
      $("state").className = "good";
      for (let text = ""; ;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        const messages = text.split("\n\n");
        text = messages.pop();
        if (messages.some((message) => message.startsWith("event: changed"))) refresh();
      }
    } catch (why) {
      if (mine.signal.aborted) return;
      if (why.status === 401) { failed(why); return; }
    }
    $("state").textContent = "not connected; trying again";
    $("state").className = "warn";
    await new Promise((done) => setTimeout(done, 2000));
  }
}

function begin() {
  $("main").hidden = false;
  $("forget").hidden = false;
  refresh();
  follow();
}

function forget() {
  following?.abort();
  sessionStorage.removeItem(KEY);
  key = null;
  $("main").hidden = true;
  $("forget").hidden = true;
}

function changed() {
  offset = 0;
  keepView();
  refresh();
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key = $("key").value.trim();
  sessionStorage.setItem(KEY, key);
  begin();
});
$("forget").addEventListener("click", () => {
  forget();
  $("key").value = "";
  $("state").textContent = "not connected";
  $("state").className = "faint";
});
$("filters").addEventListener("submit", (event) => { event.preventDefault(); changed(); });
$("filters").addEventListener("reset", () => setTimeout(changed));
$("range-form").addEventListener("submit", (event) => event.preventDefault());
$("range-form").addEventListener("change", () => { showCustom(); changed(); });
$("newer").addEventListener("click", () => { offset = Math.max(0, offset - PAGE); keepView(); refresh(); });
$("older").addEventListener("click", () => { offset += PAGE; keepView(); refresh(); });
window.addEventListener("hashchange", () => { takeView(); if (key) refresh(); });

takeView();
if (!key && $("key").value) key = $("key").value;
if (key) {
  sessionStorage.setItem(KEY, key);
  begin();
}
