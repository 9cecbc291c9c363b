// The practice workspace in the browser: keeps the last state, whose eyes it is seen through,
// and where that person looks; the other modules draw.

import { followShop, followState, post } from "./api.js";
import { Composer } from "./composer.js";
import { askFirst, toast } from "./dialogs.js";
import { byId, h, setText } from "./dom.js";
import { Guide } from "./guide.js";
import { ModalHost } from "./modal.js";
import { Reading, drawChannels, drawHome, drawPeople } from "./rail.js";
import { drawShop } from "./shop.js";
import { drawThread, drawTimeline, reveal, spoken, visible } from "./timeline.js";

const ERRORS = {
  operation_timeout: "Countersign did not answer in time",
  dispatch_failed: "Countersign could not be reached",
  unreachable: "Nothing was sent",
};
const LONGEST_PRESS = 1500; // milliseconds; a release outside the window is never heard of
// Complaints that appear beside their fields need no toast.
const SHOWN_IN_FORM = ["incomplete_form"];

class App {
  state = null;
  shop = null;
  acting = null;
  place = { home: false, channel: null };
  thread = null;
  reading = new Reading();
  #sending = new Set();
  #heard = { scope: null, keys: new Set() };
  #pressed = null;
  #late = false;

  constructor() {
    this.composer = new Composer((text) => this.#deliver("say", { channel: this.place.channel, text }));
    this.modals = new ModalHost({
      ctx: (view) => this.#ctx({ view_id: view.id }),
      submit: (values) => this.#deliver("submit", { values }),
      close: () => this.#deliver("close", {}),
    });
    this.guide = new Guide(this);
    byId("thread-close").addEventListener("click", () => this.closeThread());
    byId("thread").addEventListener("keydown", (event) => event.key === "Escape" && this.closeThread());
    for (const tab of byId("tabs").querySelectorAll("button"))
      tab.addEventListener("click", () => this.showPanel(tab.dataset.panel));
    this.showPanel("chat");
    this.#watchPresses();
  }

  run() {
    followState((state) => this.#take(state), (up) => this.#link(up));
    followShop((shop) => this.#takeShop(shop));
  }

  // --- what the server says

  #link(up) {
    byId("banner").hidden = up;
    setText(byId("banner"), up ? "" : "The practice server is away. Reconnecting…");
  }

  // What is redrawn between press and release of a button loses the click, so drawing waits.
  #watchPresses() {
    const listen = (kind, then) => document.addEventListener(kind, then, true);
    listen("pointerdown", () => this.#hold());
    listen("keydown", (event) => event.key === " " && !event.repeat && this.#hold());
    for (const end of ["pointerup", "pointercancel", "dragend", "keyup"])
      listen(end, () => this.#pressed !== null && setTimeout(() => this.#letGo()));
  }

  #hold() {
    clearTimeout(this.#pressed);
    this.#pressed = setTimeout(() => this.#letGo(), LONGEST_PRESS);
  }

  #letGo() {
    clearTimeout(this.#pressed);
    this.#pressed = null;
    if (!this.#late) return;
    this.#late = false;
    this.#drawShop();
    this.draw();
  }

  #take(state) {
    const first = this.state === null;
    this.state = state;
    this.acting = state.people.find((one) => one.id === this.acting?.id) ?? this.person("mary") ?? state.people[0];
    if (!this.#channelById(this.place.channel)) this.place.channel = this.channel();
    if (first) this.reading.startFrom(state);
    if (this.#pressed === null) this.draw(first);
    else this.#late = true;
    this.#announce(first);
  }

  #takeShop(shop) {
    this.shop = shop;
    if (this.#pressed === null) this.#drawShop();
    else this.#late = true;
  }

  #drawShop() {
    drawShop(this.shop, (version, rate) => this.setFault(version, rate));
    this.guide.draw();
  }

  // Say new messages aloud: those of the place in view, and what only this person sees.
  #announce(first) {
    const { channel, home } = this.place;
    const key = (message) => `${message.ts}/${message.id ?? ""}`;
    const all = visible(this.state, channel, this.acting.id);
    const scope = `${channel}/${this.acting.id}`;
    const before = this.#heard.scope === scope ? this.#heard.keys : null;
    this.#heard = { scope, keys: new Set(all.map(key)) };
    if (first || home || before === null) return;
    for (const message of all)
      if (!before.has(key(message)) && message.user !== this.acting.id)
        byId("live").append(h("p", {}, spoken(message, this)));
    while (byId("live").childElementCount > 5) byId("live").firstChild.remove();
  }

  // --- drawing

  /** Draw everything from the state; `jump` goes to the end of the channel. */
  draw(jump = false) {
    if (!this.place.home) this.reading.mark(this.state, this.place.channel, this.acting.id);
    drawPeople(this);
    drawChannels(this);
    setText(byId("place"), this.place.home ? "Home" : this.channelLabel(this.place.channel));
    byId("chat-channel").hidden = this.place.home;
    byId("chat-home").hidden = !this.place.home;
    if (this.place.home) drawHome(this);
    else drawTimeline(this, this.place.channel, jump);
    drawThread(this, this.thread);
    byId("thread-tab").hidden = this.thread === null;
    document.body.classList.toggle("with-thread", this.thread !== null);
    const where = this.channelLabel(this.place.channel);
    this.composer.update(this.state.commands, `Message ${where} as ${(this.acting.real_name || this.acting.name).split(" ")[0]}`);
    this.modals.show(this.state.modals[this.acting.id] ?? []);
    this.guide.draw();
  }

  /** On a narrow screen one panel shows at a time. */
  showPanel(name) {
    document.body.dataset.panel = name;
    for (const tab of byId("tabs").querySelectorAll("button"))
      tab.setAttribute("aria-current", tab.dataset.panel === name ? "true" : "false");
  }

  // --- names

  person(name) {
    return this.state.people.find((one) => one.name === name);
  }

  author(id) {
    const person = this.state.people.find((one) => one.id === id);
    return person ?? { id, name: this.state.bot.name, real_name: this.state.bot.name, color: "#0f6e63", bot: true };
  }

  #channelById(id) {
    return this.state.channels.find((one) => one.id === id);
  }

  /** The channel where the first release happens. */
  channel() {
    const open = this.state.channels.filter((one) => !one.is_im);
    return (open.find((one) => one.name === "checkout") ?? open[0]).id;
  }

  channelLabel(id) {
    const channel = this.#channelById(id);
    return !channel || channel.is_im ? this.state.bot.name : `#${channel.name}`;
  }

  names() {
    return {
      user: (id) => this.author(id).name,
      channel: (id) => this.#channelById(id)?.name ?? id,
      open: (channel, ts, thread) => this.open(channel, ts, thread),
    };
  }

  // --- what a person does

  #ctx(target) {
    return {
      ...this.names(),
      people: this.state.people,
      channels: this.state.channels.filter((one) => !one.is_im),
      act: (element, change) => this.act(target, element, change),
    };
  }

  messageCtx(message) {
    const channel = message.channel ?? this.#channelOf(message);
    const target = { channel, ts: message.ts };
    if (message.ephemeral) target.ephemeral_id = message.id;
    return {
      ...this.#ctx(target),
      openThread: (ts) => this.openThread(channel, ts),
      shortcuts: this.state.shortcuts,
      choose: (callback_id) => this.#deliver("shortcut", { ...target, callback_id }),
    };
  }

  #channelOf(message) {
    const found = Object.entries(this.state.messages).find(([, all]) => all.includes(message));
    return found?.[0] ?? this.place.channel;
  }

  homeCtx(view) {
    return this.#ctx({ view_id: view.id });
  }

  /** Use an element: ask first where it wants that, then send it once. */
  async act(target, element, change) {
    const key = JSON.stringify([target, element.action_id, change]);
    if (this.#sending.has(key)) return;
    if (element.confirm && !(await askFirst(element.confirm, this.names()))) return;
    this.#sending.add(key);
    await this.#deliver("click", { ...target, action_id: element.action_id, ...change });
    this.#sending.delete(key);
  }

  async #deliver(action, body) {
    const person = this.acting.id;
    setText(byId("status"), "Sending…");
    const answer = await post(action, { person, ...body });
    const took = answer.ack_ms === undefined ? "" : `${this.state.bot.name} answered in ${Math.round(answer.ack_ms)} ms`;
    setText(byId("status"), answer.ok ? took : "");
    if (!answer.ok && !SHOWN_IN_FORM.includes(answer.error))
      this.tell(ERRORS[answer.error] ?? "That did not work", answer.hint ?? answer.error);
    return answer;
  }

  tell(title, detail) {
    toast(title, detail);
  }

  // --- moving about

  /** See the workspace as another person. */
  actAs(id) {
    this.acting = this.state.people.find((one) => one.id === id);
    const here = this.#channelById(this.place.channel);
    if (here?.is_im) {
      const own = this.state.channels.find((one) => one.is_im && one.user === id);
      this.place.channel = own?.id ?? this.channel();
    }
    if (this.#channelById(this.thread?.channel)?.is_im) this.thread = null;
    if (this.place.home) this.openHome();
    else this.draw(true);
  }

  go(channel) {
    this.place = { home: false, channel };
    if (this.thread?.channel !== channel) this.thread = null;
    this.showPanel("chat");
    this.draw(true);
  }

  async openHome() {
    this.place.home = true;
    this.showPanel("chat");
    this.draw();
    await this.#deliver("open_home", {});
  }

  openThread(channel, ts) {
    this.thread = { channel, ts };
    this.showPanel("thread");
    this.draw();
    byId("thread-close").focus();
  }

  closeThread() {
    const root = this.thread?.ts;
    this.thread = null;
    this.showPanel("chat");
    this.draw();
    if (root) reveal(root);
  }

  /** Follow a permalink inside the page. */
  open(channel, ts, thread) {
    if (!this.#channelById(channel)) return this.tell("That channel is not in this workspace");
    this.go(channel);
    if (thread) this.openThread(channel, thread);
    else reveal(ts);
  }

  // --- for the guide

  be(name) {
    this.place = { home: false, channel: this.channel() };
    this.showPanel("chat");
    this.actAs((this.person(name) ?? this.acting).id);
  }

  say(text) {
    return this.composer.perform(text);
  }

  /** Press a button of a message as the acting person, after showing which one. */
  async press(action, ts) {
    reveal(ts);
    const card = byId("messages").querySelector(`[data-key="${CSS.escape(ts)}"]`);
    card?.querySelector(`[data-action="${CSS.escape(action)}"]`)?.focus();
    await new Promise((resolve) => setTimeout(resolve, 600));
    return this.#deliver("click", { channel: this.place.channel, ts, action_id: action });
  }

  async setFault(version, rate) {
    const answer = await post("shop", { version, error_rate: rate, latency_ms: 0 });
    if (answer.ok === false) this.tell("The shop did not take that", answer.hint ?? answer.error);
  }
}

new App().run();
