// The confirm dialog that stands in front of a dangerous button, and the toasts.
// Native <dialog> elements hold the focus inside and close on Escape by themselves.

import { byId, h } from "./dom.js";
import { textNodes } from "./mrkdwn.js";

/** Ask before something is sent. `confirm` is Slack's object; resolves to true or false. */
export function askFirst(confirm, ctx) {
  return new Promise((resolve) => {
    const back = document.activeElement;
    const danger = confirm.style === "danger";
    const dialog = h(
      "dialog",
      { class: "sheet confirm", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" },
      h("h2", { id: "confirm-title" }, textNodes(confirm.title, ctx)),
      h("div", { id: "confirm-text", class: "sheet-body" }, textNodes(confirm.text, ctx)),
      h(
        "div",
        { class: "sheet-foot" },
        h("button", { type: "button", class: "bk-button", onclick: () => dialog.close("no") },
          textNodes(confirm.deny ?? "Cancel", ctx)),
        h("button",
          { type: "button", class: `bk-button ${danger ? "danger" : "primary"}`, onclick: () => dialog.close("yes") },
          textNodes(confirm.confirm ?? "Yes", ctx)),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (back?.isConnected) back.focus();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("button").focus();
  });
}

/** Say that something went wrong (or how it went), for a few seconds; a dialog keeps it on top. */
export function toast(title, detail = "") {
  const stack = byId("toasts");
  const note = h(
    "div",
    { class: "toast" },
    h("p", {}, h("strong", {}, title), detail && h("span", {}, detail)),
    h("button", { type: "button", class: "plain", "aria-label": "Dismiss", onclick: () => note.remove() }, "×"),
  );
  stack.append(note);
  // A popover is drawn above an open modal dialog.
  if (stack.matches(":popover-open")) stack.hidePopover();
  stack.showPopover();
  setTimeout(() => {
    note.remove();
    if (stack.childElementCount === 0 && stack.matches(":popover-open")) stack.hidePopover();
  }, 9000);
}
