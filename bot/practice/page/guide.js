// The guided first minute: five things to do, each of which ticks itself when the state shows
// that it happened, whoever did it. "Do it for me" does it in front of the reader's eyes.

import { byId, h, setText, syncList } from "./dom.js";
import { BROKEN } from "./shop.js";
import { isReply } from "./timeline.js";

const GOOD = "v1.2.0";
const BAD = "v1.3.0";
const WAVES = [5, 25, 50, 100];
const HIDDEN = "countersign-guide-hidden";
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const parts = (version) => version.replace(/^v/, "").split(".").map(Number);

function atLeast(version, floor) {
  const [have, need] = [parts(version), parts(floor)];
  const at = have.findIndex((part, index) => part !== need[index]);
  return at < 0 || have[at] > need[at];
}

function remembered() {
  try {
    return localStorage.getItem(HIDDEN) === "yes";
  } catch {
    return false; // storage is switched off: the guide simply shows again
  }
}

function remember(hidden) {
  try {
    localStorage.setItem(HIDDEN, hidden ? "yes" : "no");
  } catch {
    return; // storage is switched off: the choice lasts until the page is left
  }
}

/** Every string inside a message: its text and what its blocks say. */
function* strings(value) {
  if (typeof value === "string") yield value;
  else if (value !== null && typeof value === "object")
    for (const inner of Object.values(value)) yield* strings(inner);
}

const offers = (card, action) =>
  card?.blocks?.some((block) => block.elements?.some((element) => element.action_id === action)) ?? false;

function signedBy(text, id) {
  const who = `<@${id}(?:\\|[^>]*)?>`;
  const did = "(?:approved|signed|countersigned|:white_check_mark:|:heavy_check_mark:|✅|✓)";
  return new RegExp(`${did}[^\\n]*${who}|${who}[^\\n]*(?:approved|signed|countersigned)`, "i").test(text);
}

export class Guide {
  #done = new Set();
  #peak = new Map();
  #brokeInWave = false;
  #busy = null;
  #open = true;
  #hidden = remembered();

  /** `app`: state, shop, channel(), person(name), be(name), say(text), press(action, ts), setFault(…). */
  constructor(app) {
    this.app = app;
    byId("guide-toggle").addEventListener("click", () => this.#fold(!this.#open));
    byId("guide-dismiss").addEventListener("click", () => this.#hide(true));
    byId("guide-show").addEventListener("click", () => this.#hide(!this.#hidden));
  }

  #fold(open) {
    this.#open = open;
    this.draw();
  }

  #hide(hidden) {
    this.#hidden = hidden;
    remember(hidden);
    this.draw();
    byId(hidden ? "guide-show" : "guide-toggle").focus();
  }

  #card(version) {
    const { state } = this.app;
    const own = state.messages[this.app.channel()]?.filter((one) => one.user === state.bot.user_id && !isReply(one));
    return own?.filter((one) => [...strings([one.text, one.blocks])].some((text) => text.includes(version))).at(-1);
  }

  #signed(version, name) {
    const card = this.#card(version);
    const person = this.app.person(name);
    if (card === undefined || person === undefined) return false;
    const thread = this.app.state.messages[this.app.channel()].filter((one) => one.thread_ts === card.ts);
    return [...strings([card.blocks, card.text, thread.map((one) => [one.text, one.blocks])])].some(
      (text) => signedBy(text, person.id),
    );
  }

  #weightOf(version) {
    const { shop } = this.app;
    if (shop?.candidate?.version === version) return shop.candidate.weight;
    return shop?.current.version === version ? 100 : 0;
  }

  #observe() {
    const { shop } = this.app;
    for (const version of [GOOD, BAD])
      this.#peak.set(version, Math.max(this.#peak.get(version) ?? 0, this.#weightOf(version)));
    const fault = shop?.faults[BAD]?.error_rate ?? 0;
    if (fault > 0 && this.#weightOf(BAD) > 0 && shop.current.version !== BAD) this.#brokeInWave = true;
    const beyond = shop !== null && atLeast(shop.current.version, GOOD);
    const live = beyond || this.#peak.get(GOOD) > 0;
    const back = this.#brokeInWave && this.#weightOf(BAD) === 0;
    const facts = {
      start: live || this.#card(GOOD) !== undefined,
      ada: live || this.#signed(GOOD, "ada"),
      grace: live || this.#signed(GOOD, "grace"),
      waves: beyond || this.#peak.get(GOOD) >= 100,
      break: back,
    };
    for (const [step, fact] of Object.entries(facts)) if (fact) this.#done.add(step);
  }

  #steps() {
    const reached = (version) => WAVES.map((wave) => [wave, (this.#peak.get(version) ?? 0) >= wave]);
    return [
      { id: "start", title: "Ask for a release", text: ["As Mary, type ", h("code", {}, `/release start ${GOOD}`), "."],
        run: () => this.#start(GOOD) },
      { id: "ada", title: "Ada signs", text: ["As Ada, press ", h("b", {}, "Approve"), " on the card."],
        run: () => this.#approve(GOOD, "ada") },
      { id: "grace", title: "Grace signs", text: ["As Grace, press ", h("b", {}, "Approve"), ". Mary can't: she asked."],
        run: () => this.#approve(GOOD, "grace") },
      { id: "waves", title: "Watch it rise", text: ["About a minute, each wave judged by its errors:"],
        waves: this.#done.has("waves") ? WAVES.map((wave) => [wave, true]) : reached(GOOD),
        label: "Show me where", run: () => this.#watch(GOOD) },
      { id: "break", title: "Break the next one", text: this.#breakText(), run: () => this.#break() },
    ];
  }

  #breakText() {
    if (this.#done.has("break")) return [`${BAD} failed and nobody had to act. Heal it with its switch.`];
    if (this.#brokeInWave) return [`${BAD} fails now. Watch the traffic go back by itself.`];
    return ["Start ", h("code", {}, BAD), " and break it during a wave. It goes back by itself."];
  }

  async #waitFor(check, seconds, what) {
    for (let left = seconds * 4; left > 0; left -= 1) {
      const found = check();
      if (found) return found;
      await pause(250);
    }
    throw new Error(what);
  }

  async #start(version) {
    this.app.be("mary");
    const answer = await this.app.say(`/release start ${version}`);
    if (!answer.ok) throw new Error("The command got no answer.");
    await this.#waitFor(() => this.#card(version), 20, `No card for ${version} appeared. Read what the bot said.`);
  }

  async #approve(version, name) {
    this.app.be(name);
    // A card is there before the checks are done that let it be signed.
    const open = () => offers(this.#card(version), "approve") && this.#card(version);
    const card = await this.#waitFor(open, 20, "There is nothing to approve now. Read what the card says.");
    await this.app.press("approve", card.ts);
    await this.#waitFor(() => this.#signed(version, name) || this.#weightOf(version) > 0, 20,
      "The signature does not show on the card. Read what the bot said.");
  }

  async #watch(version) {
    const card = this.#card(version);
    if (card === undefined) throw new Error("There is no release to watch yet.");
    this.app.open(this.app.channel(), card.ts, card.ts);
  }

  async #break() {
    if (this.#weightOf(BAD) === 0) {
      await this.#start(BAD);
      for (const name of ["ada", "grace"])
        if (!this.#signed(BAD, name)) await this.#approve(BAD, name);
      await this.#waitFor(() => this.#weightOf(BAD) > 0, 60, `${BAD} received no traffic.`);
      await pause(3000);
    }
    await this.app.setFault(BAD, BROKEN);
  }

  async #perform(step) {
    this.#busy = step.id;
    this.draw();
    try {
      await step.run();
    } catch (error) {
      this.app.tell("The guide stopped here", error.message);
    } finally {
      this.#busy = null;
      this.draw();
    }
  }

  #item(step, index, now) {
    const done = this.#done.has(step.id);
    const kind = done ? "done" : now ? "now" : "later";
    const label = this.#busy === step.id ? "Doing it…" : step.label ?? "Do it for me";
    return h(
      "li",
      { class: `step ${kind}`, "aria-current": now ? "step" : null },
      h("span", { class: "step-mark", "aria-hidden": "true" }, done ? "✓" : index + 1),
      h(
        "div",
        {},
        h("h3", {}, step.title, done && h("span", { class: "hush" }, " (done)")),
        h("p", {}, step.text),
        step.waves && h("ol", { class: "waves" }, step.waves.map(([wave, reached]) =>
          h("li", { class: reached ? "reached" : "" }, `${wave} %`, reached && h("span", { class: "hush" }, " reached")))),
        !done && h("button",
          { type: "button", class: "do-it", dataset: { focus: "do-it" }, "aria-label": `${label}: ${step.title}`,
            "aria-disabled": this.#busy === null && now ? null : "true",
            onclick: () => this.#busy === null && now && this.#perform(step) },
          label),
      ),
    );
  }

  /** Look at the state again and redraw what changed. */
  draw() {
    if (this.app.state === null) return;
    this.#observe();
    const steps = this.#steps();
    const now = steps.findIndex((step) => !this.#done.has(step.id));
    byId("guide").hidden = this.#hidden;
    byId("guide-show").setAttribute("aria-pressed", String(!this.#hidden));
    byId("guide-toggle").setAttribute("aria-expanded", String(this.#open));
    byId("steps").hidden = !this.#open;
    setText(byId("guide-count"), now < 0 ? "all done" : `${this.#done.size} of ${steps.length} done`);
    syncList(
      byId("steps"),
      steps.map((step, index) => ({
        key: step.id,
        sig: JSON.stringify([this.#done.has(step.id), index === now, this.#busy, step.waves, this.#brokeInWave]),
        make: () => this.#item(step, index, index === now),
      })),
    );
  }
}
