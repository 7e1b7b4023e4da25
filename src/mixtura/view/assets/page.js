// Figures are as wide as what they are in, also where that changes after they were drawn.
"use strict";
(() => {
  const watch = new ResizeObserver((entries) => entries.forEach(({ target }) => {
    const figure = target.querySelector(".js-plotly-plot");
    if (figure && target.clientWidth > 0) Plotly.Plots.resize(figure);
  }));
  document.querySelectorAll(".figure").forEach((figure) => watch.observe(figure));
})();
