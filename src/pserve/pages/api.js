// Shows /openapi.json.
"use strict";

/** A table with a head. Cells are texts. */
function table(head, rows) {
  const cells = (name, row) => row.map((text) => element(name, { class: "text" }, text));
  return element("div", { class: "scroll", tabindex: "0" },
    element("table", {}, element("thead", {}, element("tr", {}, ...cells("th", head))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells("td", row))))));
}

function operation(method, path, it) {
  const key = it.security ? "needs X-API-Key" : "needs no key";
  const parts = [element("h2", {}, `${method.toUpperCase()} ${path}`), element("p", {}, `${it.summary}; ${key}.`)];
  if (it.parameters.length) {
    parts.push(table(["parameter", "in", "schema", "meaning"],
      it.parameters.map((p) => [p.name, p.in, JSON.stringify(p.schema), p.description || "required"])));
  }
  if (it.requestBody) parts.push(element("p", {}, `Body: ${it.requestBody.content["application/json"].schema.$ref.split("/").pop()}`));
  parts.push(table(["status", "meaning"], Object.entries(it.responses).map(([status, answer]) => [status, answer.description])));
  return element("section", {}, ...parts);
}

fetch("/openapi.json").then((answer) => answer.json()).then((api) => {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, it]) => operation(method, path, it)));
  const schemas = Object.entries(api.components.schemas).map(([name, schema]) =>
    element("details", {}, element("summary", {}, name), element("pre", {}, JSON.stringify(schema, null, 2))));
  document.getElementById("operations").replaceChildren(...operations, element("h2", {}, "Schemas"), ...schemas);
});
