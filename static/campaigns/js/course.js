// The course of a campaign: how many were written to, replied and opted out, added up, each line with its name.

import { t } from "../../desk/js/state.js";

const LANGUAGE = document.documentElement.lang || "en";
const clock = new Intl.DateTimeFormat(LANGUAGE, { timeStyle: "short" });
const seconds = new Intl.DateTimeFormat(LANGUAGE, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short" });
const number = new Intl.NumberFormat(LANGUAGE);
const DAY = 86400000;
const COLOURS = { written: "--primary-ink", replied: "--green-ink", opted_out: "--amber-ink" };
const GAP = 16;
const TICKS = 5;
const STEPS = [1, 2, 5, 15, 30, 60, 120, 300, 900, 1800, 3600, 7200, 4 * 3600, 12 * 3600, 86400, 2 * 86400, 7 * 86400].map(
  (width) => width * 1000,
);

/** The chart, in a canvas. */
export class Course {
  #canvas;
  #chart;
  #shown = "";

  constructor(canvas, course) {
    this.#canvas = canvas;
    const labels = { id: "labels", afterDatasetsDraw: (chart) => this.#drawLabels(chart) };
    this.#chart = new window.Chart(canvas, {
      type: "line",
      data: { datasets: [] },
      options: this.#options(),
      plugins: [labels],
    });
    this.show(course);
    const redraw = () => this.#recolour();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  /** Shows these points; nothing is drawn when they are the same. */
  show(course) {
    const told = JSON.stringify(course);
    if (told === this.#shown) return;
    this.#shown = told;
    const lines = Object.keys(COLOURS).map((kind) => this.#line(kind, course));
    this.#chart.data.datasets = lines.filter((line) => line.kind === "written" || line.data.length > 1);
    this.#recolour();
  }

  #line(kind, { steps, seconds: width }) {
    const own = steps.filter((step) => step.kind === kind);
    const start = steps.length ? Math.min(...steps.map((step) => Date.parse(step.at))) : 0;
    const end = steps.length ? Math.max(...steps.map((step) => Date.parse(step.at))) + width * 1000 : 0;
    let sum = 0;
    const data = own.length ? [{ x: start, y: 0 }] : [];
    for (const { at, count } of own) data.push({ x: Date.parse(at) + width * 1000, y: (sum += count) });
    if (own.length && data.at(-1).x < end) data.push({ x: end, y: sum });
    return { kind, label: t(kind), data, borderWidth: 2, pointRadius: 0, pointHitRadius: 12, tension: 0 };
  }

  #options() {
    return {
      animation: false,
      maintainAspectRatio: false,
      layout: { padding: { top: 12, right: this.#canvas.clientWidth < 480 ? 96 : 130 } },
      interaction: { mode: "nearest", axis: "x", intersect: false },
      plugins: { legend: { display: false }, tooltip: { callbacks: { title: ([item]) => moment(item.parsed.x) } } },
      scales: {
        x: {
          type: "linear",
          bounds: "data",
          grid: { display: false },
          afterBuildTicks: (axis) => (axis.ticks = ticksOf(axis.min, axis.max)),
          ticks: { maxRotation: 0, callback: (at, _place, all) => tick(at, all) },
        },
        y: { beginAtZero: true, ticks: { precision: 0, maxTicksLimit: 5, callback: (value) => number.format(value) } },
      },
    };
  }

  /** Colours are decided in one place, the stylesheet; the canvas asks it. */
  #recolour() {
    const { data, options } = this.#chart;
    for (const line of data.datasets) line.borderColor = line.backgroundColor = this.#colour(COLOURS[line.kind]);
    const [ink, grid] = [this.#colour("--ink-faint"), this.#colour("--line")];
    for (const axis of Object.values(options.scales)) {
      axis.ticks.color = ink;
      axis.grid = { ...axis.grid, color: grid };
      axis.border = { color: grid };
    }
    this.#chart.update("none");
  }

  #colour(name) {
    this.#canvas.style.color = `var(${name})`;
    return getComputedStyle(this.#canvas).color;
  }

  /** Names stand at the ends of their lines, apart from each other. */
  #drawLabels(chart) {
    const ends = chart.data.datasets
      .map((line, index) => ({ line, point: chart.getDatasetMeta(index).data.at(-1) }))
      .filter(({ point }) => point)
      .sort((one, other) => one.point.y - other.point.y);
    const { ctx } = chart;
    ctx.save();
    ctx.font = `12px ${getComputedStyle(this.#canvas).fontFamily}`;
    ctx.textBaseline = "middle";
    let above = -Infinity;
    const lowest = chart.chartArea.bottom - (ends.length - 1) * GAP;
    ends.forEach(({ line, point }, place) => {
      const y = Math.max(above + GAP, Math.min(point.y, lowest + place * GAP));
      above = y;
      ctx.fillStyle = line.borderColor;
      ctx.fillText(`${line.label} ${number.format(line.data.at(-1).y)}`, chart.chartArea.right + 8, y);
    });
    ctx.restore();
  }
}

/** Returns moments of the clock at which people look, some five of them. */
function ticksOf(min, max) {
  const step = STEPS.find((each) => (max - min) / each <= TICKS) ?? STEPS.at(-1);
  const zone = new Date(min).getTimezoneOffset() * 60000;
  const ticks = [];
  for (let at = Math.ceil((min - zone) / step) * step + zone; at <= max; at += step) ticks.push({ value: at });
  return ticks;
}

const moment = (at) => `${day.format(at)} ${seconds.format(at)}`;

function tick(at, all) {
  const spread = all.length > 1 ? all.at(-1).value - all[0].value : 0;
  if (spread > 2 * DAY) return day.format(at);
  return (spread > 10 * 60000 ? clock : seconds).format(at);
}
