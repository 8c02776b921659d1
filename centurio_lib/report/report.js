// The report's cells and answers, built when their fold is opened. Tabulator draws only the rows in sight.
"use strict";

const byId = (id) => document.getElementById(id);
const unpacked = (table) => table.data.map((row) => Object.fromEntries(table.columns.map((name, i) => [name, row[i]])));
// a choice is an element that holds text: Tabulator would take a plain text for HTML
const choice = (label) => Object.assign(document.createElement("span"), { textContent: label });
const list = { headerFilter: "list", headerFilterParams: { valuesLookup: true, clearable: true, sort: "asc", itemFormatter: choice } };
const number = { sorter: "number", sorterParams: { alignEmptyValues: "bottom" }, hozAlign: "right", headerHozAlign: "right" };
const atLeast = { headerFilter: "number", headerFilterFunc: ">=", headerFilterPlaceholder: "at least" };
const oneDecimal = (cell) => (cell.getValue() === null ? "–" : cell.getValue().toFixed(1));

function onFirstOpen(id, build) {
  byId(id).addEventListener("toggle", build, { once: true });
}

onFirstOpen("cells", () => {
  const table = new Tabulator("#cells-table", {
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
  const show = (n) => { byId("cells-count").textContent = `${n} of ${table.getDataCount()} cells`; };
  table.on("dataFiltered", (filters, rows) => show(rows.length));
  table.on("tableBuilt", () => {
    show(table.getDataCount("active"));
    for (const heading of document.querySelectorAll("#cells-table .tabulator-col-title")) {
      heading.tabIndex = 0;
      heading.addEventListener("keydown", (event) => { if (event.key === "Enter") heading.click(); });
    }
  });
  byId("cells-clear").addEventListener("click", () => table.clearHeaderFilter());
});

// === answers: an item is a fold; its text reaches the page as text, never as HTML ===
const ITEMS_AT_ONCE = 10, RIGHT = 50;

function node(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const kinds = {
  "right": ([, score]) => score >= RIGHT,
  "wrong": ([, score]) => score < RIGHT,
  "in the right language": ([, , inLanguage]) => inLanguage === true,
  "in another language": ([, , inLanguage]) => inLanguage === false,
};

function answerNode(item, answer, setup) {
  const [text, score, inLanguage] = answer;
  const told = { true: ", in the language", false: ", in another language", null: "" }[inLanguage];
  return node("li", { className: score >= RIGHT ? "right" : "wrong" },
    node("small", {}, `${setup} `, node("b", {}, `${score.toFixed(0)} ${score >= RIGHT ? "right" : "wrong"}`), told),
    node("p", { className: "answer", dir: "auto", lang: inLanguage === false ? "und" : item.tag }, text || "(nothing)"));
}

function pictureNodes(item) {
  return item.images.map((src, i) =>
    node("img", { src, alt: `Picture ${i + 1} of ${item.images.length} of this item`, loading: "lazy" }));
}

function itemNode(item) {
  const answers = item.answers.filter(Boolean);
  const right = answers.filter(kinds.right).length;
  const folded = node("details", { className: "item" },
    node("summary", {}, node("b", {}, item.language), ` · ${item.task.replaceAll("_", " ")} · `,
      node("span", { lang: item.tag, dir: "auto" }, item.reference.split("\n")[0]),
      node("small", {}, ` ${right} of ${answers.length} right`)));
  Object.assign(folded.dataset, { language: item.code, script: item.script, task: item.task });
  folded.addEventListener("toggle", () => folded.append(
    node("div", { className: "pictures" }, ...pictureNodes(item)),
    node("dl", {},
      ...(item.prompt ? [node("dt", {}, "Prompt"), node("dd", { className: "prompt", dir: "auto" }, item.prompt)] : []),
      node("dt", {}, "Right answer"), node("dd", { className: "reference", lang: item.tag, dir: "auto" }, item.reference),
      node("dt", {}, "Item"), node("dd", {}, `${item.script} script, tier ${item.tier}, split ${item.split}`)),
    node("ul", { className: "side-by-side" },
      ...item.answers.flatMap((answer, i) => (answer ? [answerNode(item, answer, SETUPS[i])] : [])))), { once: true });
  return folded;
}

onFirstOpen("items", () => {
  const form = byId("filter"), shown = byId("items-list"), more = byId("items-more");
  let left = [];
  const fits = ({ setup, answer, ...same }, item) =>
    Object.entries(same).every(([field, value]) => !value || item[field] === value)
    && item.answers.some((one, i) => one && (!setup || SETUPS[i] === setup) && (!answer || kinds[answer](one)));
  const add = () => {
    shown.append(...left.splice(0, ITEMS_AT_ONCE).map(itemNode));
    more.hidden = left.length === 0;
  };
  const restart = () => {
    left = ITEMS.filter((item) => fits(Object.fromEntries(new FormData(form)), item));
    byId("items-count").textContent = `${left.length} of ${ITEMS.length} items`;
    shown.replaceChildren();
    add();
    if (shown.firstChild) shown.firstChild.open = true;
  };
  form.addEventListener("input", restart);
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", add);
  restart();
});

// a link to a fold, or into one, opens it
const opened = () => {
  const target = location.hash && byId(location.hash.slice(1));
  for (let fold = target; fold; fold = fold.parentElement) if (fold.tagName === "DETAILS") fold.open = true;
};
window.addEventListener("hashchange", opened);
opened();
