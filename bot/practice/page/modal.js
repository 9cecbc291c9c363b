// The modals of the acting person: the top of the stack, with what was typed kept across
// updates of the view, and the errors beside their fields.

import { byId, h, keepingFocus } from "./dom.js";
import { renderBlocks } from "./blocks.js";
import { initialValue } from "./elements.js";
import { textNodes } from "./mrkdwn.js";

/** What was typed into one view, by block and action; survives an update of the view. */
class Form {
  #values = new Map();
  get(block, action) {
    return this.#values.get(`${block}/${action}`);
  }
  set(block, action, value) {
    this.#values.set(`${block}/${action}`, value);
  }
}

// The elements of a view that hold a value: inputs, and pickers in sections and actions.
function* fields(view) {
  for (const [index, block] of view.blocks.entries()) {
    const id = block.block_id ?? `block-${index}`;
    const inside = [block.element, block.accessory, ...(block.type === "actions" ? block.elements : [])];
    for (const element of inside)
      if (element?.action_id && !["button", "overflow"].includes(element.type))
        yield { block, id, element };
  }
}

const isEmpty = (value) => value === "" || value === undefined || value === null || value.length === 0;

function gather(view, form) {
  const values = {};
  const missing = {};
  for (const { block, id, element } of fields(view)) {
    const value = form.get(id, element.action_id) ?? initialValue(element);
    const required = block.type === "input" && !block.optional;
    if (required && isEmpty(value)) missing[id] = "Please complete this required field.";
    (values[id] ??= {})[element.action_id] = isEmpty(value) ? null : value;
  }
  return { values, missing };
}

export class ModalHost {
  #forms = new Map();
  #shown = null;
  #sig = "";
  #errors = {};
  #busy = false;
  #back = null;

  /** `actions`: {ctx(view), submit(values), close()}; what comes of them shows in the state. */
  constructor(actions) {
    this.actions = actions;
    this.dialog = byId("modal");
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#close();
    });
  }

  /** Show the top of this stack, or nothing. */
  show(stack) {
    const view = stack.at(-1);
    const ids = new Set(stack.map((one) => one.id));
    for (const id of this.#forms.keys()) if (!ids.has(id)) this.#forms.delete(id);
    if (view === undefined) return this.#hide();
    const sig = JSON.stringify([view, stack.length]);
    if (sig === this.#sig) return;
    if (this.#shown?.id !== view.id) this.#errors = {};
    this.#sig = sig;
    this.#shown = view;
    this.depth = stack.length;
    this.#draw();
  }

  #hide() {
    this.#shown = null;
    this.#sig = "";
    if (!this.dialog.open) return;
    this.dialog.close();
    this.dialog.replaceChildren();
    const back = this.#back?.isConnected ? this.#back : byId("composer-text");
    back.focus();
  }

  #draw() {
    const view = this.#shown;
    if (!this.#forms.has(view.id)) this.#forms.set(view.id, new Form());
    const form = this.#forms.get(view.id);
    const errors = { ...view.errors, ...this.#errors };
    const ctx = { ...this.actions.ctx(view), form, errors };
    const another = this.dialog.dataset.view !== view.id;
    const parts = this.#parts(view, ctx);
    keepingFocus(this.dialog, () => this.dialog.replaceChildren(parts));
    this.dialog.dataset.view = view.id;
    if (!this.dialog.open) {
      this.#back = document.activeElement;
      this.dialog.showModal();
    }
    if (another || Object.keys(errors).length > 0) this.#focusFirst();
  }

  #focusFirst() {
    const invalid = this.dialog.querySelector(".invalid :is(input, select, textarea)");
    const wanted = this.dialog.querySelector("[data-wanted]");
    const first = this.dialog.querySelector(".sheet-body :is(input, select, textarea)");
    (invalid ?? wanted ?? first ?? this.dialog.querySelector(".sheet-foot button")).focus();
  }

  #parts(view, ctx) {
    const close = () => this.#close();
    return h(
      "form",
      {
        novalidate: true,
        onsubmit: (event) => {
          event.preventDefault();
          this.#submit();
        },
      },
      h(
        "header",
        { class: "sheet-head" },
        h("h2", { id: "modal-title" }, textNodes(view.title, ctx)),
        this.depth > 1 && h("span", { class: "tag" }, `on top of ${this.depth - 1} more`),
        h("button", { type: "button", class: "plain", "aria-label": "Close dialog", onclick: close }, "×"),
      ),
      h("div", { class: "sheet-body" }, renderBlocks(view.blocks, ctx)),
      h(
        "div",
        { class: "sheet-foot" },
        h("button", { type: "button", class: "bk-button", onclick: close, dataset: { focus: "close" } },
          textNodes(view.close ?? (this.depth > 1 ? "Back" : "Close"), ctx)),
        view.submit &&
          h("button", { type: "submit", class: "bk-button primary", dataset: { focus: "submit" } },
            textNodes(view.submit, ctx)),
      ),
    );
  }

  async #submit() {
    if (this.#busy) return;
    const view = this.#shown;
    const { values, missing } = gather(view, this.#forms.get(view.id));
    this.#errors = missing;
    if (Object.keys(missing).length > 0) return this.#draw();
    await this.#whileBusy(() => this.actions.submit(values));
  }

  #close() {
    if (!this.#busy) this.#whileBusy(() => this.actions.close());
  }

  async #whileBusy(work) {
    this.#busy = true;
    this.dialog.setAttribute("aria-busy", "true");
    await work();
    this.#busy = false;
    this.dialog.removeAttribute("aria-busy");
  }
}
