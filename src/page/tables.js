// Tables that sort, search and open to the end. A table with `data-table` has its rows in `data.tables`; any other has them in its
// body. Cells of numbers carry their value in `data-sort`.
// How cells of each kind of column are shown.
const CELLS = { text: (v) => v ?? "–", count: showCount, share: showShare, ms: showMs };
const FIRST_ROWS = 10;
// A name of so many letters stays on one line.
const SHORT = 16;

function cellOf(kind, value) {
  const cell = document.createElement("td");
  const text = CELLS[kind](value);
  if (kind !== "text") {
    cell.textContent = text;
    return cell;
  }
  cell.className = text.length <= SHORT ? "text short" : "text";
  cell.title = text;
  const name = document.createElement("span");
  // A path may break behind its slashes, as `body.rs` writes it.
  text.split(/(?<=\/)/).forEach((part, i) => name.append(...(i ? [document.createElement("wbr")] : []), part));
  cell.append(name);
  return cell;
}

function setUpTable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const of = data.tables[table.dataset.table];
  // Each row: its values to sort by, the text to search in, and how to make the element.
  const all = of ? of.rows.map((row) => ({
    values: row,
    text: row.filter((v, i) => of.kinds[i] === "text").join(" ").toLowerCase(),
    make: () => {
      const made = document.createElement("tr");
      row.forEach((value, i) => made.append(cellOf(of.kinds[i], value)));
      return made;
    },
  })) : [...body.rows].map((row) => ({
    values: [...row.cells].map((cell) => (cell.dataset.sort === undefined ? cell.textContent : cell.dataset.sort === "" ? null : Number(cell.dataset.sort))),
    text: row.textContent.toLowerCase(),
    make: () => row,
  }));
  const panel = table.closest(".panel");
  // A table of `data.tables` comes with the rows that it shows at first.
  const first = of ? body.rows.length : FIRST_ROWS;
  const state = { sort: null, down: true, query: "", open: false };
  let button = null;

  function draw() {
    let rows = all.filter((row) => row.text.includes(state.query));
    if (state.sort !== null) {
      const by = state.sort;
      rows = [...rows].sort((one, other) => {
        const [a, b] = [one.values[by], other.values[by]];
        if (a == null || b == null) return (a == null) - (b == null);
        const order = typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
        return state.down ? -order : order;
      });
    }
    const most = state.open || state.query ? rows.length : first;
    body.replaceChildren(...rows.slice(0, most).map((row) => row.make()));
    heads.forEach((head, i) => {
      if (i === state.sort) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    if (button) {
      button.hidden = state.query !== "" || all.length <= first;
      button.textContent = state.open ? "Show the first " + first : (of?.more ? "Show the first " : "Show all ") + showCount(all.length);
      button.setAttribute("aria-expanded", String(state.open));
    }
  }

  heads.forEach((head, i) => {
    const sorter = document.createElement("button");
    sorter.type = "button";
    sorter.textContent = head.textContent || "name";
    sorter.addEventListener("click", () => {
      state.down = state.sort === i ? !state.down : all.some((row) => typeof row.values[i] === "number");
      state.sort = i;
      draw();
    });
    head.replaceChildren(sorter);
  });
  if (of?.more) {
    const note = document.createElement("p");
    note.className = "faint";
    note.textContent = "and " + showCount(of.more) + " more with fewer errors in the JSON report";
    table.parentElement.after(note);
  }
  if (all.length > first) {
    button = document.createElement("button");
    button.type = "button";
    button.className = "more";
    button.addEventListener("click", () => { state.open = !state.open; draw(); });
    table.parentElement.after(button);
    const search = document.createElement("input");
    search.type = "search";
    search.placeholder = "Search";
    search.setAttribute("aria-label", "Search " + table.getAttribute("aria-label"));
    search.addEventListener("input", () => { state.query = search.value.trim().toLowerCase(); draw(); });
    (panel.querySelector(".tools") || panel).append(search);
    draw();
  }
}

document.querySelectorAll("table.sortable").forEach(setUpTable);
