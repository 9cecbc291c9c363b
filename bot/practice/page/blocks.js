// Block Kit blocks as DOM: what a message, a modal or the app's Home is made of.

import { h } from "./dom.js";
import { renderElement } from "./elements.js";
import { mrkdwn, textNodes } from "./mrkdwn.js";

const sameOrigin = (address) => new URL(address, location.href).origin === location.origin;

// Nothing is loaded from elsewhere: an outside picture is shown as its description.
function picture(block, ctx, small) {
  const address = block.image_url ?? block.slack_file?.url;
  if (address && URL.canParse(address, location.href) && sameOrigin(address))
    return h("img", { src: address, alt: block.alt_text, class: small ? "tiny" : "picture" });
  if (small) return h("span", { class: "picture-note", role: "img", "aria-label": block.alt_text }, "▧");
  return h("span", { class: "picture-note" }, "▧ ", mrkdwn(address ? `<${address}|${block.alt_text}>` : block.alt_text, ctx));
}

function section(block, ctx) {
  return h(
    "div",
    { class: "bk-section" },
    h(
      "div",
      { class: "bk-body" },
      block.text && h("div", { class: "bk-text" }, textNodes(block.text, ctx)),
      block.fields &&
        h(
          "div",
          { class: "bk-fields" },
          block.fields.map((field) => h("div", {}, textNodes(field, ctx))),
        ),
    ),
    block.accessory &&
      h(
        "div",
        { class: "bk-accessory" },
        block.accessory.type === "image"
          ? picture(block.accessory, ctx, false)
          : renderElement(block.accessory, block.block_id, ctx),
      ),
  );
}

const context = (block, ctx) =>
  h(
    "div",
    { class: "bk-context" },
    block.elements.map((element) =>
      element.type === "image" ? picture(element, ctx, true) : h("span", {}, textNodes(element, ctx)),
    ),
  );

const actions = (block, ctx) =>
  h(
    "div",
    { class: "bk-actions" },
    block.elements.map((element) => renderElement(element, block.block_id, ctx)),
  );

function input(block, ctx) {
  const id = `in-${block.block_id}`;
  const error = ctx.errors?.[block.block_id];
  const grouped = /radio|checkboxes|multi_/.test(block.element.type);
  const hint = block.hint && h("p", { class: "hint", id: `${id}-hint` }, textNodes(block.hint, ctx));
  const ids = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  const inner = {
    ...ctx,
    inputId: id,
    labelId: grouped ? `${id}-label` : null,
    describedBy: ids || null,
    invalid: error !== undefined,
    required: !block.optional,
    silent: !block.dispatch_action,
  };
  return h(
    "div",
    { class: error === undefined ? "bk-input" : "bk-input invalid", dataset: { block: block.block_id } },
    h(
      grouped ? "span" : "label",
      { class: "label", id: `${id}-label`, for: grouped ? null : id },
      textNodes(block.label, ctx),
      block.optional && h("span", { class: "optional" }, " (optional)"),
    ),
    renderElement(block.element, block.block_id, inner),
    error !== undefined && h("p", { class: "error", id: `${id}-error` }, error),
    hint,
  );
}

const image = (block, ctx) =>
  h(
    "figure",
    { class: "bk-image" },
    block.title && h("figcaption", {}, textNodes(block.title, ctx)),
    picture(block, ctx, false),
  );

const RICH = {
  text: (part) => {
    const tags = { bold: "strong", italic: "em", strike: "s", code: "code" };
    const wrap = Object.keys(tags).filter((name) => part.style?.[name]);
    return wrap.reduce((inner, name) => h(tags[name], {}, inner), part.text);
  },
  link: (part, ctx) => mrkdwn(`<${part.url}|${part.text ?? part.url}>`, ctx),
  user: (part, ctx) => mrkdwn(`<@${part.user_id}>`, ctx),
  channel: (part, ctx) => mrkdwn(`<#${part.channel_id}>`, ctx),
  emoji: (part, ctx) => mrkdwn(`:${part.name}:`, ctx),
};
const RICH_TAGS = {
  rich_text_section: "p",
  rich_text_preformatted: "pre",
  rich_text_quote: "blockquote",
};

function rich(element, ctx) {
  if (element.type === "rich_text_list")
    return h(
      element.style === "ordered" ? "ol" : "ul",
      {},
      element.elements.map((item) => h("li", {}, rich(item, ctx))),
    );
  const parts = element.elements.map((part) => RICH[part.type]?.(part, ctx) ?? `[${part.type}]`);
  return h(RICH_TAGS[element.type] ?? "p", {}, parts);
}

const BLOCKS = {
  header: (block, ctx) => h("h3", { class: "bk-header" }, textNodes(block.text, ctx)),
  divider: () => h("hr"),
  section,
  context,
  actions,
  input,
  image,
  rich_text: (block, ctx) => h("div", { class: "bk-rich" }, block.elements.map((part) => rich(part, ctx))),
  markdown: (block) => h("div", { class: "bk-text" }, block.text),
};

/** Render blocks in order; a type this page does not know is named, not hidden. */
export function renderBlocks(blocks, ctx) {
  return blocks.map((block, index) => {
    const named = { ...block, block_id: block.block_id ?? `block-${index}` };
    const render = BLOCKS[block.type];
    return render ? render(named, ctx) : h("p", { class: "unknown" }, `[block ${block.type}]`);
  });
}
