// Building and updating the document without ever parsing a string as HTML:
// everything that comes from the server ends up in a text node or a plain property.

const SVG = "http://www.w3.org/2000/svg";

function add(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

/** Make an element. `props`: on* listeners, `dataset`, `class`, attributes (true, false, text). */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(node.dataset, value);
    else if (name === "class") node.className = value;
    else if (name === "color") node.style.setProperty("--person", value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  return add(node, children);
}

/** Make an SVG element with plain attributes. */
export function s(tag, props = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, String(value));
  return add(node, children);
}

export const byId = (id) => document.getElementById(id);

/** Set text only when it differs, so that a screen reader is not told twice. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Run `change`, then give the focus back to the control that had it, if it is still there. */
export function keepingFocus(container, change) {
  const active = document.activeElement;
  const held = container.contains(active) ? active : null;
  const key = held?.dataset.focus;
  const inside = held?.closest("[data-key]")?.dataset.key;
  change();
  if (held === null || held.isConnected) return;
  const scope = inside
    ? container.querySelector(`[data-key="${CSS.escape(inside)}"]`) ?? container
    : container;
  const again = key === undefined ? null : scope.querySelector(`[data-focus="${CSS.escape(key)}"]`);
  // Not simply the next control: a second Enter must not press something else.
  const near = scope.hasAttribute("tabindex") ? scope : container.querySelector("[aria-current] button");
  const target = again ?? near ?? container;
  target.focus({ preventScroll: true });
}

/**
 * Make the children of `container` follow `items`, and touch only those that changed.
 * `item`: {key, sig, make()}. An element is rebuilt when its signature differs.
 */
export function syncList(container, items) {
  const known = container.known ?? (container.known = new Map());
  const wanted = new Set(items.map((item) => item.key));
  keepingFocus(container, () => {
    for (const [key, entry] of known) {
      if (wanted.has(key)) continue;
      entry.node.remove();
      known.delete(key);
    }
    let cursor = container.firstChild;
    for (const item of items) {
      const entry = known.get(item.key);
      let node = entry?.node;
      if (entry === undefined || entry.sig !== item.sig) {
        node = item.make();
        node.dataset.key = item.key;
        if (entry !== undefined) {
          if (cursor === entry.node) cursor = node;
          entry.node.replaceWith(node);
        }
        known.set(item.key, { sig: item.sig, node });
      }
      if (node === cursor) cursor = cursor.nextSibling;
      else container.insertBefore(node, cursor);
    }
  });
}

/** An avatar: two letters on the person's colour. Decoration only, the name stands beside it. */
export function avatar(person) {
  if (person.bot) return h("img", { class: "avatar", src: "/icon.svg", alt: "" });
  const words = (person.real_name || person.name).split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? words[0][0] + words.at(-1)[0] : words[0].slice(0, 2);
  return h(
    "span",
    { class: "avatar", color: person.color ?? "#5b6670", "aria-hidden": "true" },
    letters.toUpperCase(),
  );
}
