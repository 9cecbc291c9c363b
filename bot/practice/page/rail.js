// Who one acts as, the channels of that person, the app's Home, and what is unread.

import { avatar, byId, h, setText, syncList } from "./dom.js";
import { renderBlocks } from "./blocks.js";
import { visible } from "./timeline.js";

const KINDS = { guest: "guest", outsider: "outside", deactivated: "deactivated" };

/** How far each person has read each channel; what came before the page opened counts as read. */
export class Reading {
  #upTo = new Map();

  startFrom(state) {
    for (const person of state.people)
      for (const channel of state.channels) this.mark(state, channel.id, person.id);
  }

  mark(state, channel, person) {
    const last = visible(state, channel, person).at(-1);
    if (last) this.#upTo.set(`${person}/${channel}`, Number(last.ts));
  }

  unread(state, channel, person) {
    const read = this.#upTo.get(`${person}/${channel}`) ?? 0;
    return visible(state, channel, person).some((one) => Number(one.ts) > read && one.user !== person);
  }

  /** Something waits for this person alone: a direct message, an ephemeral, a dialog. */
  waiting(state, person) {
    const dialogs = state.modals[person]?.length > 0;
    const direct = state.channels.some(
      (one) => one.is_im && one.user === person && this.unread(state, one.id, person),
    );
    const notes = state.ephemerals.some((one) => {
      const read = this.#upTo.get(`${person}/${one.channel}`) ?? 0;
      return one.person === person && Number(one.ts) > read;
    });
    return dialogs || direct || notes;
  }
}

const dot = (text) => h("span", { class: "dot" }, h("span", { class: "hush" }, text));

function personButton(app, person, chosen, waiting) {
  const kind = KINDS[person.kind];
  const said = person.title?.toLowerCase() === kind;
  const role = [person.title, !said && kind].filter(Boolean).join(" · ");
  return h(
    "li",
    {},
    h(
      "button",
      {
        type: "button",
        class: "person",
        "aria-pressed": String(chosen),
        dataset: { focus: "person", person: person.name },
        onclick: () => app.actAs(person.id),
      },
      avatar(person),
      h("span", { class: "person-name" }, (person.real_name || person.name).split(" ")[0], role && h("small", {}, role)),
      waiting && dot(" has something waiting"),
    ),
  );
}

/** The switcher between people. */
export function drawPeople(app) {
  const { state, acting, reading } = app;
  syncList(
    byId("people"),
    state.people.map((person) => {
      const chosen = person.id === acting.id;
      const waiting = !chosen && reading.waiting(state, person.id);
      return {
        key: person.id,
        sig: JSON.stringify([person, chosen, waiting]),
        make: () => personButton(app, person, chosen, waiting),
      };
    }),
  );
}

function place(key, label, chosen, unread, go) {
  return {
    key,
    sig: JSON.stringify([label, chosen, unread]),
    make: () =>
      h(
        "li",
        {},
        h(
          "button",
          {
            type: "button",
            class: unread ? "place unread" : "place",
            "aria-current": chosen ? "page" : null,
            dataset: { focus: "place", place: key },
            onclick: go,
          },
          label,
          unread && dot(" unread"),
        ),
      ),
  };
}

/** The channels, the direct messages of the acting person, and the app's Home. */
export function drawChannels(app) {
  const { state, acting, reading } = app;
  const item = (channel, label) => {
    const chosen = !app.place.home && app.place.channel === channel.id;
    const unread = !chosen && reading.unread(state, channel.id, acting.id);
    return place(channel.id, label, chosen, unread, () => app.go(channel.id));
  };
  const open = state.channels.filter(
    (one) => !one.is_im && (one.members?.includes(acting.id) ?? true),
  );
  const own = state.channels.filter((one) => one.is_im && one.user === acting.id);
  setText(byId("team"), state.team.name);
  syncList(byId("channels"), open.map((one) => item(one, `# ${one.name}`)));
  syncList(byId("apps"), [
    ...own.map((one) => item(one, "Messages")),
    place("home", "Home", app.place.home, false, () => app.openHome()),
  ]);
  setText(byId("app-name"), state.bot.name);
}

/** The app's Home as the acting person has it. */
export function drawHome(app) {
  const view = app.state.homes[app.acting.id];
  const items = view
    ? [{ key: view.id ?? "home", sig: JSON.stringify([view, app.acting.id]),
        make: () => h("div", { class: "blocks" }, renderBlocks(view.blocks, app.homeCtx(view))) }]
    : [{ key: "none", sig: "", make: () => h("p", { class: "quiet" }, "The app has published no Home for this person yet.") }];
  syncList(byId("home"), items);
}
