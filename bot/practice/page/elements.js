// The interactive elements of Block Kit: buttons, menus and inputs. Each is a native control,
// so keyboard, phone and screen reader work without help.
//
// `ctx` of every renderer: {user, channel, people, open, act(element, change), form, silent}.
// `form` is present in modals: it holds what was typed, by block and action. `silent` marks an
// input of which the bot hears only when the form is sent.

import { h } from "./dom.js";
import { linkNode, textNodes } from "./mrkdwn.js";
import { withEmoji } from "./emoji.js";

const plain = (object) => withEmoji(object?.text ?? "");
const focusKey = (element, block) => `${block}|${element.action_id}|${element.value ?? ""}`;
const label = (element) => element.accessibility_label ?? (plain(element.placeholder) || "Choose");

function button(element, block, ctx) {
  const words = textNodes(element.text, ctx);
  const press = () => ctx.act(element, element.value === undefined ? {} : { value: element.value });
  const look = `bk-button ${element.style ?? ""}`.trim();
  if (element.url) {
    // A link that looks like a button: it leads somewhere, and the app hears of it too.
    const link = linkNode(element.url, words, ctx);
    link.className = look;
    link.dataset.focus = focusKey(element, block);
    link.addEventListener("click", press);
    return link;
  }
  return h(
    "button",
    {
      type: "button",
      class: look,
      "aria-label": element.accessibility_label,
      dataset: { focus: focusKey(element, block), action: element.action_id },
      onclick: press,
    },
    words,
  );
}

/** A menu behind three dots. `entries`: {words, choose()}; `focus`: its name when it is redrawn. */
export function dots(label, focus, entries) {
  const menu = h("details", { class: "overflow" });
  const take = (entry) => {
    menu.open = false;
    menu.querySelector("summary").focus();
    entry.choose();
  };
  menu.append(
    h("summary", { "aria-label": label, dataset: { focus } }, "⋯"),
    h(
      "div",
      { class: "overflow-menu" },
      entries.map((entry) => h("button", { type: "button", onclick: () => take(entry) }, entry.words)),
    ),
  );
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.stopPropagation();
    event.preventDefault();
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  menu.addEventListener("focusout", (event) => {
    if (!menu.contains(event.relatedTarget)) menu.open = false;
  });
  return menu;
}

function overflow(element, block, ctx) {
  const entries = element.options.map((option) => ({
    words: textNodes(option.text, ctx),
    choose: () => ctx.act(element, { selected_option: option.value }),
  }));
  return dots("More actions", focusKey(element, block), entries);
}

// What each element starts with, as the plain value that is submitted.
function initial(element) {
  const option = element.initial_option?.value;
  const options = element.initial_options?.map((one) => one.value);
  const other =
    element.initial_value ?? element.initial_date ?? element.initial_time ?? element.initial_user ??
    element.initial_users ?? element.initial_channel ?? element.initial_conversation;
  return option ?? options ?? other ?? (element.type.match(/checkboxes|multi_/) ? [] : "");
}

function current(element, block, ctx) {
  const draft = ctx.form?.get(block, element.action_id);
  return draft === undefined ? initial(element) : draft;
}

// Keep what was typed; outside an input block it is also an action that the bot hears of.
function changed(element, block, ctx, value) {
  ctx.form?.set(block, element.action_id, value);
  if (!ctx.silent) ctx.act(element, { selected_option: value });
}

const described = (ctx) => ({
  id: ctx.inputId,
  "aria-invalid": ctx.invalid ? "true" : null,
  "aria-describedby": ctx.describedBy,
  "aria-required": ctx.required ? "true" : null,
});

function optionsOf(element, ctx) {
  if (element.type.match(/users_select/))
    return ctx.people.map((person) => ({ text: { text: person.real_name || person.name }, value: person.id }));
  if (element.type.match(/channels_select|conversations_select/))
    return ctx.channels.map((channel) => ({ text: { text: `#${channel.name}` }, value: channel.id }));
  return element.options ?? [];
}

function select(element, block, ctx) {
  const value = current(element, block, ctx);
  const entry = (option) =>
    h("option", { value: option.value, selected: option.value === value }, plain(option.text));
  const choices = element.option_groups
    ? element.option_groups.map((group) =>
        h("optgroup", { label: plain(group.label) }, group.options.map(entry)))
    : optionsOf(element, ctx).map(entry);
  const control = h(
    "select",
    {
      ...described(ctx),
      "aria-label": ctx.inputId ? null : label(element),
      dataset: { focus: focusKey(element, block), action: element.action_id },
      onchange: () => changed(element, block, ctx, control.value),
    },
    h("option", { value: "" }, plain(element.placeholder) || "Choose…"),
    choices,
  );
  if (value === "") control.value = "";
  return control;
}

// Radio buttons, checkboxes and multi-selects: a group of native boxes.
function boxes(element, block, ctx) {
  const single = element.type === "radio_buttons";
  const chosen = new Set([current(element, block, ctx)].flat());
  const name = `${ctx.inputId ?? block}-${element.action_id}`;
  const read = (group) => [...group.querySelectorAll("input:checked")].map((box) => box.value);
  const group = h(
    "div",
    {
      ...described(ctx),
      "aria-required": null,
      class: "boxes",
      role: single ? "radiogroup" : "group",
      "aria-labelledby": ctx.labelId,
      "aria-label": ctx.labelId ? null : label(element),
      onchange: () => {
        const values = read(group);
        changed(element, block, ctx, single ? values[0] : values);
      },
    },
    optionsOf(element, ctx).map((option) =>
      h(
        "label",
        {},
        h("input", {
          type: single ? "radio" : "checkbox",
          name,
          value: option.value,
          checked: chosen.has(option.value),
          dataset: { focus: `${focusKey(element, block)}${option.value}` },
        }),
        h(
          "span",
          {},
          textNodes(option.text, ctx),
          option.description && h("small", {}, textNodes(option.description, ctx)),
        ),
      ),
    ),
  );
  return group;
}

const INPUT_TYPES = {
  plain_text_input: "text",
  number_input: "text",
  email_text_input: "email",
  url_text_input: "url",
  datepicker: "date",
  timepicker: "time",
  datetimepicker: "datetime-local",
};
const PICKERS = ["datepicker", "timepicker", "datetimepicker"];

const localMinute = (unix) => {
  const when = new Date(unix * 1000);
  return new Date(when - when.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};

function field(element, block, ctx) {
  const tag = element.multiline ? "textarea" : "input";
  const stamp = element.type === "datetimepicker";
  const held = current(element, block, ctx) || (stamp ? element.initial_date_time ?? "" : "");
  const read = () =>
    stamp && control.value ? Math.floor(new Date(control.value).getTime() / 1000) : control.value;
  const control = h(tag, {
    ...described(ctx),
    "aria-label": ctx.inputId ? null : label(element),
    type: tag === "input" ? INPUT_TYPES[element.type] : null,
    inputmode: element.type === "number_input" ? "decimal" : null,
    rows: tag === "textarea" ? 5 : null,
    maxlength: element.max_length,
    placeholder: plain(element.placeholder) || null,
    autocomplete: "off",
    dataset: { focus: focusKey(element, block), action: element.action_id,
      ...(element.focus_on_load ? { wanted: "" } : {}) },
    oninput: () => ctx.form?.set(block, element.action_id, read()),
    onchange: () => PICKERS.includes(element.type) && changed(element, block, ctx, read()),
  });
  control.value = stamp && held ? localMinute(held) : held;
  return control;
}

const RENDERERS = {
  button,
  overflow,
  radio_buttons: boxes,
  checkboxes: boxes,
  multi_static_select: boxes,
  multi_users_select: boxes,
  multi_conversations_select: boxes,
  multi_channels_select: boxes,
  static_select: select,
  external_select: select,
  users_select: select,
  channels_select: select,
  conversations_select: select,
  ...Object.fromEntries(Object.keys(INPUT_TYPES).map((type) => [type, field])),
};

/** Render one interactive element, or say which type this page can't show. */
export function renderElement(element, block, ctx) {
  const render = RENDERERS[element.type];
  return render ? render(element, block, ctx) : h("em", { class: "unknown" }, `[${element.type}]`);
}

/** The value an element has when nobody touched it. */
export const initialValue = initial;
