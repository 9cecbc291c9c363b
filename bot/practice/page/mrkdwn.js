// Slack's mrkdwn as DOM nodes. The text is data: links keep only harmless schemes,
// and nothing is ever interpreted as HTML.

import { h } from "./dom.js";
import { emoji, withEmoji } from "./emoji.js";

const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
const decode = (text) => text.replace(/&(?:lt|gt|amp);/g, (entity) => ENTITIES[entity]);

// A span may hold whole <…> tokens and `code`, whose own marks are not its end.
const span = (mark, name) =>
  `(?<![\\w${mark}])${mark}(?=\\S)(?<${name}>(?:<[^<>]*>|\`[^\`\\n]*\`|[^${mark}\\n<])+?)` +
  `(?<=\\S)${mark}(?![\\w${mark}])`;
const INLINE = [
  "<(?<token>[^<>]+)>",
  "`(?<code>[^`\\n]+)`",
  span("\\*", "bold"),
  span("_", "italic"),
  span("~", "strike"),
  ":(?<emoji>[a-z0-9_+-]+):",
].join("|");

const DATE_PARTS = {
  date_num: { year: "numeric", month: "2-digit", day: "2-digit" },
  date: { year: "numeric", month: "long", day: "numeric" },
  date_short: { year: "numeric", month: "short", day: "numeric" },
  date_long: { weekday: "long", year: "numeric", month: "long", day: "numeric" },
  time: { hour: "2-digit", minute: "2-digit" },
  time_secs: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
};

function dayWord(when, now) {
  const start = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  const days = Math.round((start(when) - start(now)) / 86_400_000);
  return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
}

function ago(when, now) {
  const words = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  const seconds = Math.round((when - now) / 1000);
  const [size, unit] = [[86_400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]].find(
    ([length]) => Math.abs(seconds) >= length || length === 1,
  );
  return words.format(Math.round(seconds / size), unit);
}

/** Fill the format of a `<!date^…>` token in, in the reader's own time zone. */
export function formatDate(unix, format, now = new Date()) {
  const when = new Date(unix * 1000);
  return format.replace(/\{(\w+)\}/g, (all, name) => {
    if (name === "ago") return ago(when, now);
    const plain = name.replace(/_pretty$/, "");
    const parts = DATE_PARTS[plain];
    if (parts === undefined) return all;
    return (plain !== name && dayWord(when, now)) || when.toLocaleString(undefined, parts);
  });
}

function dateNode(token, fallback) {
  const [, unix, format, href] = token.split("^");
  const seconds = Number(unix);
  if (!Number.isFinite(seconds) || format === undefined) return decode(fallback ?? token);
  const iso = new Date(seconds * 1000).toISOString();
  const time = h("time", { datetime: iso, title: iso }, formatDate(seconds, decode(format)));
  return href ? linkNode(href, [time]) : time;
}

/** A link; one that leads to a message of this workspace opens it in the page. */
export function linkNode(address, children, ctx) {
  let url;
  try {
    url = new URL(decode(address));
  } catch {
    return h("span", {}, children);
  }
  if (!["http:", "https:", "mailto:"].includes(url.protocol)) return h("span", {}, children);
  const message = url.pathname.match(/\/archives\/(\w+)\/p(\d+)(\d{6})$/);
  const props = { href: url.href, rel: "noopener noreferrer", target: "_blank" };
  if (message !== null && ctx?.open) {
    const [, channel, seconds, micros] = message;
    props.onclick = (event) => {
      event.preventDefault();
      ctx.open(channel, `${seconds}.${micros}`, url.searchParams.get("thread_ts"));
    };
  }
  return h("a", props, children);
}

function tokenNode(token, ctx) {
  const bar = token.indexOf("|");
  const body = bar < 0 ? token : token.slice(0, bar);
  const label = bar < 0 ? undefined : token.slice(bar + 1);
  const mention = (text) => h("span", { class: "mention" }, text);
  if (body.startsWith("@")) return mention(`@${ctx.user(body.slice(1))}`);
  if (body.startsWith("#")) return mention(`#${label ?? ctx.channel(body.slice(1))}`);
  if (body.startsWith("!date^")) return dateNode(body, label);
  if (body.startsWith("!subteam^")) return mention(decode(label ?? body.split("^")[1]));
  if (body.startsWith("!")) return mention(`@${decode(label ?? body.slice(1).split("|")[0])}`);
  if (!/^[a-z][a-z0-9+.-]*:/i.test(body)) return decode(`<${token}>`);
  return linkNode(body, [decode(label ?? body)], ctx);
}

/** One run of text without block structure, as a list of nodes and strings. */
export function inline(text, ctx) {
  const out = [];
  let last = 0;
  for (const match of text.matchAll(new RegExp(INLINE, "g"))) {
    const { token, code, bold, italic, strike } = match.groups;
    out.push(decode(text.slice(last, match.index)));
    if (token !== undefined) out.push(tokenNode(token, ctx));
    else if (code !== undefined) out.push(h("code", {}, decode(code)));
    else if (bold !== undefined) out.push(h("strong", {}, inline(bold, ctx)));
    else if (italic !== undefined) out.push(h("em", {}, inline(italic, ctx)));
    else if (strike !== undefined) out.push(h("s", {}, inline(strike, ctx)));
    else out.push(emoji(match.groups.emoji) ?? match[0]);
    last = match.index + match[0].length;
  }
  out.push(decode(text.slice(last)));
  return out;
}

function lines(text, ctx) {
  const out = [];
  let quote = null;
  for (const [index, line] of text.split("\n").entries()) {
    const quoted = line.match(/^(?:&gt;|>) ?(.*)$/);
    if (quoted !== null) {
      if (quote === null) out.push((quote = h("blockquote")));
      else quote.append(h("br"));
      quote.append(...inline(quoted[1], ctx));
      continue;
    }
    if (index > 0 && quote === null) out.push(h("br"));
    quote = null;
    out.push(...inline(line, ctx));
  }
  return out;
}

/** A mrkdwn text: paragraphs of inline marks, quotes, ``` blocks. `ctx`: user(id), channel(id), open(). */
export function mrkdwn(text, ctx) {
  const parts = text.split("```");
  const closed = parts.length % 2 === 1;
  return parts.flatMap((part, index) => {
    if (index % 2 === 1 && (closed || index < parts.length - 1))
      return [h("pre", { tabindex: 0 }, decode(part.replace(/^\n|\n$/g, "")))];
    return part.trim() === "" && index > 0 ? [] : lines(index % 2 ? "```" + part : part, ctx);
  });
}

/** A text object of Block Kit (mrkdwn or plain_text), or a bare string. */
export function textNodes(object, ctx) {
  if (object === null || object === undefined) return [];
  if (typeof object === "string") return [object];
  if (object.type === "mrkdwn") return mrkdwn(object.text, ctx);
  return [object.emoji === false ? object.text : withEmoji(object.text)];
}
