"use strict";

// Tables are sorted by their headers, and one of them is filtered by the form; without this script
// both are there in the order in which the server wrote them.
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function key(row, index) {
  const cell = row.cells[index];
  return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return collator.compare(a, b);
}

function sort(table, header) {
  const index = header.cellIndex;
  const isNumber = header.dataset.kind === "number";
  const before = header.getAttribute("aria-sort");
  // Numbers begin with the largest, words with the first.
  const first = isNumber ? "descending" : "ascending";
  const other = isNumber ? "ascending" : "descending";
  const direction = before === first ? other : first;
  for (const each of header.parentElement.cells) each.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const rows = [...table.tBodies[0].rows].map((row) => [key(row, index), row]);
  rows.sort((a, b) => sign * compare(a[0], b[0]));
  table.tBodies[0].append(...rows.map((pair) => pair[1]));
}

for (const table of document.querySelectorAll("table.sorted")) {
  for (const header of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(table, header));
    header.append(button);
  }
}

const form = document.querySelector("form");
if (form) {
  const { words, kind } = form.elements;
  const status = document.querySelector("[role=status]");
  const rows = [...document.querySelectorAll("#filtered > tbody > tr")];
  const texts = new Map(rows.map((row) => [row, row.cells[0].textContent.toLocaleLowerCase()]));

  const filter = () => {
    const wanted = words.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const isOfKind = !kind.value || row.dataset.tags.split(" ").includes(kind.value);
      row.hidden = !(isOfKind && wanted.every((word) => texts.get(row).includes(word)));
      shown += row.hidden ? 0 : 1;
    }
    status.textContent = `${shown} of ${rows.length} shown`;
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  filter();

  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input, select, textarea");
    if (event.key === "/" && !isTyping) {
      event.preventDefault();
      words.focus();
    } else if (event.key === "Escape" && (words.value || kind.value)) {
      form.reset();
      filter();
    }
  });
}
