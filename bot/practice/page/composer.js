// The line where a person writes, with completion of slash commands: a combobox whose list
// is driven by the arrow keys, Tab or Enter, and closed by Escape.

import { byId, h, setText } from "./dom.js";

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Composer {
  #commands = [];
  #matches = [];
  #active = -1;
  #history = [];
  #dismissed = false;

  /** `send(text)` posts what was written and resolves to the server's answer. */
  constructor(send) {
    this.send = send;
    this.input = byId("composer-text");
    this.list = byId("completions");
    this.input.addEventListener("input", () => this.#changed());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("blur", () => this.#close());
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  update(commands, placeholder) {
    this.#commands = commands;
    this.input.placeholder = placeholder;
    this.input.setAttribute("aria-label", placeholder);
  }

  /** Write `text` as a person would, so that whoever looks on sees what is typed, and send it. */
  async perform(text) {
    for (let end = 1; end <= text.length; end += 1) {
      this.input.value = text.slice(0, end);
      if (!still()) await pause(28);
    }
    if (!still()) await pause(450);
    return this.#submit();
  }

  #changed() {
    this.#dismissed = false;
    const text = this.input.value;
    this.input.rows = Math.min(text.split("\n").length, 6);
    this.#complete(text);
  }

  #complete(text) {
    const word = /^\/\S*$/.test(text);
    this.#matches = word && !this.#dismissed
      ? this.#commands.filter((one) => one.command.startsWith(text.toLowerCase()))
      : [];
    const exact = this.#matches.some((one) => one.command === text);
    this.#active = this.#matches.length > 0 && !exact ? 0 : -1;
    this.#draw();
    const known = this.#commands.find((one) => text.startsWith(`${one.command} `));
    setText(byId("composer-hint"), known ? `${known.command} ${known.hint ?? ""}` : "");
  }

  #draw() {
    this.list.hidden = this.#matches.length === 0;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
    this.list.replaceChildren(
      ...this.#matches.map((one, index) =>
        h(
          "li",
          {
            role: "option",
            id: `completion-${index}`,
            "aria-selected": String(index === this.#active),
            onmousedown: (event) => {
              event.preventDefault();
              this.#accept(index);
            },
          },
          h("code", {}, one.command),
          h("span", { class: "usage" }, one.hint ?? ""),
          h("span", { class: "about" }, one.description ?? ""),
        ),
      ),
    );
    if (this.#active < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `completion-${this.#active}`);
  }

  #accept(index) {
    this.input.value = `${this.#matches[index].command} `;
    this.#changed();
  }

  #close() {
    this.#matches = [];
    this.#active = -1;
    this.#draw();
  }

  #key(event) {
    const open = this.#matches.length > 0;
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (open && event.key in steps) {
      const size = this.#matches.length;
      this.#active = (Math.max(this.#active, event.key === "ArrowUp" ? 0 : -1) + steps[event.key] + size) % size;
      this.#draw();
    } else if (open && event.key === "Escape") {
      this.#dismissed = true;
      this.#close();
    } else if (this.#active >= 0 && ["Enter", "Tab"].includes(event.key) && !event.shiftKey) {
      this.#accept(this.#active);
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      this.#submit();
    } else if (event.key === "ArrowUp" && this.input.value === "" && this.#history.length > 0) {
      this.input.value = this.#history.at(-1);
    } else {
      return;
    }
    event.preventDefault();
  }

  async #submit() {
    const text = this.input.value.trim();
    this.#close();
    if (text === "") return { ok: false, error: "empty" };
    this.#history.push(text);
    this.input.value = "";
    this.#changed();
    const answer = await this.send(text);
    // What could not be delivered comes back to be sent again.
    if (!answer.ok && answer.error === "unreachable" && this.input.value === "") this.input.value = text;
    return answer;
  }
}
