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
    { title: "Language", field: "language", minWidth: 110, frozen: window.innerWidth > 640, headerFilter: "input", headerFilterPlaceholder: "name" },
    { title: "Code", field: "code", minWidth: 65, headerFilter: "input", headerFilterFunc: "=", headerFilterPlaceholder: "th" },
    { title: "Tier", field: "tier", ...list },
    { title: "Script", field: "script", minWidth: 110, ...list },
    { title: "Task", field: "task", minWidth: 125, ...list },
    { title: "Metric", field: "metric", minWidth: 130, ...list },
    { title: "Split", field: "split", minWidth: 110, ...list },
    { title: "Setup", field: "setup", minWidth: 100, ...list },
    { title: "Score", field: "value", minWidth: 95, formatter: oneDecimal, ...number, ...atLeast },
    { title: "Chance", field: "chance", formatter: oneDecimal, ...number },
    { title: "Items", field: "items", ...number },
    { title: "Each seed", field: "by_seed", minWidth: 130, headerSort: false },
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
    { title: "Worst of them", field: "cells", width: 520, formatter: "textarea", headerFilter: "input" },
    { title: "Usual cause", field: "cause", width: 230, formatter: "textarea" },
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
