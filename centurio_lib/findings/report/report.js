// The report's tables and filters. Tabulator draws only the rows in sight, so that tens of thousands stay quick.
"use strict";

const unpacked = (table) => table.rows.map((row) => Object.fromEntries(table.columns.map((name, i) => [name, row[i]])));
const list = { headerFilter: "list", headerFilterParams: { valuesLookup: true, clearable: true, sort: "asc" } };
const number = { sorter: "number", sorterParams: { alignEmptyValues: "bottom" }, hozAlign: "right", headerHozAlign: "right" };
const atLeast = { headerFilter: "number", headerFilterFunc: ">=", headerFilterPlaceholder: "at least" };
const oneDecimal = (cell) => (cell.getValue() === null ? "–" : cell.getValue().toFixed(1));

function counted(table, id, noun) {
  const show = (n) => { document.getElementById(id).textContent = `${n} of ${table.getDataCount()} ${noun}`; };
  table.on("dataFiltered", (filters, rows) => show(rows.length));
  table.on("tableBuilt", () => show(table.getDataCount("active")));
}

const cells = new Tabulator("#cells-table", {
  data: unpacked(CELLS),
  height: "32rem",
  layout: "fitDataStretch",
  placeholder: "No cell passes the filters",
  columns: [
    { title: "Language", field: "language", frozen: window.innerWidth > 640, headerFilter: "input", headerFilterPlaceholder: "name" },
    { title: "Code", field: "code", headerFilter: "input", headerFilterFunc: "=", headerFilterPlaceholder: "th" },
    { title: "Tier", field: "tier", ...list },
    { title: "Script", field: "script", ...list },
    { title: "Task", field: "task", ...list },
    { title: "Metric", field: "metric", ...list },
    { title: "Split", field: "split", ...list },
    { title: "Setup", field: "setup", ...list },
    { title: "Score", field: "value", formatter: oneDecimal, ...number, ...atLeast },
    { title: "Chance", field: "chance", formatter: oneDecimal, ...number },
    { title: "Items", field: "items", ...number },
    { title: "Each seed", field: "by_seed", headerSort: false },
  ],
});
counted(cells, "cells-count", "cells");
document.getElementById("cells-clear").addEventListener("click", () => cells.clearHeaderFilter());

const signatures = new Tabulator("#signatures-table", {
  data: unpacked(SIGNATURES),
  maxHeight: "24rem",
  layout: "fitDataStretch",
  columns: [
    { title: "Setup", field: "setup", ...list },
    { title: "Seed", field: "seed", ...number },
    { title: "Split", field: "split", ...list },
    { title: "Signature", field: "signature", ...list },
    { title: "Cells", field: "n", ...number },
    { title: "Worst of them", field: "cells", width: 380, formatter: "textarea", headerFilter: "input" },
    { title: "Usual cause", field: "cause", width: 300, formatter: "textarea" },
  ],
});
counted(signatures, "signatures-count", "rows");

const filter = document.getElementById("gallery-filter");
const cards = [...document.querySelectorAll(".card")];
filter.addEventListener("input", () => {
  const { script, task, shows } = Object.fromEntries(new FormData(filter));
  for (const card of cards) {
    const { dataset } = card;
    card.hidden = Boolean((script && dataset.script !== script) || (task && dataset.task !== task)
      || (shows && !dataset.shows.split(",").includes(shows)));
  }
  const shown = cards.filter((card) => !card.hidden).length;
  document.getElementById("gallery-count").textContent = `${shown} of ${cards.length} items`;
});
filter.addEventListener("submit", (event) => event.preventDefault());
