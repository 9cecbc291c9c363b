// The shop beside the chat: which version serves how much, how it fares, and the switches
// that break a version on purpose.

import { byId, h, setText, syncList } from "./dom.js";
import { drawChart, errorRate } from "./chart.js";

const RECENT = 10; // seconds that the figures and the summary look back over
export const BROKEN = 0.3;

const percent = (value) => (value === null ? "no traffic" : `${value.toFixed(1)} % errors`);
const round = (value) => String(Math.round((value ?? 0) * 10) / 10);

function p95(rows, side) {
  const served = rows.filter((row) => row[side]?.requests > 0);
  const values = served.map((row) => row[side].p95_ms).filter((value) => typeof value === "number");
  return values.length === 0 ? null : Math.max(...values);
}

function card(role, side, shop) {
  const version = shop[side];
  const rows = shop.series.slice(-RECENT);
  const rate = version ? errorRate(rows, side) : null;
  const slow = version ? p95(rows, side) : null;
  return h(
    "div",
    { class: `version ${side} ${rate !== null && rate > 1 ? "bad" : ""}` },
    h("dt", {}, role),
    version
      ? h("dd", {}, h("b", {}, version.version), h("span", { class: "weight" }, `${round(version.weight)} %`),
          h("small", { class: "rate" }, version.ready === false ? "not ready" : percent(rate)),
          slow !== null && h("small", {}, `95 % within ${Math.round(slow)} ms`))
      : h("dd", { class: "none" }, "none prepared"),
  );
}

/** One sentence that says what the chart shows. */
export function summary(shop) {
  const rows = shop.series.slice(-RECENT);
  const current = `${shop.current.version} serves ${round(shop.current.weight)} % with ${percent(errorRate(rows, "current"))}`;
  if (!shop.candidate) return `${current}. No new version is prepared.`;
  const next = `${shop.candidate.version} serves ${round(shop.candidate.weight)} % with ${percent(errorRate(rows, "candidate"))}`;
  return `${current}; ${next} (last ${RECENT} seconds).`;
}

const faultOf = (shop, version) => shop.faults[version]?.error_rate ?? 0;

function doing(shop, version) {
  const rate = faultOf(shop, version);
  if (rate > 0) return `${Math.round(rate * 100)} % errors`;
  const side = [shop.current, shop.candidate].find((one) => one?.version === version);
  return side === undefined ? "not running" : `${round(side.weight)} % of traffic`;
}

function toggle(version, broken, state, onBreak) {
  return h(
    "li",
    {},
    h(
      "button",
      {
        type: "button",
        role: "switch",
        class: "switch",
        "aria-checked": String(broken),
        dataset: { focus: "switch", version },
        onclick: () => onBreak(version, broken ? 0 : BROKEN),
      },
      h("span", { class: "track", "aria-hidden": "true" }),
      h("span", {}, h("span", { class: "hush" }, "Break "), version, h("small", {}, " ", state)),
    ),
  );
}

/** The shop column. `onBreak(version, errorRate)` sets the fault of a version. */
export function drawShop(shop, onBreak) {
  byId("shop-body").hidden = shop === null;
  byId("shop-gone").hidden = shop !== null;
  if (shop === null) return;
  setText(byId("shop-rate"), `${round(shop.traffic.requests_per_second)} requests/s`);
  byId("versions").replaceChildren(card("Now", "current", shop), card("New", "candidate", shop));
  const weight = shop.candidate?.weight ?? 0;
  byId("split").style.setProperty("--share", `${weight}%`);
  byId("split").firstElementChild.hidden = weight === 0;
  drawChart(byId("chart"), shop.series);
  setText(byId("chart-summary"), summary(shop));
  setText(byId("legend-current"), shop.current.version);
  setText(byId("legend-candidate"), shop.candidate?.version ?? "the new version");
  syncList(
    byId("switches"),
    [...shop.versions].reverse().map((version) => ({
      key: version,
      sig: doing(shop, version),
      make: () => toggle(version, faultOf(shop, version) > 0, doing(shop, version), onBreak),
    })),
  );
}
