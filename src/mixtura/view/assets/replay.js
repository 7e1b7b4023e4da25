// Moves the components, the colours of the rows and the place on the curve of each replay together.
"use strict";
(() => {
  const ARC = Array.from({ length: 65 }, (_, i) => (i / 32) * Math.PI);

  async function unpacked(text) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  // Of a covariance, by its Cholesky factor.
  function ellipse([, x, y, xx, xy, yy], radius) {
    const a = Math.sqrt(xx), b = a > 0 ? xy / a : 0, c = Math.sqrt(Math.max(yy - b * b, 0));
    return {
      x: ARC.map((t) => x + radius * a * Math.cos(t)),
      y: ARC.map((t) => y + radius * (b * Math.cos(t) + c * Math.sin(t))),
    };
  }

  function density([weight, mean, variance], at) {
    const scale = weight / Math.sqrt(2 * Math.PI * variance);
    return scale * Math.exp(-((at - mean) ** 2) / (2 * variance));
  }

  // The means belong among the points of a narrow density, or its top may lie between them.
  function bell(part, grid) {
    const x = [...grid, part[1]].sort((a, b) => a - b);
    return { x, y: x.map((at) => density(part, at)) };
  }

  function drawScene(figure, replay, number) {
    const parts = replay.components[number], k = parts.length;
    const [rows, means] = [figure.data[0], figure.data[k + 1]];
    rows.marker.color = replay.colours[number].map((c) => "#" + c.toString(16).padStart(6, "0"));
    const group = replay.shaped ? "component" : "cluster";
    rows.text = replay.text.map(
      (text, i) => `${text}<br>${group} ${replay.likely[number][i]}: ${replay.sure[number][i]} %`);
    means.x = parts.map((part) => part[1]);
    means.y = parts.map(
      (part) => replay.flat ? (replay.shaped ? density(part, part[1]) : 0) : part[2]);
    if (replay.shaped) {
      const line = (part) => replay.flat ? bell(part, replay.grid) : ellipse(part, replay.radius);
      parts.forEach((part, j) => Object.assign(figure.data[j + 1], line(part)));
    }
    if (replay.shaped && replay.flat) {
      const x = [...replay.grid, ...means.x].sort((a, b) => a - b);
      const sum = (at) => parts.reduce((total, part) => total + density(part, at), 0);
      Object.assign(figure.data[k + 2], { x, y: x.map(sum) });
    }
    return Plotly.redraw(figure);
  }

  function drawCurve(figure, replay, number) {
    Object.assign(figure.data[1], { x: [replay.iterations[number]], y: [replay.values[number]] });
    return Plotly.redraw(figure);
  }

  async function setUp(section) {
    const replay = await unpacked(section.querySelector("script[type='text/plain']").textContent);
    const [scene, curve] = section.querySelectorAll(".js-plotly-plot");
    const [button, slider, output] = ["button", "input", "output"].map(
      (name) => section.querySelector(`.controls ${name}`));
    const last = replay.iterations.length - 1;
    let turn = 0, playing = false, drawing = false, drawn = -1;  // a turn at playing ends the last

    async function show() {
      const told = `Iteration ${replay.iterations[slider.value]} of ${replay.last}, ` +
        `${replay.quantity}: ${replay.values[slider.value].toPrecision(7)}`;
      output.textContent = told;
      slider.setAttribute("aria-valuetext", told);
      if (drawing) return;
      drawing = true;
      while (drawn !== +slider.value) {  // which may move meanwhile
        const number = +slider.value;
        await Promise.all([drawScene(scene, replay, number), drawCurve(curve, replay, number)]);
        drawn = number;
      }
      drawing = false;
      section.dataset.frame = drawn;
    }

    function play(on) {
      playing = on;
      turn += 1;
      button.textContent = on ? "Pause" : "Play";
    }

    async function run() {
      const pause = Math.min(500, Math.max(80, 10000 / last)), mine = turn;
      while (turn === mine && +slider.value < last) {
        slider.value = +slider.value + 1;
        await Promise.all([show(), new Promise((done) => setTimeout(done, pause))]);
      }
      if (turn === mine) play(false);
    }

    button.addEventListener("click", () => {
      if (playing) return play(false);
      if (+slider.value === last) slider.value = 0;
      play(true);
      run();
    });
    slider.addEventListener("input", () => { play(false); show(); });
    section.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step || event.target === slider) return;  // which moves by itself
      play(false);
      slider.value = +slider.value + step;
      show();
    });
    await show();
  }

  document.querySelectorAll(".replay").forEach(setUp);
})();
