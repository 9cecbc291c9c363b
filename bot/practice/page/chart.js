// The last three minutes of the shop: one panel for the share of traffic on the new version,
// one for the error rates, sharing the time axis. Two scales in one panel would mislead.

import { s } from "./dom.js";

const SECONDS = 180;
const SMOOTH = 5; // seconds that one point of an error line looks back over
const BOX = { left: 30, right: 8, width: 320 };
const SHARE = { top: 16, bottom: 74 };
const ERRORS = { top: 104, bottom: 172 };
const HEIGHT = 190;
const LABEL = 56; // width of the label of a change

/** Errors per hundred requests of one side over `rows`; null when it served nothing. */
export function errorRate(rows, side) {
  let requests = 0;
  let errors = 0;
  for (const row of rows) {
    requests += row[side]?.requests ?? 0;
    errors += row[side]?.errors ?? 0;
  }
  return requests === 0 ? null : (100 * errors) / requests;
}

/** A row's share of traffic on the new version, in per cent. */
export const share = (row) => row.weight ?? 0;

function rates(series, side) {
  return series.map((row, index) => ({
    t: row.t,
    value: row[side] ? errorRate(series.slice(Math.max(0, index - SMOOTH + 1), index + 1), side) : null,
  }));
}

// Where another version became the current one: there the share of the new one ends or begins.
// Of changes that are too close to be labelled all, the latest is.
function changes(rows, x) {
  const marks = [];
  let free = BOX.width + LABEL / 2; // the last one may stand out at the edge
  for (let index = rows.length - 1; index > 0; index -= 1) {
    const { t, runs } = rows[index];
    if (runs === rows[index - 1].runs) continue;
    const at = x(t);
    marks.push(s("line", { x1: at, x2: at, y1: SHARE.top, y2: ERRORS.bottom, class: "change" }));
    if (at + LABEL / 2 > free) continue;
    free = at - LABEL / 2;
    marks.push(s("text", { x: at, y: SHARE.bottom + 12, class: "mid on-line" }, `${runs} now`));
  }
  return marks;
}

const path = (points, x, y) => {
  let pen = "M";
  let out = "";
  for (const { t, value } of points) {
    if (value === null) pen = "M";
    else {
      out += `${pen}${x(t).toFixed(1)},${y(value).toFixed(1)}`;
      pen = "L";
    }
  }
  return out;
};

const scale = ({ top, bottom }, max) => (value) => bottom - ((bottom - top) * Math.min(value, max)) / max;

function grid(panel, max, title) {
  const y = scale(panel, max);
  return [
    s("text", { x: BOX.left, y: panel.top - 6, class: "panel-title" }, title),
    ...[0, max / 2, max].flatMap((value) => [
      s("line", { x1: BOX.left, x2: BOX.width - BOX.right, y1: y(value), y2: y(value), class: "grid" }),
      s("text", { x: BOX.left - 4, y: y(value) + 3.5, class: "tick end" }, String(value)),
    ]),
  ];
}

function area(series, x, y) {
  if (series.length === 0) return "";
  const edges = series.flatMap((row, index) => {
    const before = index > 0 ? [{ t: row.t, value: share(series[index - 1]) }] : [];
    return [...before, { t: row.t, value: share(row) }];
  });
  const line = path(edges, x, y);
  return { line, fill: `${line}L${x(series.at(-1).t)},${y(0)}L${x(series[0].t)},${y(0)}Z` };
}

/** Draw `series` (rows of one second, oldest first) into the <svg> `node`. */
export function drawChart(node, series) {
  const end = series.at(-1)?.t ?? 0;
  const x = (t) => BOX.width - BOX.right - ((end - t) / SECONDS) * (BOX.width - BOX.left - BOX.right);
  const rows = series.filter((row) => row.t > end - SECONDS);
  const lines = { current: rates(rows, "current"), candidate: rates(rows, "candidate") };
  const worst = Math.max(0, ...lines.current.map((p) => p.value), ...lines.candidate.map((p) => p.value));
  const max = [4, 10, 20, 40].find((limit) => worst <= limit) ?? 100;
  const y = scale(ERRORS, max);
  const shape = area(rows, x, scale(SHARE, 100));
  node.setAttribute("viewBox", `0 0 ${BOX.width} ${HEIGHT}`);
  node.replaceChildren(
    ...grid(SHARE, 100, "Traffic on the new version, %"),
    s("path", { d: shape.fill ?? "", class: "share-fill" }),
    s("path", { d: shape.line ?? "", class: "share-line" }),
    ...changes(rows, x),
    ...grid(ERRORS, max, `Errors, % (over ${SMOOTH} s)`),
    s("path", { d: path(lines.current, x, y), class: "line current" }),
    s("path", { d: path(lines.candidate, x, y), class: "line candidate" }),
    ...[180, 120, 60, 0].map((ago) =>
      s(
        "text",
        { x: x(end - ago), y: HEIGHT - 5, class: `tick ${ago === 180 ? "" : ago === 0 ? "end" : "mid"}` },
        ago === 0 ? "now" : `−${ago / 60} min`,
      ),
    ),
  );
}
