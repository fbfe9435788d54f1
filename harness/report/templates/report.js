"use strict";
(() => {
  const values = JSON.parse(document.getElementById("values").textContent);
  const root = document.documentElement;
  const every = (selector, from = document) => Array.from(from.querySelectorAll(selector));

  // Colours follow the system until the button is used.
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  let chosen = null;
  const isDark = () => (chosen === null ? dark.matches : chosen);
  function applyTheme() {
    root.dataset.theme = isDark() ? "dark" : "light";
    button.setAttribute("aria-pressed", String(isDark()));
    every(".plot[data-drawn]").forEach((plot) => Plotly.relayout(plot, colours()));
  }
  button.addEventListener("click", () => {
    chosen = !isDark();
    applyTheme();
  });
  dark.addEventListener("change", applyTheme);

  const shade = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  function colours() {
    const axes = {};
    for (const axis of ["xaxis", "yaxis"]) {
      axes[axis + ".gridcolor"] = shade("--grid");
      axes[axis + ".linecolor"] = shade("--line");
    }
    return {
      ...axes,
      "font.color": shade("--text"),
      "hoverlabel.bgcolor": shade("--card"),
      "hoverlabel.font.color": shade("--text"),
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
    };
  }

  // Charts are drawn when they come near the window.
  const figures = Object.assign({}, ...Object.values(values).map((board) => board.charts));
  const config = { displaylogo: false, responsive: true, displayModeBar: false };
  async function draw(plot) {
    if (plot.dataset.begun) return;
    plot.dataset.begun = "true";
    plot.style.minWidth = `${plot.dataset.width}px`;
    const { data, layout } = figures[plot.id];
    if (layout.showlegend !== false) makeRoom(data, layout, plot.clientWidth);
    plot.style.height = `${layout.height}px`;
    await Plotly.newPlot(plot, data, layout, config);
    await Plotly.relayout(plot, colours());
    plot.dataset.drawn = "true";
  }
  // A legend of many names gets extra height, so that the chart keeps its own.
  function makeRoom(data, layout, width) {
    const named = data.filter((trace) => trace.name).length;
    const longest = Math.max(0, ...data.map((trace) => (trace.name ? trace.name.length : 0)));
    const inLine = Math.max(1, Math.floor((width - 80) / (50 + 6.5 * longest)));
    layout.legend = { ...layout.legend, maxheight: 2000 };
    layout.height += 20 * (Math.ceil(named / inLine) - 1);
  }
  const near = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
    { rootMargin: "600px" },
  );

  // Sorting: numeric columns by the number at the start of the cell, others as text; a dash is always last.
  const number = /^\s*([+\-−]?\d[\d,]*\.?\d*)/;
  const read = (row, place) => row.cells[place].textContent.trim();
  function sortBy(header) {
    const table = header.closest("table");
    const place = header.cellIndex;
    const rows = Array.from(table.tBodies[0].rows);
    const texts = rows.map((row) => read(row, place)).filter((text) => text !== "–");
    const numeric = texts.length > 0 && texts.every((text) => number.test(text));
    const before = header.getAttribute("aria-sort");
    const first = numeric && !/^rank/.test(header.textContent) ? "descending" : "ascending";
    const second = first === "descending" ? "ascending" : "descending";
    const order = before === first ? second : first;
    const sign = order === "ascending" ? 1 : -1;
    const value = (text) => Number(number.exec(text)[1].replace("−", "-").replaceAll(",", ""));
    rows.sort((one, other) => {
      const [a, b] = [read(one, place), read(other, place)];
      if (a === "–" || b === "–") return (a === "–") - (b === "–");
      return sign * (numeric ? value(a) - value(b) : a.localeCompare(b, "en"));
    });
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", order);
    table.tBodies[0].append(...rows);
  }
  every("table.sortable thead button").forEach((one) =>
    one.addEventListener("click", () => sortBy(one.closest("th"))),
  );

  // Filtering: all words must occur in the row, and the track must match.
  function filter(id) {
    const table = document.getElementById(id);
    const words = document.querySelector(`[data-filter="${id}"]`).value.toLowerCase().split(/\s+/).filter(Boolean);
    const track = document.querySelector(`[data-track="${id}"]`).value;
    const place = every("thead th", table).findIndex((header) => header.textContent.trim() === "track");
    const rows = Array.from(table.tBodies[0].rows);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word)) || (track !== "" && read(row, place) !== track);
    }
    const shown = rows.filter((row) => !row.hidden).length;
    document.querySelector(`[data-count="${id}"]`).textContent = `${shown} of ${rows.length} methods`;
  }
  every("[data-filter]").forEach((input) => {
    const id = input.dataset.filter;
    input.addEventListener("input", () => filter(id));
    document.querySelector(`[data-track="${id}"]`).addEventListener("change", () => filter(id));
    filter(id);
  });

  // Confusion matrices.
  const element = (tag, text, attributes = {}) => {
    const node = document.createElement(tag);
    node.textContent = text;
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  const headOf = (name) => {
    const head = element("th", "", { scope: "col" });
    head.append(element("span", name));
    return head;
  };
  function showMatrix(name) {
    const place = document.querySelector(`[data-matrix="${name}"]`);
    const [method, environment] = ["method", "environment"].map(
      (part) => document.querySelector(`[data-board="${name}"][data-confusion="${part}"]`).value,
    );
    const { classes, methods, environments, counts } = values[name].confusion;
    const matrix = counts[`${method}/${environment}`];
    const where = `${methods[method]} on ${environments[environment]}`;
    if (!matrix) {
      place.replaceChildren(element("p", `${where}: no result.`, { class: "note" }));
      return;
    }
    const table = element("table", "", { class: "matrix" });
    const total = matrix.reduce((sum, count) => sum + count, 0);
    table.append(element("caption", `${where}: ${total} payloads, true class by predicted class`));
    const head = element("tr", "");
    head.append(element("td", ""), ...classes.map((one) => headOf(one)));
    table.createTHead().append(head);
    const body = table.createTBody();
    classes.forEach((one, at) => {
      const row = matrix.slice(at * classes.length, (at + 1) * classes.length);
      const sum = Math.max(1, row.reduce((all, count) => all + count, 0));
      const line = element("tr", "");
      line.append(element("th", one, { scope: "row" }));
      for (const count of row) {
        const cell = element("td", String(count));
        cell.style.backgroundColor = `rgb(var(--shade) / ${((0.75 * count) / sum).toFixed(3)})`;
        line.append(cell);
      }
      body.append(line);
    });
    place.replaceChildren(table);
  }
  every("[data-confusion]").forEach((select) => select.addEventListener("change", () => showMatrix(select.dataset.board)));
  every("[data-matrix]").forEach((place) => showMatrix(place.dataset.matrix));

  // One board at a time.
  const choose = document.getElementById("choose-board");
  const showBoard = () => every(".board").forEach((board) => (board.hidden = board.id !== choose.value));
  if (choose) {
    choose.addEventListener("change", showBoard);
    const asked = every(".board").find((board) => location.hash.slice(1).startsWith(board.id));
    if (asked) choose.value = asked.id;
    showBoard();
  }
  applyTheme();
  every(".plot").forEach((plot) => near.observe(plot));
  window.addEventListener("beforeprint", () => every(".plot").forEach(draw));
})();
