// The voting page: keys, votes that answer at once, and what happens when a vote does not arrive. Without it the page
// is plain forms.
//
// The page holds the ballot on the screen and, in #ahead, the ones that follow. A verdict brings the next one to the
// screen and puts the vote into a queue; votes leave the queue one by one and in order. The response to each brings what
// #ahead lacks. A vote that does not arrive takes the page back to its battle, with all that was said.

const main = document.getElementById("main");
const bar = document.getElementById("verdict");
const perch = document.getElementById("perch");
const ahead = document.getElementById("ahead");
const incoming = document.getElementById("incoming");
const guide = document.getElementById("guide");
const notices = document.getElementById("notices").content;

// What was pressed before a pair could be seen was not meant for it: this long after its paint the page takes no act.
const GUARD = 150;
// A wait that is over sooner is not worth a word.
const PATIENCE = 400;

const queue = [];
let sending = false;
let failed = false; // the first of the queue did not arrive: its battle is on the screen
let waiting = false; // the battle on the screen is judged, and no other one is here
let busy = false; // an act that moves the page when it is done, such as an undo
let guarded = false;
let patience;

const battle = () => main.querySelector(".battle");
const ballot = () => bar.querySelector("form.ballot");
const token = () => ballot().dataset.ballot;

function mark() {
  // For those who look from outside: whether an act would be taken now.
  document.body.toggleAttribute("data-closed", guarded || waiting || busy);
  document.body.toggleAttribute("data-unsent", queue.length > 0);
}

// What happened

function say(kind, { text, again } = {}) {
  const notice = notices.querySelector(`[data-notice="${kind}"]`);
  const toast = document.createElement("div");
  toast.className = kind === "waiting" ? "toast" : "toast toast--bad";
  if (kind !== "waiting") toast.setAttribute("role", "alert");
  const words = document.createElement("span");
  words.textContent = text || notice.textContent.replace(/\s+/g, " ").trim();
  toast.append(words);
  const { link, linkText, reload } = notice.dataset;
  if (link) toast.append(act("a", linkText, null, `${link}?next=${encodeURIComponent(new URL(ballot().action).pathname)}`));
  if (again && notice.dataset.again) toast.append(act("button", notice.dataset.again, again));
  if (reload) toast.append(act("button", reload, () => location.assign(ballot().action)));
  perch.replaceChildren(toast);
}

function act(name, words, does, href) {
  const made = document.createElement(name);
  made.className = "btn btn--sm";
  made.textContent = words;
  if (href) made.href = href;
  else Object.assign(made, { type: "button", onclick: does });
  return made;
}

// What was said about a ballot outlives the page, until it is saved

const kept = (of) => `arena-ballot-${of}`;

function keep(form, choice = "") {
  const said = [...new FormData(form)].filter(([name]) => !["csrfmiddlewaretoken", "choice"].includes(name));
  try {
    sessionStorage.setItem(kept(form.dataset.ballot), JSON.stringify({ said, choice }));
  } catch {
    // A full or forbidden store: the page works without.
  }
}

function recall(form) {
  let stored;
  try {
    stored = JSON.parse(sessionStorage.getItem(kept(form.dataset.ballot)));
  } catch {
    stored = null;
  }
  if (!Array.isArray(stored?.said)) return "";
  for (const input of form.querySelectorAll("input[name], textarea[name]")) {
    const values = stored.said.filter(([name]) => name === input.name).map(([, value]) => value);
    if (input.type === "checkbox" || input.type === "radio") {
      if (input.type === "checkbox" || values.length) input.checked = values.includes(input.value);
    } else if (input.name !== "csrfmiddlewaretoken" && values.length) input.value = values[0];
  }
  fill(form);
  return String(stored.choice || "");
}

function forget(of) {
  try {
    sessionStorage.removeItem(kept(of));
  } catch {
    // As above.
  }
}

// What was chosen for a ballot that is taken back is no longer wanted; what was said of it is.
function unchoose(form) {
  recall(form);
  keep(form);
}

const fill = (form) => {
  const filled = form.querySelector("textarea[name=comment]")?.value.trim() !== "";
  form.querySelector("[data-comment]")?.classList.toggle("is-filled", filled);
};

// The screen

function show(next) {
  const form = next.form;
  battle().replaceWith(next.battle);
  ballot().replaceWith(form);
  const { pathname } = new URL(form.action);
  history.replaceState(null, "", pathname);
  for (const report of document.querySelectorAll("form[data-report]")) report.action = `${pathname}report/`;
  for (const open of document.querySelectorAll("[popover]:is(.ask, .slip):popover-open")) open.hidePopover();
  scrollTo({ top: 0, behavior: "instant" });
  turnTo("left", "instant");
  main.querySelector("[data-start]").focus({ preventScroll: true });
  guarded = true;
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      document.dispatchEvent(new CustomEvent("arena:painted", { detail: form.dataset.ballot }));
      setTimeout(() => {
        guarded = false;
        mark();
      }, GUARD);
    }),
  );
  mark();
}

const parts = (hand) => ({ battle: hand.querySelector(".battle"), form: hand.querySelector("form.ballot") });

function take(hand) {
  const next = parts(hand);
  hand.remove();
  waiting = false;
  clearTimeout(patience);
  show(next);
  fill(next.form);
  const choice = recall(next.form);
  if (choice) offer(choice);
}

function advance() {
  if (ahead.firstElementChild) return take(ahead.firstElementChild);
  waiting = true;
  patience = setTimeout(() => waiting && say("waiting"), PATIENCE);
  mark();
}

// A choice that an earlier page did not get saved.
function offer(choice) {
  const button = ballot().querySelector(`[name=choice][value="${CSS.escape(choice)}"]`);
  if (!button) return;
  choose(button);
  say("kept", {
    again: () => {
      guarded = false;
      button.click();
    },
  });
}

function choose(button) {
  const form = button.form;
  for (const one of form.querySelectorAll(".is-chosen")) one.classList.remove("is-chosen");
  for (const side of battle().querySelectorAll(".side")) side.classList.toggle("is-chosen", side.dataset.side === button.value);
  if (button.name === "choice" && button.value !== "skip") button.classList.add("is-chosen");
}

// Votes on their way

function vote(form, button) {
  choose(button);
  const values = new FormData(form, button);
  const cast = { token: token(), url: form.action, values, battle: battle(), form };
  keep(form, button.value);
  perch.replaceChildren();
  // What did not arrive is judged anew.
  if (failed) queue[0] = cast;
  else queue.push(cast);
  failed = false;
  advance();
  pump();
}

async function pump() {
  if (sending || failed || busy) return;
  while (queue.length) {
    const [cast] = queue;
    sending = true;
    const outcome = await send(cast.url, cast.values, held());
    sending = false;
    if (outcome.kind !== "saved") return fail(cast, outcome);
    queue.shift();
    forget(cast.token);
    receive();
    mark();
  }
}

function fail(cast, outcome) {
  // The one on the screen waits its turn again, unless it is itself on its way.
  if (!waiting && token() !== cast.token) {
    const hand = document.createElement("div");
    hand.dataset.hand = token();
    const { battle: shown, form } = { battle: battle(), form: ballot() };
    show(cast);
    hand.append(shown, form);
    ahead.prepend(hand);
  } else if (token() !== cast.token) show(cast);
  waiting = false;
  failed = true;
  clearTimeout(patience);
  say(outcome.kind, {
    text: outcome.text,
    again: () => {
      failed = false;
      perch.replaceChildren();
      advance();
      pump();
    },
  });
  mark();
}

// An act that is seen when it is done. Votes before it are sent first. An undo changes what comes next, so that the page
// takes every ballot anew; after a report the next one is ahead.
async function after(form, url, { anew }) {
  if (busy) return;
  const values = new FormData(form);
  busy = true;
  mark();
  await settled();
  if (!failed) {
    sending = true;
    const outcome = await send(url, values, anew ? [] : held().filter((one) => one !== token()));
    sending = false;
    if (outcome.kind !== "saved") {
      say(outcome.kind, { text: outcome.text, again: () => after(form, url, { anew }) });
    } else {
      if (anew) {
        ahead.replaceChildren();
        for (const back of incoming.querySelectorAll("form.ballot")) unchoose(back);
      }
      waiting = true;
      receive();
    }
  }
  busy = false;
  mark();
  pump();
}

const settled = () =>
  new Promise((resolve) => {
    const look = () => (failed || (!sending && !queue.length) ? resolve() : setTimeout(look, 10));
    busy = false;
    pump();
    busy = true;
    look();
  });

// The ballots that the page holds: the one on the screen unless it is judged, those on their way, and those ahead.
const held = () => [
  ...(waiting ? [] : [token()]),
  ...queue.map((cast) => cast.token),
  ...[...ahead.children].map((hand) => hand.dataset.hand),
];

// What the server answers

let answer;

async function send(url, values, have) {
  values.delete("csrfmiddlewaretoken"); // the header has it, and knows of a sign-in in another tab
  values.set("have", have.join(","));
  answer = null;
  try {
    await htmx.ajax("POST", url, { source: incoming, target: incoming, swap: "innerHTML swap:0ms settle:0ms", values });
  } catch {
    answer ??= { kind: "offline" };
  }
  return answer ?? { kind: "offline" };
}

incoming.addEventListener("htmx:configRequest", (event) => {
  const cookie = document.cookie.match(/(?:^|; )(?:__Host-)?csrftoken=([^;]+)/);
  if (cookie) event.detail.headers["X-CSRFToken"] = cookie[1];
});
incoming.addEventListener("htmx:timeout", () => (answer = { kind: "timeout" }));
incoming.addEventListener("htmx:sendError", () => (answer = { kind: "offline" }));
incoming.addEventListener("htmx:beforeOnLoad", (event) => {
  const { xhr } = event.detail;
  const to = xhr.getResponseHeader("HX-Redirect");
  answer = read(xhr, to);
  if (answer.kind === "saved") return;
  event.preventDefault();
  event.stopPropagation(); // a development server's script would put the error page in place of this one
});

function read(xhr, to) {
  const { status } = xhr;
  const plain = (xhr.getResponseHeader("Content-Type") || "").startsWith("text/plain");
  if (to) return { kind: to.includes("/sign-in/") ? "signed-out" : "saved" };
  if (status === 401) return { kind: "signed-out" };
  if (status === 403) return { kind: "forbidden" };
  if (status === 404) return { kind: "gone" };
  if (status === 400) return { kind: "invalid", text: plain ? xhr.responseText.slice(0, 300) : "" };
  if (status === 500) return { kind: "broken" };
  if (status >= 400) return { kind: "unreachable" };
  return { kind: xhr.responseText.includes("data-shown=") ? "saved" : "strange" };
}

// Takes what the response brought: ballots that the page does not hold, and which one should be on the screen.
function receive() {
  const shown = incoming.querySelector("[data-shown]")?.dataset.shown;
  for (const hand of incoming.querySelectorAll("[data-hand]")) {
    if (!held().includes(hand.dataset.hand)) ahead.append(hand);
  }
  incoming.replaceChildren();
  if (!shown) return;
  const first = [...ahead.children].find((hand) => hand.dataset.hand === shown);
  if (first) ahead.prepend(first);
  if (waiting && ahead.firstElementChild) return take(ahead.firstElementChild);
  // Nothing came, and nothing is on its way: another window has moved on.
  if (waiting && !queue.length) return location.assign(ballot().action);
  const expected = token() === shown || queue.some((cast) => cast.token === shown);
  if (!waiting && !expected && first) {
    take(first);
    say("withdrawn");
  }
}

// Forms

document.addEventListener("submit", (event) => {
  const form = event.target;
  const own = form.matches("form.ballot");
  if (!own && !form.matches("form[data-report], form[data-undo]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (waiting || busy || guarded) return;
  const button = event.submitter;
  if (own && button?.dataset.act !== "undo") {
    if (button?.name) vote(form, button);
  } else if (form.matches("[data-report]")) {
    document.querySelector(".ask:popover-open")?.hidePopover();
    after(form, form.action, { anew: false });
  } else undo(own ? button.getAttribute("formaction") : form.action, form);
}, true);

function undo(url, form) {
  // A vote that did not arrive is taken back by forgetting it.
  if (failed) {
    const [cast] = queue.splice(0, 1);
    forget(cast.token);
    failed = false;
    for (const one of document.querySelectorAll(".side.is-chosen, .ballot .is-chosen")) one.classList.remove("is-chosen");
    perch.replaceChildren();
    mark();
    return;
  }
  after(form, url, { anew: true });
}

bar.addEventListener("input", () => {
  keep(ballot());
  fill(ballot());
});
// Enter in a choice would send the form.
bar.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("input")) {
    event.preventDefault();
    event.target.click();
  }
});

// Keys

const typing = (target) =>
  target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=checkbox], [type=radio]), textarea, select"));
// What has the focus and scrolls sideways, or chooses, has the arrows.
const moves = (event) => event.key.startsWith("Arrow") && event.target.closest?.("pre[tabindex], [tabindex].scroll, [role=group][tabindex], input");

// By the letter; on a keyboard of another alphabet by the place where the letter would be.
function keysOf(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (/^[\x20-\x7e]+$/.test(key)) return [key];
  const place = event.code.match(/^(?:Key([A-Z])|Digit(\d))$/);
  const there = event.code === "Slash" && event.shiftKey ? "?" : place ? (place[1] ?? place[2]).toLowerCase() : null;
  return there ? [key, there] : [key];
}

function actOf(names) {
  const keys = JSON.parse(bar.dataset.keys);
  for (const name of names) {
    if (name === "ArrowLeft") return "left";
    if (name === "ArrowRight") return "right";
    const found = Object.keys(keys).find((one) => keys[one] === name);
    if (found) return found;
  }
  return null;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && guide.matches(":popover-open")) guide.hidePopover();
  if (!bar.dataset.keys) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (typing(event.target) || moves(event) || document.querySelector(".ask:popover-open")) return;
  const names = keysOf(event);
  const digit = names.find((name) => /^[1-9]$/.test(name));
  const reason = digit && ballot().querySelector(`[data-digit="${digit}"]`);
  const does = actOf(names);
  if (!reason && !does) return;
  const strong = ballot().querySelector("input[name=strength][value=clearly]");
  const side = does === "left" || does === "right";
  // Shift is how some keys are typed, such as "?"; with a letter it says how much better an answer is, or nothing.
  if (event.shiftKey && /^[a-z]$|^Arrow/.test(names[names.length - 1]) && !(side && strong)) return;
  event.preventDefault();
  if (event.repeat) return;
  if (reason) return reason.click();
  if (side && strong && event.shiftKey && !guarded && !waiting && !busy) strong.checked = true;
  ({ guide: toggleGuide, difference, raw })[does]?.();
  ballot().querySelector(`[data-act="${does}"]:not([disabled])`)?.click();
});

function toggleGuide() {
  guide.togglePopover();
}

guide.addEventListener("toggle", (event) => {
  const open = event.newState === "open";
  for (const button of document.querySelectorAll('[popovertarget="guide"]')) button.setAttribute("aria-expanded", open);
  if (open) guide.focus();
  else if (guide.contains(document.activeElement) || document.activeElement === document.body) main.querySelector("[data-start]").focus({ preventScroll: true });
});

function raw() {
  for (const button of battle().querySelectorAll('[data-act="raw"]')) button.click();
}

// The two answers with their differences marked, in place of the two; the same key brings those back.
async function difference() {
  const shown = battle();
  const compared = shown.querySelector(".difference");
  if (compared) {
    compared.remove();
    shown.classList.remove("is-compared");
    return;
  }
  const own = shown.querySelector('[data-act="difference"]');
  if (own) return own.click();
  const here = document.createElement("div");
  here.className = "difference";
  here.setAttribute("aria-live", "polite");
  shown.querySelector(".pair").after(here);
  try {
    await htmx.ajax("GET", `${new URL(ballot().action).pathname}difference/`, { source: here, target: here, swap: "innerHTML" });
  } catch {
    here.remove();
    return;
  }
  if (here.childElementCount) shown.classList.add("is-compared");
  else here.remove();
}

// Two answers on a narrow screen: side by side, one of them in sight

function turnTo(side, behavior = "smooth") {
  const pair = battle().querySelector(".pair");
  const to = pair.querySelector(`.side[data-side="${side}"]`);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const left = pair.scrollLeft + to.getBoundingClientRect().left - pair.getBoundingClientRect().left;
  pair.scrollTo({ left, behavior: calm ? "instant" : behavior });
}

document.addEventListener("click", (event) => {
  const to = event.target.closest?.("[data-switch]");
  if (!to) return;
  turnTo(to.dataset.switch);
  // A short answer beside a long one may end above the screen.
  const top = battle().querySelector(".switch").offsetTop;
  const side = battle().querySelector(`.side[data-side="${to.dataset.switch}"] .prose`);
  if (side && side.getBoundingClientRect().bottom < 100) scrollTo({ top, behavior: "instant" });
});

document.addEventListener(
  "scroll",
  (event) => {
    const pair = event.target;
    if (!pair.classList?.contains("pair")) return;
    const second = Math.abs(pair.scrollLeft) > pair.clientWidth / 2;
    for (const button of battle().querySelectorAll("[data-switch]")) {
      button.setAttribute("aria-pressed", (button.dataset.switch === "right") === second);
    }
  },
  { capture: true, passive: true },
);

document.documentElement.dataset.desk = "";
const before = recall(ballot());
if (before) offer(before);
fill(ballot());
mark();
