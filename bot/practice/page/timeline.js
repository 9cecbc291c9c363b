// Messages: a channel as one person sees it, and one thread beside it.

import { avatar, byId, h, setText, syncList } from "./dom.js";
import { renderBlocks } from "./blocks.js";
import { dots } from "./elements.js";
import { mrkdwn } from "./mrkdwn.js";

export const isReply = (message) => Boolean(message.thread_ts) && message.thread_ts !== message.ts;
const byTime = (one, other) => Number(one.ts) - Number(other.ts);

/** What `person` sees in a channel: its messages and the ephemerals meant for that person. */
export function visible(state, channel, person) {
  const own = state.ephemerals
    .filter((note) => note.channel === channel && note.person === person)
    .map((note) => ({ ...note, user: note.user ?? state.bot.user_id, ephemeral: true }));
  return [...(state.messages[channel] ?? []), ...own].sort(byTime);
}

const keyOf = (message) => (message.ephemeral ? `e${message.id}` : message.ts);

function stamp(ts) {
  const when = new Date(Number(ts) * 1000);
  const clock = when.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  return h("time", { datetime: when.toISOString(), title: when.toLocaleString() }, clock);
}

function body(message, ctx) {
  return message.blocks?.length > 0
    ? renderBlocks(message.blocks, ctx)
    : h("div", { class: "bk-text" }, mrkdwn(message.text ?? "", ctx));
}

// The page may be open under another name of this machine than the one in the address.
const here = (address) => new URL(address, location.href).pathname;

function attachment(file, ctx) {
  const name = file.title || file.name || file.id;
  const address = file.permalink ?? file.url_private;
  if (file.mimetype?.startsWith("image/") && address)
    return h(
      "a",
      { class: "picture", href: here(address), target: "_blank", rel: "noreferrer", title: name },
      h("img", { src: here(address), alt: file.alt_txt || name, loading: "lazy" }),
    );
  return h("p", { class: "files" }, ["▤ ", address ? mrkdwn(`<${address}|${name}>`, ctx) : name]);
}

const attached = (message, ctx) =>
  message.files?.length > 0 &&
  h("div", { class: "attached" }, message.files.map((file) => attachment(file, ctx)));

function replies(message, count, ctx) {
  if (message.ephemeral || count === 0) return null;
  return h(
    "button",
    { type: "button", class: "replies", dataset: { focus: "replies" }, onclick: () => ctx.openThread(message.ts) },
    `${count} ${count === 1 ? "reply" : "replies"} in the thread`,
  );
}

// What the app offers for any message, as Slack has it behind the three dots of a message.
function menu(message, author, ctx) {
  if (message.ephemeral || !ctx.shortcuts?.length) return null;
  const entries = ctx.shortcuts.map((one) => ({ words: one.name, choose: () => ctx.choose(one.callback_id) }));
  return h("div", { class: "message-menu" }, dots(`Actions for the message from ${author.name}`, "menu", entries));
}

function article(message, author, count, ctx) {
  const kinds = ["message", message.ephemeral && "ephemeral", author.bot && "from-bot"];
  return h(
    "article",
    { class: kinds.filter(Boolean).join(" "), tabindex: -1, "aria-label": `Message from ${author.name}` },
    avatar(author),
    h(
      "div",
      { class: "message-main" },
      message.ephemeral && h("p", { class: "only-you" }, "Only visible to you"),
      h(
        "p",
        { class: "byline" },
        h("strong", {}, author.real_name || author.name),
        author.bot && h("span", { class: "tag" }, "app"),
        stamp(message.ts),
        message.edited && h("span", { class: "edited" }, "edited"),
      ),
      h("div", { class: "blocks" }, body(message, ctx)),
      attached(message, ctx),
      replies(message, count, ctx),
    ),
    menu(message, author, ctx),
  );
}

/** The list entries for `messages`, each redrawn only when something in it changed. */
function entries(messages, counts, app) {
  return messages.map((message) => {
    const count = counts?.get(message.ts) ?? 0;
    const author = app.author(message.user);
    return {
      key: keyOf(message),
      sig: JSON.stringify([message, count, author, app.acting.id]),
      make: () => article(message, author, count, app.messageCtx(message)),
    };
  });
}

const atEnd = (scroller) => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;

/** Redraw the channel; stays at its end when the reader was there. */
export function drawTimeline(app, channel, jump) {
  const scroller = byId("timeline");
  const follow = jump || atEnd(scroller);
  const all = visible(app.state, channel, app.acting.id);
  const counts = new Map();
  for (const reply of all.filter((one) => isReply(one) && !one.ephemeral))
    counts.set(reply.thread_ts, (counts.get(reply.thread_ts) ?? 0) + 1);
  const top = all.filter((message) => !isReply(message));
  syncList(byId("messages"), entries(top, counts, app));
  byId("empty").hidden = top.length > 0;
  if (follow) scroller.scrollTop = scroller.scrollHeight;
}

/** Redraw the thread panel, or hide it. */
export function drawThread(app, thread) {
  const panel = byId("thread");
  panel.hidden = thread === null;
  if (thread === null) return;
  const all = visible(app.state, thread.channel, app.acting.id);
  const root = all.filter((message) => message.ts === thread.ts);
  const inside = all.filter((message) => isReply(message) && message.thread_ts === thread.ts);
  const scroller = byId("thread-scroll");
  const follow = atEnd(scroller);
  setText(byId("thread-where"), app.channelLabel(thread.channel));
  syncList(byId("thread-messages"), entries([...root, ...inside], null, app));
  if (follow) scroller.scrollTop = scroller.scrollHeight;
}

/** Bring one message into view and mark it for a moment. */
export function reveal(ts) {
  const node = byId("messages").querySelector(`[data-key="${CSS.escape(ts)}"]`);
  if (node === null) return;
  node.scrollIntoView({ block: "nearest" });
  node.focus({ preventScroll: true });
}

/** What a screen reader is told about a message. */
export function spoken(message, app) {
  const text = message.text || "sent a card";
  const words = h("p", {}, mrkdwn(text, app.names())).textContent;
  const whom = message.ephemeral ? ", only visible to you" : "";
  return `${app.author(message.user).name}${whom}: ${words}`;
}
