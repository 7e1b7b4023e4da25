"use strict";
(() => {
  const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star"];
  const DASHES = ["solid", "dash", "dashdot", "dot"];
  const NAMED = 10;
  // plotly takes tags in texts for markup.
  const escaped = (text) =>
    String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\$/g, "&#36;");
  const called = (data, j) => (/^\d+$/.test(data.groups[j]) ? "group " : "") + data.groups[j];

  function told(data, i) {
    const lines = [`row ${data.rows[i]}`];
    const sure = data.certainty.length ? ` (certainty ${data.certainty[i]})` : "";
    lines.push(called(data, data.group[i]) + sure);
    if (data.labels) lines.push(`label: ${escaped(data.labels[i])}`);
    data.columns.forEach((name, j) => {
      const cell = data.cells[j][i];
      lines.push(`${escaped(name)}: ${cell === null ? "missing" : cell}`);
    });
    if (data.more) lines.push(`and ${data.more} more ${data.more === 1 ? "column" : "columns"}`);
    return lines.join("<br>");
  }

  function ellipse(data, j, across, up) {
    const C = data.covariances[j];
    const first = Math.sqrt(C[across][across]);
    const slope = first ? C[across][up] / first : 0;
    const rest = Math.sqrt(Math.max(0, C[up][up] - slope * slope));
    const x = [], y = [];
    for (let step = 0; step <= 60; step++) {
      const angle = (2 * Math.PI * step) / 60;
      x.push(data.centres[j][across] + data.radius * first * Math.cos(angle));
      y.push(data.centres[j][up] + data.radius * (slope * Math.cos(angle) + rest * Math.sin(angle)));
    }
    return { x, y };
  }

  function traces(data, hover, across, up) {
    const found = [];
    const guessed = new Set([...data.guessed[across], ...data.guessed[up]]);
    data.groups.forEach((_, j) => {
      const own = data.rows.map((_, i) => i).filter((i) => data.group[i] === j);
      const symbol = SYMBOLS[j % SYMBOLS.length];
      found.push({
        type: "scatter", mode: "markers", name: called(data, j), legendgroup: `${j}`,
        x: own.map((i) => data.values[across][i]), y: own.map((i) => data.values[up][i]),
        text: own.map((i) => hover[i]), hoverinfo: "text",
        marker: {
          color: data.colours[j], size: data.rows.length > 1000 ? 5 : 8, opacity: 0.8,
          symbol: own.map((i) => symbol + (guessed.has(i) ? "-open" : "")),
          line: { width: own.map((i) => (data.certainty[i] < data.sure ? 2 : 0.5)), color: "#888888" },
        },
      });
    });
    data.centres.forEach((centre, j) => {
      const line = { color: data.colours[j], width: 2, dash: DASHES[Math.floor(j / 8) % 4] };
      const common = { type: "scatter", legendgroup: `${j}`, showlegend: false, hoverinfo: "skip" };
      if (data.covariances) found.push({ ...common, ...ellipse(data, j, across, up), mode: "lines", line });
      found.push({
        ...common, x: [centre[across]], y: [centre[up]], mode: "markers+text",
        marker: { color: data.colours[j], size: 13, symbol: SYMBOLS[j % 8], line: { width: 2, color: "#888888" } },
        text: [data.groups[j]], textposition: "top center", textfont: { size: 14, weight: "bold" },
      });
    });
    return found;
  }

  function draw(box) {
    const data = JSON.parse(box.querySelector("script").textContent);
    const selects = [...box.querySelectorAll("select")];
    const hover = data.rows.map((_, i) => told(data, i));
    const plot = box.querySelector(".plot");
    const show = () => {
      const [across, up] = selects.map((select) => Number(select.value));
      const axis = (which) => ({ ...data.axis, title: { text: escaped(data.axes[which]) } });
      const layout = {
        ...data.layout, xaxis: axis(across), yaxis: axis(up), showlegend: data.groups.length <= NAMED,
        hoverlabel: { align: "left" },
      };
      Plotly.react(plot, traces(data, hover, across, up), layout, data.config);
    };
    selects.forEach((select, which) => {
      select.value = (data.start[which] + data.axes.length) % data.axes.length;
      select.addEventListener("change", show);
    });
    show();
  }

  document.querySelectorAll(".map").forEach(draw);
})();
